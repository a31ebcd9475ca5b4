"""What is done otherwise after a step of a build has failed: one class, one sign, its rungs.

`ladder` decides; the other modules know one family of repairs each. Nothing here edits or removes
what the author wrote, but for `'use client'` in the build's own copy where its guards pass.
"""

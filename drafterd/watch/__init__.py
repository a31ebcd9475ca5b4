"""Notices new, changed and removed drafts, and when they have settled."""

"""Copies the files of a static release to where others serve them: a folder, a bucket.

Assets come first and pages last, and what is gone is deleted in the end: a visitor never gets a page
whose assets are not there yet. What is written is recorded beside it, so that nothing is overwritten
that is not ours, and a publication that was cut off is put right by the next one.
"""

"""The kinds of drafts: each module recognises some, in the order that `detect.py` says."""

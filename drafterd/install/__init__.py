"""Lays drafterd down on a server that runs systemd, and takes it away again.

Everything is looked at and decided before anything is changed; each file is replaced in one step; the whole may
be run again at any time.
"""

"""A real boot: systemd in a container made from Debian packages, with drafterd installed as its documents say.

Needs root and the packages mmdebstrap and systemd-container: `make test-systemd`.
"""

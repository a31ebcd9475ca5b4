"""`python -m drafterd` is `drafterd`."""

from drafterd.cli import main

main()

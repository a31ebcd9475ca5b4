"""Deleting a draft's own folder, where its operator asks for just that."""

import os
from contextlib import suppress

from drafterd.domain.names import DraftId
from drafterd.files import TEMPORARY, remove_tree
from drafterd.layout import Layout


def purge_source(layout: Layout, draft: DraftId) -> None:
    """Delete the draft's folder: away at once under a name that the watch does not see. Blocks."""
    away = layout.drafts / f"{TEMPORARY}{draft}.{os.getpid()}.{os.urandom(4).hex()}"
    with suppress(FileNotFoundError):
        layout.source(draft).rename(away)
        remove_tree(away)

"""Hands folders over to the user that a draft runs as; for daemons that are root. Blocks: call it in a thread."""

import os
from pathlib import Path

from drafterd.sandbox.walk import folders


def give(folder: Path, user: int, *, done: str = "") -> None:
    """Make everything below `folder` the user's own; follows no link.

    The folder itself comes last: as long as it is not the user's, the work may not be done.

    Args:
        done: Folders of this name are not looked into once they are the user's.

    Raises:
        TooDeep: Its folders are nested too deep.
    """
    if _owner(folder) is None:
        return
    for place, inner, others in folders(folder):
        for name in [*inner, *others]:
            if os.lstat(name, dir_fd=place).st_uid != user:
                os.chown(name, user, user, dir_fd=place, follow_symlinks=False)
            elif name == done and name in inner:
                inner.remove(name)
    if _owner(folder) not in (user, None):
        os.chown(folder, user, user, follow_symlinks=False)


def give_once(folder: Path, user: int) -> None:
    """The same for a folder that only the user writes into later: it is asked whose it is, and no more."""
    if _owner(folder) not in (user, None):
        give(folder, user)


def _owner(path: Path) -> int | None:
    """Whose it is; None when it is not there."""
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None

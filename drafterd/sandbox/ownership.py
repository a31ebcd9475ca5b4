"""Hands folders over to the user that a draft runs as; for daemons that are root. Blocks: call it in a thread."""

import os
from pathlib import Path

from drafterd.sandbox.walk import folders


def give(folder: Path, user: int, group: int | None = None, *, done: str = "", linked: bool = True) -> None:
    """Make everything below `folder` the user's own; follows no link.

    The folder itself comes last: as long as it is not the user's, the work may not be done.

    Args:
        group: Whose it is too; None: the group of the same number.
        done: Folders of this name are not looked into once they are the user's.

        linked: Whether files are given that have other names too, which may lie in others' folders.

    Raises:
        TooDeep: Its folders are nested too deep.
    """
    if _owner(folder) is None:
        return
    group = user if group is None else group
    for place, inner, others in folders(folder):
        for name in [*inner, *others]:
            status = os.lstat(name, dir_fd=place)
            if status.st_uid != user and (linked or name in inner or status.st_nlink == 1):
                os.chown(name, user, group, dir_fd=place, follow_symlinks=False)
            elif name == done and name in inner:
                inner.remove(name)
    if _owner(folder) not in (user, None):
        os.chown(folder, user, group, follow_symlinks=False)


def give_once(folder: Path, user: int, group: int | None = None, *, linked: bool = True) -> None:
    """The same for a folder that only the user writes into later: it is asked whose it is, and no more."""
    if _owner(folder) not in (user, None):
        give(folder, user, group, linked=linked)


def _owner(path: Path) -> int | None:
    """Whose it is; None when it is not there."""
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None

"""Lets another user run a release: where supervisord is not ours, it runs drafts as a user of its own.

Its group is told by the folder of specifications (`files.shared_with`).
"""

import os
import stat
from pathlib import Path

from drafterd.sandbox.walk import folders


def share(folder: Path, group: int) -> int:
    """Give the group what we may ourselves, of everything below `folder` that is ours; returns how much was changed.

    Servers keep caches and data beside their code. Follows no link. Repeatable; blocks: call it in a thread.

    Raises:
        TooDeep: Its folders are nested too deep.
    """
    changed = 0
    for place, inner, others in folders(folder):
        changed += sum(_share(name, place, group) for name in [*inner, *others])
    return changed + _share(os.fspath(folder), None, group)


def _share(name: str, place: int | None, group: int) -> bool:
    """One entry, held fast: whatever is put in its place meanwhile is not touched."""
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        status, path = os.fstat(held), Path(f"/proc/self/fd/{held}")
        if status.st_uid != os.geteuid() or stat.S_ISLNK(status.st_mode):
            return False
        mode = stat.S_IMODE(status.st_mode)
        given = (mode & stat.S_IRWXU) >> 3
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            given &= ~stat.S_IWGRP  # others have a part in it
        if status.st_gid == group and mode & stat.S_IRWXG == given:
            return False
        os.chown(path, -1, group)
        path.chmod(mode & ~(stat.S_IRWXG | stat.S_ISUID | stat.S_ISGID) | given)
    finally:
        os.close(held)
    return True

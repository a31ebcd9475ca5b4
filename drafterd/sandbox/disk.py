"""How much a folder holds, and how much room there is beside it. Blocks: call it in a thread."""

import contextlib
import os
import stat
from collections import Counter
from pathlib import Path

from drafterd.sandbox.walk import folders

_BLOCK = 512


def free(folder: Path) -> int:
    """Bytes that are free in the folder's file system; 0 when that cannot be told."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return facts.f_bavail * facts.f_frsize


def size(folder: Path, *, since: float = 0.0) -> int:
    """Bytes on the disk below a folder; follows no link, and takes what vanishes meanwhile for nothing.

    A file with several names counts once all of them are found here; else it is one that drafts share.

    Args:
        since: What was changed before does not count, seconds since the epoch.

    Raises:
        TooDeep: Its folders are nested too deep to be looked through.
    """
    total = 0
    names: Counter[tuple[int, int]] = Counter()
    for place, inner, others in folders(folder):
        for name in [*inner, *others]:
            with contextlib.suppress(OSError):
                facts = os.lstat(name, dir_fd=place)
                if facts.st_nlink > 1 and not stat.S_ISDIR(facts.st_mode):
                    names[facts.st_dev, facts.st_ino] += 1
                    if names[facts.st_dev, facts.st_ino] != facts.st_nlink:
                        continue
                if facts.st_ctime >= since:  # unlike the other times, nobody can set it
                    total += facts.st_blocks * _BLOCK
    return total

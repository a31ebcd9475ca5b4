"""How much a folder holds, and how much room there is beside it. Blocks: call it in a thread."""

import contextlib
import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from drafterd.sandbox.walk import folders

_BLOCK = 512


def free(folder: Path) -> int:
    """Bytes that are free in the folder's file system; 0 when that cannot be told."""
    return space(folder).free


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has, and what of it is free: bytes and files. No files in all: it has no bound of them."""

    size: int = 0
    free: int = 0
    files: int = 0
    files_free: int = 0


def space(folder: Path) -> Space:
    """The space in a folder's file system; none when that cannot be told."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return Space()
    return Space(facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize, facts.f_files, facts.f_favail)


@dataclass(frozen=True, slots=True)
class Held:
    """What a folder holds: bytes on the disk and files, folders among them."""

    size: int = 0
    files: int = 0


def size(folder: Path, *, since: float = 0.0) -> int:
    """Bytes on the disk below a folder: see `held`."""
    return held(folder, since=since).size


def held(folder: Path, *, since: float = 0.0) -> Held:
    """What lies below a folder; follows no link, and takes what vanishes meanwhile for nothing.

    A file with several names counts once all of them are found here; else it is one that drafts share.

    Args:
        since: What was changed before does not count, seconds since the epoch.

    Raises:
        TooDeep: Its folders are nested too deep to be looked through.
    """
    total = count = 0
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
                    count += 1
    return Held(total, count)

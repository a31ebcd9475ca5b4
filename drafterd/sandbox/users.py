"""Numbers of users and groups for drafts, where the daemon is root: the same in every run, and nobody else's.

They are computed, not kept: two names of one installation that get the same number are as likely as one in
a hundred million, or one in some ten thousand in a container that knows few numbers.
"""

import hashlib
from enum import Enum
from functools import cache
from pathlib import Path

_LAST = (1 << 31) - 1
_NOBODY = 65_534
_FEW = 1 << 16


class Of(Enum):
    """Whose number it is: the first of its range and how many there are; then for a machine with few numbers."""

    BUILDER = (1_880_000_000, 20_000_000, 29_000, 1_000)
    """the one user of all builds within walls: they share the caches of the package managers"""
    INSTANCE = (1_900_000_000, 100_000_000, 30_000, 10_000)
    """the user that a server runs as"""
    BUILD = (2_000_000_000, 100_000_000, 40_000, 10_000)
    """the user that a draft's builds run as where there are no walls between them"""
    DRAFT = (2_100_000_000, 40_000_000, 50_000, 10_000)
    """the group of all that a draft runs"""


def number_of(what: Of, name: str, state: Path) -> int:
    """The number of a user or group of the installation with this state; nobody's where too few are known here."""
    known = _known()
    first, count, few_first, few_count = what.value
    if known <= _LAST:
        first, count = few_first, few_count
    if known < _FEW:
        return _NOBODY
    digest = hashlib.blake2b(f"{what.name}\0{name}\0{state}".encode(errors="surrogateescape"), digest_size=8).digest()
    return int(first + int.from_bytes(digest, "big") % count)


def builder(state: Path) -> int:
    """The user of all builds within walls."""
    return number_of(Of.BUILDER, "", state)


def enough() -> bool:
    """Whether this machine, or the container around us, knows numbers enough for a user each."""
    return _known() >= _FEW


@cache
def _known() -> int:
    """How many numbers, from 0 on, are those of users here."""
    try:
        return known(Path("/proc/self/uid_map").read_text())
    except OSError:
        return 0


def known(uid_map: str) -> int:
    """How many numbers, from 0 on without a gap, a map of users knows."""
    reach = 0
    for first, _, count in sorted(tuple(map(int, line.split())) for line in uid_map.splitlines()):
        if first > reach:
            break
        reach = max(reach, first + count)
    return reach

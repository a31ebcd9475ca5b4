"""What running instances use, read from /proc.

A whole pass finds each instance's processes; between two of them only those are looked at, because a
look at everything many times a minute would cost more than hundreds of idle servers do.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drafterd.run import processes

_PAGE = os.sysconf("SC_PAGE_SIZE")
_RESIDENT, _SHARED = 1, 2  # fields of statm, see proc(5)


@dataclass(slots=True)
class Usage:
    """Knows which processes belong to which instance, as of the last whole pass. Blocks: use it in a thread.

    Attributes:
        resident: Bytes in memory by the pid of an instance's first process, as of that pass.
    """

    resident: Mapping[int, int] = field(default_factory=dict)
    _members: dict[int, frozenset[int]] = field(default_factory=dict)

    def survey(self, roots: Collection[int]) -> None:
        """Find the processes of instances, by the pids of their first ones."""
        known = processes.table()
        self._members = processes.trees(roots, known)
        self.resident = {root: sum(known[pid].rss for pid in pids) for root, pids in self._members.items()}

    def memory(self, roots: Iterable[int]) -> dict[int, int]:
        """Bytes that each instance has for itself: mapped files, such as programs, do not count."""
        return {root: sum(map(_own, self._members.get(root, (root,)))) for root in roots}


def _own(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(fields[_RESIDENT]) - int(fields[_SHARED])) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0

"""Whether a step fills the disk: what it wrote itself, and what is left for everybody else.

Free space is looked at each time, which costs next to nothing. What the step wrote is measured only once it may
matter: its folders, and what it deleted there and holds open.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path

from drafterd.domain.interfaces import Exceeded, Step
from drafterd.sandbox import disk
from drafterd.sandbox.disk import Held, Space
from drafterd.sandbox.use import unlinked, written
from drafterd.sandbox.walk import TooDeep

FLOOR = 256 << 20
"""Bytes that builds leave free; of a small disk a fiftieth."""

FILES_FLOOR = 20_000
"""The same for files."""

_SMALL = 50
_PART = 4
_EVERY = 8
"""Folders are measured against their own limit at every so many looks."""


def filling_up(now: Space, before: Space) -> bool:
    """Whether the disk gets fuller, and is below its floor by the next look if it goes on like this."""
    return any(
        whole and free < earlier and 2 * free - earlier < floor
        for whole, free, earlier, floor in zip(
            (now.size, now.files),
            (now.free, now.files_free),
            (before.free, before.files_free),
            _floors(now),
            strict=True,
        )
    )


def takes_much(grown: Held, now: Space) -> bool:
    """Whether that is so much that ending its writer helps; others, who wrote little, may go on."""
    size, files = _floors(now)
    return grown.size > size // _PART or (now.files > 0 and grown.files > files // _PART)


def _floors(now: Space) -> tuple[int, int]:
    return min(FLOOR, now.size // _SMALL), min(FILES_FLOOR, now.files // _SMALL)


class Filling:
    """Looks after the disk during one step. All calls block for a moment."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._began = time.time()
        self._first = self._last = disk.space(step.cwd)
        self._looks = 0

    def exceeded(self, processes: Callable[[], Collection[int]]) -> Exceeded | None:
        """The limit that is exceeded now. `processes`: tells which are the step's."""
        before, now = self._last, disk.space(self._step.cwd)
        self._last = now
        self._looks += 1
        most = self._step.disk_max
        try:
            if filling_up(now, before) and takes_much(self._grown(processes()), now):
                return Exceeded.FULL
            due = self._looks % _EVERY == 0 and most is not None and self._first.free - now.free >= most // 2
            return Exceeded.DISK if due and most is not None and self._all(processes()) > most else None
        except TooDeep:
            return Exceeded.DISK

    def _grown(self, processes: Collection[int]) -> Held:
        """What the step has written since it began."""
        found = [disk.held(folder, since=self._began) for folder in self._own()]
        seen = sum(each.size for each in found) + self._unseen(processes)
        # What it wrote and only maps has neither a name nor a descriptor: the kernel counted it all the same.
        return Held(max(seen, written(processes)), sum(each.files for each in found))

    def _all(self, processes: Collection[int]) -> int:
        """What the step's folders hold, with what has no name there any more."""
        return sum(map(disk.size, self._own())) + self._unseen(processes)

    def _own(self) -> set[Path]:
        step = self._step
        return {step.cwd, *step.writable, *(layer.upper for layer in step.layers)}

    def _unseen(self, processes: Collection[int]) -> int:
        try:
            return unlinked(processes, self._step.cwd.stat().st_dev)
        except OSError:
            return 0

"""Watches the memory of running instances: what takes more than it may is given up.

No limit of the kernel's does it without control groups: those of the address space break V8.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping

import structlog

from drafterd.run.track import Track, Verdict
from drafterd.run.usage import Usage

_log = structlog.get_logger(__name__)

PERIOD = 2.0
"""Seconds between two looks."""

_SURVEY_EVERY = 5
"""Every so many looks all processes are gone through."""


class Overuse:
    """Looks at the instances' memory until cancelled.

    Args:
        memory_max: Bytes that all processes of an instance may have together; None: they are only counted.
        on_verdict: Called when an instance is to be given up.
    """

    def __init__(self, memory_max: int | None, on_verdict: Callable[[], None]) -> None:
        self.memory_max = memory_max
        self._on_verdict = on_verdict
        self._usage = Usage()

    @property
    def resident(self) -> Mapping[int, int]:
        """Bytes in memory by the pid of an instance's first process; some seconds old."""
        return self._usage.resident

    async def run(self, tracks: Callable[[], Collection[Track]]) -> None:
        """Look again and again."""
        looks = 0
        while True:
            roots = {track.pid: track for track in tracks() if track.pid}
            with contextlib.suppress(OSError):  # out of descriptors: this look is left out
                if looks % _SURVEY_EVERY == 0:
                    await asyncio.to_thread(self._usage.survey, roots.keys())
                if roots and self.memory_max is not None:
                    self._judge(roots, await asyncio.to_thread(self._usage.memory, roots.keys()), self.memory_max)
            looks += 1
            await asyncio.sleep(PERIOD)  # nothing tells of memory that is taken

    def _judge(self, roots: Mapping[int, Track], found: Mapping[int, int], most: int) -> None:
        for pid, track in roots.items():
            if found[pid] > most and track.pid == pid and track.verdict is None and track.problem is None:
                _log.warning("instance.exceeded", instance=track.id, memory=found[pid], limit=most)
                track.verdict = Verdict.MEMORY
                self._on_verdict()

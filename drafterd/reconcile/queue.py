"""The work queue: which draft is to be looked at next.

A key is in it once; one that is being worked on and added again runs once more afterwards; a key is
never worked on twice at a time; of several times the earliest counts.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from drafterd.domain.names import DraftId


class WorkQueue:
    """Keys with the time they are due, in seconds of the monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[DraftId, float] = {}
        self._heap: list[tuple[float, int, DraftId]] = []
        self._tie = itertools.count()
        self._working: set[DraftId] = set()
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        """How many keys wait, due or not."""
        return len(self._due)

    def add(self, key: DraftId, *, after: float = 0.0) -> None:
        """Ask for a look at `key` in `after` seconds; an earlier wish stays."""
        due = self._clock() + max(0.0, after)
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._tie), key))
        self._news.set()

    async def get(self) -> DraftId:
        """The next key that is due and that nobody works on; `done` must follow."""
        async with self._turn:  # one worker waits for the next key, the others for their turn
            while True:
                wait = self._next()
                if isinstance(wait, str):
                    return wait
                self._news.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._news.wait()
                except TimeoutError:
                    continue

    def _next(self) -> DraftId | float | None:
        """A key to work on, or the seconds until one is due, or None: nothing waits."""
        postponed = []
        found: DraftId | float | None = None
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due:
                heapq.heappop(self._heap)  # an older wish that an earlier one replaced
                continue
            rest = due - self._clock()
            if rest > 0:
                found = rest
                break
            postponed_or_found = heapq.heappop(self._heap)
            if key in self._working:
                postponed.append(postponed_or_found)
                continue
            del self._due[key]
            self._working.add(key)
            found = key
            break
        for item in postponed:
            heapq.heappush(self._heap, item)
        return found

    def done(self, key: DraftId) -> None:
        """The look at `key` is over."""
        self._working.discard(key)
        if key in self._due:
            self._news.set()

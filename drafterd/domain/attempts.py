"""Slows guessing down: who has failed several times waits longer before each further try.

Pure: the time is handed in. Kept in memory only: a restart forgives.
"""

from collections import OrderedDict
from dataclasses import dataclass

FREE = 5
"""Tries that may fail before the first wait."""
LONGEST = 900.0
"""Seconds: no wait is longer."""
FORGET = 3600.0
"""Seconds after the last try after which nothing is held against anybody."""
REMEMBERED = 10_000
"""So many are remembered at once; whoever tried longest ago is forgotten first."""


@dataclass(slots=True)
class _Tries:
    failed: int
    last: float


class Attempts:
    """The failed tries of everybody."""

    def __init__(self) -> None:
        self._tries: OrderedDict[tuple[str, ...], _Tries] = OrderedDict()

    def begin(self, who: tuple[str, ...], now: float) -> float:
        """Seconds until `who` may try again; 0.0: now, and the try counts as failed until `succeeded`.

        It counts from its beginning, or many at once would all be the first.
        """
        tries = self._tries.get(who)
        if tries is None or now - tries.last > FORGET:
            tries = self._tries[who] = _Tries(0, now)
        elif (rest := tries.last + _wait(tries.failed) - now) > 0:
            return rest
        tries.failed += 1
        tries.last = now
        self._tries.move_to_end(who)
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return 0.0

    def succeeded(self, who: tuple[str, ...]) -> None:
        """The last try was right: nothing is held against `who` any more."""
        self._tries.pop(who, None)


def _wait(failed: int) -> float:
    """How long to wait after so many failures: 2 s, 4 s, 8 s and so on after the free ones."""
    over = failed - FREE
    return 0.0 if over < 0 else min(LONGEST, 2.0 ** min(over + 1, 20))

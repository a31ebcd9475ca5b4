"""When a changing folder counts as settled: pure, one value per draft."""

from dataclasses import dataclass, replace

LOOK_AGAIN = 0.05
"""Seconds after which a look that is overdue is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """How long a folder has been quiet. Only a look can show that it still is: time alone cannot.

    Attributes:
        stamp: The tree as last seen; "" before the first look.
        changed_at: When it last changed, as far as we saw.
        looked_at: When it was last seen unchanged.
        resting: Nothing is to be waited for: the change was our own.
    """

    stamp: str = ""
    changed_at: float = 0.0
    looked_at: float = 0.0
    resting: bool = False

    def seen(self, stamp: str, now: float) -> "Quiet":
        """The value after a look at the tree."""
        if stamp == self.stamp:
            return replace(self, looked_at=now)
        return Quiet(stamp=stamp, changed_at=now, looked_at=now)

    def rest(self, stamp: str) -> "Quiet":
        """The value after we wrote into the folder ourselves and left it with this stamp."""
        return replace(self, stamp=stamp, resting=True)

    def settles_in(self, settle: float, now: float) -> float:
        """Seconds until it is settled if nothing more changes; 0.0 when it is."""
        if self.resting or self.looked_at - self.changed_at >= settle:
            return 0.0
        return max(LOOK_AGAIN, self.changed_at + settle - now)

"""Which port a server gets: its draft's home port where that is free, else the next one."""

from collections.abc import Callable, Collection

from drafterd.domain.errors import PortsExhausted


def pick(first: int, last: int, *, prefer: int | None, taken: Collection[int], is_free: Callable[[int], bool]) -> int:
    """Return a port of the pool `first`..`last` (both included).

    Args:
        prefer: Tried first, if it lies in the pool.
        taken: Ports that are leased to others: never given.
        is_free: Whether a stranger holds a port; asked for candidates only, in order.

    Raises:
        PortsExhausted: Every port of the pool is leased or held by a stranger.
    """
    pool = range(first, last + 1)
    order = pool if prefer is None or prefer not in pool else (prefer, *(port for port in pool if port != prefer))
    for port in order:
        if port not in taken and is_free(port):
            return port
    raise PortsExhausted(
        f"no port between {first} and {last} is free",
        hint="raise ports.last in the configuration, or pause drafts that nobody needs",
    )

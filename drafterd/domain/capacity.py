"""How much may run at once: build slots, and what the machine has left for another build."""

CORES_PER_BUILD = 2
BURST = 3
"""While so many builds wait, one more runs than there are slots: a build leaves a part of its cores idle."""
BUILD_MEMORY = 1_200_000_000
"""Bytes that a build may need: a small Next.js app takes about 700 MB at its peak."""
YOUNG = 30.0
"""Seconds in which a build may not have taken its memory yet: what is free then is not free for others."""
PRESSURE_MAX = 10.0
"""Percent of the last ten seconds in which everything waited for memory."""


def build_slots(asked: int | None, cores: int) -> int:
    """How many builds may run at once: what was asked for, else one per two cores, at least one."""
    return asked if asked is not None else max(1, cores // CORES_PER_BUILD)


def burst_slots(asked: int | None) -> int:
    """How many more may run in a burst: none where the operator has said how many run at once."""
    return 1 if asked is None else 0


def held_back(running: int, *, young: int, slots: int, available: int, pressure: float) -> str:
    """Why no further build may begin now, for people; "": one may.

    The first one always may: else a machine that is short of memory would never build again.

    Args:
        running: Builds that run, or will before it.
        young: Those of them that began just now: see `YOUNG`.
        available: Bytes of memory that are free, or can be made so.
        pressure: See `PRESSURE_MAX`; 0 where the kernel does not tell.
    """
    if running >= slots:
        return "waits for a free build slot"
    needed = BUILD_MEMORY * (young + 1)
    if running and available < needed:
        who = "another build needs" if not young else "it needs with those that have just begun"
        return f"waits for memory: {available / 1e9:.1f} GB are free, {who} {needed / 1e9:.1f} GB"
    if running and pressure > PRESSURE_MAX:
        return f"waits for memory: programs waited for it in {pressure:.0f} % of the last seconds"
    return ""

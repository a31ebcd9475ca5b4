"""How much may run at once: build slots."""

CORES_PER_BUILD = 2


def build_slots(asked: int | None, cores: int) -> int:
    """How many builds may run at once: what was asked for, else one per two cores, at least one."""
    return asked if asked is not None else max(1, cores // CORES_PER_BUILD)

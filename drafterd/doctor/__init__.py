"""What `doctor` looks at: tools, ports, limits, room, walls. Each finding says how to mend it.

Beside the daemon, not in it: it must be able to say why no daemon runs. What only the living daemon knows, it is
told.
"""

from drafterd.doctor import isolation, machine, network, places, services, tools
from drafterd.doctor.case import Case, Look, Server, Told
from drafterd.doctor.finding import Finding, Level
from drafterd.doctor.places import daemon_lives

__all__ = ["Case", "Finding", "Level", "Server", "Told", "daemon_lives", "examine", "preflight"]

_ESSENTIAL: tuple[Look, ...] = (*tools.ESSENTIAL, *places.ESSENTIAL, isolation.sandboxes)
_ALL: tuple[Look, ...] = (
    *services.ALL,
    *tools.ESSENTIAL,
    *places.ESSENTIAL,
    *machine.ALL,
    *isolation.ALL,
    *network.ALL,
    *places.FURTHER,
)


def examine(case: Case) -> tuple[Finding, ...]:
    """Look at everything. Changes nothing, takes a few seconds at most."""
    return tuple(finding for look in _ALL for finding in look(case))


def preflight(case: Case) -> tuple[Finding, ...]:
    """What would keep `up` from working: only the errors."""
    found = (finding for look in _ESSENTIAL for finding in look(case))
    return tuple(finding for finding in found if finding.level is Level.ERROR)

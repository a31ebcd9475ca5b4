"""What `doctor` looks at: tools, ports, limits, room, walls. Each finding says how to mend it.

Beside the daemon, not in it: it must be able to say why no daemon runs.
"""

from drafterd.config import Config
from drafterd.doctor import isolation, machine, network, places, tools
from drafterd.doctor.finding import Finding, Level
from drafterd.doctor.places import daemon_lives

__all__ = ["Finding", "Level", "daemon_lives", "examine", "preflight"]

_ESSENTIAL = (*tools.ESSENTIAL, *places.ESSENTIAL, isolation.sandboxes)
_ALL = (*tools.ESSENTIAL, *places.ESSENTIAL, *machine.ALL, *isolation.ALL, *network.ALL, *places.FURTHER)


def examine(config: Config) -> tuple[Finding, ...]:
    """Look at everything. Changes nothing, takes a few seconds at most."""
    return tuple(finding for look in _ALL for finding in look(config))


def preflight(config: Config) -> tuple[Finding, ...]:
    """What would keep `up` from working: only the errors."""
    found = (finding for look in _ESSENTIAL for finding in look(config))
    return tuple(finding for finding in found if finding.level is Level.ERROR)

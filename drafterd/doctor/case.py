"""What `doctor` is told before it looks: the configuration, the installation it belongs to, the living daemon's words."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drafterd.config import Config
from drafterd.doctor.finding import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An installation by `drafterd install --systemd`, and how systemd has it.

    Attributes:
        proxy: Which one was chosen: `traefik`, `system-traefik` or `system-nginx`.
        services: What systemd says of each unit: `active`, `failed`, ...
        environ: What the daemon's unit gives it; None: only root may know.
        credentials: The file with the operator's values.
        room: Bytes that running drafts may still take, as their slice bounds them; None: nothing bounds them.
    """

    proxy: str
    services: Mapping[str, str]
    environ: Mapping[str, str] | None
    credentials: Path
    room: int | None = None

    @property
    def proxy_unit(self) -> str:
        """The unit that visitors meet; "" where the administrator alone knows it."""
        return {"traefik": "drafterd-traefik.service", "system-nginx": "nginx.service"}.get(self.proxy, "")

    def runs(self, unit: str) -> bool:
        """Whether a unit is active, as far as we know."""
        return self.services.get(unit, "active") == "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the living daemon says: its unit has bounds and walls that a shell, root's at that, has not.

    Attributes:
        sandbox: How drafts are kept apart.
        limits: How they are bounded.
        failing: The parts that are not well, and why.
    """

    version: str
    sandbox: str
    limits: str
    failing: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is looked at.

    Attributes:
        server: None: drafterd is not installed as services here, or this configuration is another one's.
        told: None: no daemon answers.
        silence: Why none does.
    """

    config: Config
    server: Server | None = None
    told: Told | None = None
    silence: str = ""

    @property
    def environ(self) -> Mapping[str, str] | None:
        """What the daemon has for its environment; None: only root may know."""
        return self.server.environ if self.server else os.environ


Look = Callable[[Case], Findings]
"""Looks at one thing. Changes nothing, takes a few seconds at most."""

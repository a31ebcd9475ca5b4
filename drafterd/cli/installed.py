"""What commands on a server must know that a shell there does not: what was installed, and how systemd has it.

A shell, root's at that, has not the environment of the daemon's unit, nor its walls and its bounds.
"""

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drafterd.cli.client import OWN_STATE
from drafterd.domain.errors import DrafterdError

if TYPE_CHECKING:  # imported late, like all that other commands need not wait for
    from drafterd.config import Config
    from drafterd.doctor import Server
    from drafterd.install.ground import Ground
    from drafterd.install.record import Record

_TIMEOUT = 20.0
_WATCHED = (".service", ".socket", ".path")
_ENVIRON_MAX = 1_000_000


def settings_file(named: Path | None) -> Path | None:
    """The configuration that is meant where none is named: as for the daemon that is asked, this folder's goes first."""
    from drafterd.install import choices

    if named is not None or (os.environ.get("DRAFTERD_STATE") or Path(OWN_STATE).exists()):
        return named
    return choices.SETTINGS if _facts() and choices.SETTINGS.exists() else None


def environment(config: "Config") -> Mapping[str, str] | None:
    """What the daemon of this configuration is given, as far as its values for drafts go; None: only root may know."""
    from drafterd.install import choices

    if not _is_installed(config):
        return os.environ
    if os.geteuid() != 0:
        return None
    return _environ_of(_main_pid()) | {"CREDENTIALS_DIRECTORY": str(choices.CREDENTIALS.parent)}


def server(config: "Config") -> "Server | None":
    """The installation of this configuration; None where it is none."""
    from drafterd.doctor import Server
    from drafterd.install import choices

    if not _is_installed(config):
        return None
    proxy = _facts().get("proxy", "traefik")
    return Server(
        proxy=proxy,
        services=_services(*(("nginx.service",) if proxy == choices.Proxy.SYSTEM_NGINX else ())),
        environ=environment(config),
        credentials=choices.CREDENTIALS,
        room=_room(),
    )


def _ground() -> "Ground":
    from drafterd.install.ground import Ground

    return Ground()


def _facts() -> Mapping[str, str]:
    return _record().facts


def _record() -> "Record":
    from drafterd.install.record import Record

    try:
        return _ground().record()
    except DrafterdError:
        return Record()


def _is_installed(config: "Config") -> bool:
    """Whether it is the configuration of the services here: their state lies where the units have it."""
    from drafterd.install import choices

    return config.layout().state == choices.STATE and bool(_facts())


def _services(*more: str) -> Mapping[str, str]:
    """What systemd says of each unit that was laid down, but for those that run for a moment only."""
    from drafterd.install import choices

    laid = {path.name for path in _record().files if path.parent == choices.UNITS and path.suffix in _WATCHED}
    names = [*sorted(laid - {choices.NGINX_RELOAD}), *more]
    said = _systemctl("is-active", *names).split()
    return dict(zip(names, said, strict=True)) if len(said) == len(names) else {}


def _room() -> int | None:
    """Bytes that the slice of running drafts leaves them."""
    names = ("MemoryHigh", "MemoryMax", "MemoryCurrent")
    lines = _systemctl("show", *(f"--property={name}" for name in names), "drafterd-drafts.slice").splitlines()
    found = {name: int(value) for name, _, value in (line.partition("=") for line in lines) if value.isdigit()}
    most = [found[name] for name in ("MemoryHigh", "MemoryMax") if found.get(name, 1 << 63) < 1 << 63]
    return max(min(most) - found.get("MemoryCurrent", 0), 0) if most else None


def _main_pid() -> int:
    said = _systemctl("show", "--property=MainPID", "--value", "drafterd.service").strip()
    return int(said) if said.isdigit() else 0


def _environ_of(pid: int) -> dict[str, str]:
    """The environment of the daemon, which names proxies and the registry."""
    if not pid:
        return {}
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/environ").open("rb") as file:
        words = file.read(_ENVIRON_MAX).decode(errors="surrogateescape").split("\0")
        return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}
    return {}


def _systemctl(*words: str) -> str:
    """What systemctl prints; nothing where there is none. It says no with an exit code, which is an answer too."""
    try:
        done = subprocess.run(
            ["systemctl", *words],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout

"""Who holds the ports and sockets that an installation needs."""

import contextlib
import errno
import pwd
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from drafterd.config import Config
from drafterd.domain.model import Address
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Proxy
from drafterd.install.finding import Finding, Findings
from drafterd.install.ground import Ground
from drafterd.install.others import RUN_USER

_CREDENTIALS = struct.Struct("3i")
_TIMEOUT = 5.0
_OF_THE_PROXY = frozenset({"proxy.listen", "proxy.dashboard", "proxy.tls.plain"})
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what it is called, not where we listen


def ports(ground: Ground, choices: Choices, config: Config) -> Findings:
    """Ports that somebody else holds. What our own units hold is theirs; another's proxy is there before us."""
    ours = frozenset(config.listeners()) - (frozenset() if choices.proxy is Proxy.TRAEFIK else _OF_THE_PROXY)
    taken = {key: why for key in sorted(ours) if (why := _obstacle(config.listeners()[key]))}
    own = _Own.found(ground) if taken else _Own()
    for key, why in taken.items():
        address = config.listeners()[key]
        if why == errno.EADDRNOTAVAIL:
            yield Finding(f"{key}: this machine has no address {address.host}", _another(ground, key))
        elif (other := own.other(address)) is not None:
            yield Finding(f"{key}: {address} is taken by {other}", _another(ground, key))


@dataclass(frozen=True, slots=True)
class _Own:
    """What our services hold now, whatever the units say that they will hold.

    Attributes:
        addresses: Host and port of each.
        by_systemd: Whether systemd itself holds some for us: nobody says which, once the units were read anew.
        hidden: Whether we may not look.
    """

    addresses: frozenset[tuple[str, int]] = frozenset()
    by_systemd: bool = False
    hidden: bool = False

    @classmethod
    def found(cls, ground: Ground) -> "_Own":
        """Ask systemd and the kernel."""
        states = ground.states((places.DAEMON, places.SOCKET, places.TRAEFIK))
        daemon, proxy = (int(states.get(unit, {}).get("MainPID", 0)) for unit in (places.DAEMON, places.TRAEFIK))
        waits = not daemon and states.get(places.SOCKET, {}).get("ActiveState") == "active"
        try:
            held = [address for pid in (daemon, proxy) if pid for address in _held(pid)]
        except psutil.AccessDenied:
            return cls(hidden=True)
        return cls(frozenset(held), by_systemd=waits)

    def other(self, address: Address) -> str | None:
        """Who holds it, for people; None: we do."""
        if self.hidden:
            return None
        for at, pid in _listeners():
            if _overlap(at, address) and at not in self.addresses and not (self.by_systemd and pid == 1):
                return _shown(pid)
        ours = self.by_systemd or any(_overlap(at, address) for at in self.addresses)
        return None if ours else _shown(0)


def _held(pid: int) -> Iterator[tuple[str, int]]:
    """Where a process listens."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for connection in psutil.Process(pid).net_connections("tcp"):
            yield from _listening(connection)


def _listeners() -> Iterator[tuple[tuple[str, int], int]]:
    """Who listens where on this machine; 0 for a process that we may not see."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            for at in _listening(connection):
                yield at, connection.pid or 0


def _listening(connection: Any) -> Iterator[tuple[str, int]]:
    """Where it listens, if it does."""
    if connection.status == psutil.CONN_LISTEN:
        yield connection.laddr.ip, connection.laddr.port


def _overlap(at: tuple[str, int], address: Address) -> bool:
    """Whether one listener keeps the other out."""
    return at[1] == address.port and (at[0] == address.host or bool({at[0], address.host} & _EVERYWHERE))


def _shown(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "another program"
    except psutil.Error:
        return "another program"


def _another(ground: Ground, key: str) -> str:
    if ground.at(places.SETTINGS).exists():
        return f"stop that one, or set {key} in {places.SETTINGS} to another address"
    if key == "proxy.listen":
        return "stop that one, or choose another address with --listen"
    return f"stop that one, or write {places.SETTINGS} first, as --root lays it down, with another {key}"


def _obstacle(address: Address) -> int:
    """Why nobody else may listen there now: an error's number, 0 for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except PermissionError:
            return 0  # a port below 1024, which root may take
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def supervisor(ground: Ground, path: Path) -> Findings:
    """Whether a supervisord listens there that is the administrator's own, and runs as whom drafts are to run as."""
    mend = "let drafterd have its own: --supervisor managed"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError as error:
        yield Finding(f"no supervisord answers at {path}: {error.strerror}", f"start it as told above, or {mend}")
        return
    process, user, _ = _CREDENTIALS.unpack(credentials)
    own = ground.states([places.SUPERVISOR]).get(places.SUPERVISOR, {}).get("MainPID")
    if own == str(process):
        yield Finding(
            f"at {path} answers the supervisord of drafterd, which would end",
            f"set runtime.socket in {places.SETTINGS} to the socket of yours",
        )
    elif user == 0:
        yield Finding(f"the supervisord at {path} is root, and would run every draft as root", mend)
    elif (name := _name(user)) != RUN_USER:
        run_as = f"run it as {RUN_USER} as told above, or {mend}"
        yield Finding(
            f"the supervisord at {path} runs as {name}, who may not read what drafts are started with", run_as
        )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"the user {user}"

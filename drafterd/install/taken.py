"""Who holds the ports and sockets that an installation needs."""

import socket
import struct
from pathlib import Path

import psutil

from drafterd.config import Config
from drafterd.domain.model import Address
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Proxy
from drafterd.install.finding import Finding, Findings
from drafterd.install.ground import Ground

_CREDENTIALS = struct.Struct("3i")
_TIMEOUT = 5.0


def ports(ground: Ground, choices: Choices, config: Config) -> Findings:
    """Ports that somebody else holds. What our own units hold is theirs; another's proxy is there before us."""
    holders = {"api.listen": places.SOCKET, "edge.listen": places.SOCKET}
    if choices.proxy is Proxy.TRAEFIK:
        holders |= dict.fromkeys(("proxy.listen", "proxy.dashboard", "proxy.tls.plain"), places.TRAEFIK)
    for key, address in config.listeners().items():
        unit = holders.get(key)
        if unit is None or free(address) or ground.says_yes(["systemctl", "is-active", "--quiet", unit]):
            continue
        yield Finding(f"{key}: {address} is taken by {holder(address.port)}", _another(ground, key))


def _another(ground: Ground, key: str) -> str:
    if ground.at(places.SETTINGS).exists():
        return f"stop that one, or set {key} in {places.SETTINGS} to another address"
    if key == "proxy.listen":
        return "stop that one, or choose another address with --listen"
    return f"stop that one, or write {places.SETTINGS} first, as --root lays it down, with another {key}"


def free(address: Address) -> bool:
    """Whether nobody listens there."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except PermissionError:
            return True
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Who listens on a port, for people."""
    try:
        for connection in psutil.net_connections("tcp"):
            at = connection.laddr[1:2] if connection.status == psutil.CONN_LISTEN else ()
            if at == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "another program"


def supervisor(path: Path) -> Findings:
    """Whether a supervisord listens there that is neither root nor a stranger."""
    mend = "let drafterd have its own: --supervisor managed"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError as error:
        yield Finding(f"no supervisord answers at {path}: {error.strerror}", f"start it, or {mend}")
        return
    _, user, _ = _CREDENTIALS.unpack(credentials)
    if user == 0:
        yield Finding(f"the supervisord at {path} is root, and would run every draft as root", mend)

"""Sockets that systemd holds for us: they stay open while the daemon restarts, so that requests wait.

The protocol is sd_listen_fds(3): descriptors from 3 on, counted by $LISTEN_FDS, meant for the process $LISTEN_PID.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from drafterd.domain.model import Address

_FIRST = 3
_LOCAL_NAME = "localhost"

_log = structlog.get_logger(__name__)


class Inherited:
    """What systemd handed over. Each socket is taken at most once; `close` ends our hold on the rest."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._sockets = [socket.socket(fileno=number) for number in _handed_over(environ)]

    def tcp(self, address: Address) -> socket.socket | None:
        """The one that listens at `address`, if any."""
        return self._take(lambda name: isinstance(name, tuple) and _is_same(address, str(name[0]), int(name[1])))

    def unix(self, path: Path) -> socket.socket | None:
        """The one that listens at `path`, if any."""
        return self._take(lambda name: name == str(path))

    def close(self) -> None:
        """Close what nobody took: it listens where the configuration says nothing of."""
        for left in self._sockets:
            _log.warning("socket.unexpected", address=str(left.getsockname()))
            left.close()
        self._sockets.clear()

    def _take(self, fits: Callable[[Any], bool]) -> socket.socket | None:
        for found in self._sockets:
            if found.type == socket.SOCK_STREAM and fits(found.getsockname()):
                self._sockets.remove(found)
                return found
        return None


def _handed_over(environ: MutableMapping[str, str]) -> range:
    """The descriptors meant for us; no child of ours is to believe that they are its own."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not count.isascii() or not count.isdigit() or pid != str(os.getpid()):
        return range(0)
    found = range(_FIRST, _FIRST + int(count))
    for number in found:
        os.set_inheritable(number, False)
    return found


def _is_same(wanted: Address, host: str, port: int) -> bool:
    if wanted.port != port:
        return False
    return host == wanted.host or (wanted.host == _LOCAL_NAME and ipaddress.ip_address(host).is_loopback)

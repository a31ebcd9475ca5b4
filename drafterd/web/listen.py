"""Runs one application on a TCP port, a unix socket, or both."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Self

from aiohttp import web

_SHUTDOWN = 2.0
_HELD_SHUTDOWN = 10.0
"""Seconds for what is being sent, where somebody is to follow us: a download ends, and new requests wait meanwhile."""
_SOCKET_MODE = 0o660
_BACKLOG = 1024
"""So many connections wait while nobody accepts them."""
_LAST_MOMENT = 0.2


class Listener:
    """Where an application answers.

    Args:
        app: The application.
        host: Address to listen on, with `port`; None for no TCP.
        port: 0 picks a free one; see `address`.
        unix_socket: Path of a unix socket (mode 0660), or None. One left behind is replaced.
        held: A socket that listens already and that somebody else (systemd) holds open too: instead of the others.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        host: str | None = None,
        port: int = 0,
        unix_socket: Path | None = None,
        held: socket.socket | None = None,
    ) -> None:
        # No access log: a visitor's address and query are nobody's business here.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_HELD_SHUTDOWN if held else _SHUTDOWN)
        self._closing = False
        app.on_response_prepare.append(self._say_farewell)
        self._host = None if held else host
        self._port = port
        self._unix_socket = None if held else unix_socket
        self._held = held

    async def start(self) -> None:
        """Listen. Raises OSError when the port or path cannot be had; nothing is left open then."""
        await self._runner.setup()
        try:
            if self._held is not None:
                await web.SockSite(self._runner, self._held, backlog=_BACKLOG).start()
            if self._host is not None:
                await web.TCPSite(self._runner, self._host, self._port).start()
            if self._unix_socket is not None:
                await web.SockSite(self._runner, _bound(self._unix_socket)).start()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def close(self) -> None:
        """Stop listening, end what is open, remove the socket. Repeatable."""
        self._closing = True
        if self._held is not None:
            for site in list(self._runner.sites):
                await site.stop()
            # What was accepted a moment ago may be about to ask; whoever comes from now on waits for the next daemon.
            await asyncio.sleep(_LAST_MOMENT)
        await self._runner.cleanup()
        if self._unix_socket is not None:
            self._unix_socket.unlink(missing_ok=True)

    async def _say_farewell(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Who keeps a connection open is told to take another one, before this one is closed under a request."""
        if self._closing:
            response.headers["Connection"] = "close"
            response.force_close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of the TCP listener while it listens, else None."""
        found = [address for address in self._runner.addresses if isinstance(address, tuple)]
        return (str(found[0][0]), int(found[0][1])) if found else None


def _bound(path: Path) -> socket.socket:
    """A unix socket at `path`, in place of one that a killed daemon left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(_SOCKET_MODE)
    except BaseException:
        listener.close()
        raise
    return listener

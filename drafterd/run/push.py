"""Hears from our plug-in inside supervisord that a program changed its state: hints only, the truth is asked for."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from drafterd.files import shared_with
from drafterd.layout import Layout

LONGEST_SOCKET = 95
"""Bytes: the system takes 107, and supervisord appends its pid for a moment."""


def event_socket(layout: Layout) -> Path:
    """Where the plug-in sends its datagrams."""
    return layout.run / "supervisor" / "events.sock"


@contextlib.asynccontextmanager
async def pushes(layout: Layout, notice: Callable[[], None]) -> AsyncIterator[None]:
    """While it is open, `notice` is called for every datagram."""
    path = event_socket(layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
        receiver.bind(str(path))
        path.chmod(0o600 if shared_with(path.parent) is None else 0o660)
        loop = asyncio.get_running_loop()
        loop.add_reader(receiver, _drain, receiver, notice)
        try:
            yield
        finally:
            loop.remove_reader(receiver)


def _drain(receiver: socket.socket, notice: Callable[[], None]) -> None:
    """Take all that has come: many at once are one reason to look."""
    with contextlib.suppress(BlockingIOError):
        while True:
            receiver.recv(64)
            notice()

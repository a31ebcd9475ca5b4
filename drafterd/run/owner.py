"""Tells whose server answers on an instance's port: its own, a stranger's, or a leftover of an earlier start."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from enum import StrEnum
from pathlib import Path

from drafterd.domain.model import Address
from drafterd.run import processes

_PAUSE = 0.02


class Owner(StrEnum):
    """Who listens."""

    OURS = "ours"
    STRANGER = "stranger"
    LEFTOVER = "leftover"
    """a process of the same instance that its supervisor lost; it has been ended"""
    NOBODY = "nobody"


async def owner(port: int, *, root: int | None, instance: str, state: Path) -> Owner:
    """Look who listens on `port`, while `root` is the instance's process (None: it has none).

    Where the system does not let us look at the process (it runs as another user), it is believed.
    """
    return await asyncio.to_thread(_owner, port, root, processes.Mark(instance, str(state)))


async def listens(root: int | None) -> frozenset[tuple[str, int]]:
    """The addresses that the processes of an instance listen on, as far as we may look."""
    if root is None:
        return frozenset()
    return await asyncio.to_thread(lambda: processes.listening(processes.tree(root, processes.table())) or frozenset())


def _owner(port: int, root: int | None, mark: processes.Mark) -> Owner:
    family = processes.tree(root, processes.table()) if root else frozenset()
    places = processes.listening(family)
    if family and (places is None or any(place[1] == port for place in places)):
        return Owner.OURS
    holders = processes.holders(port)
    if not holders:
        return Owner.NOBODY
    lost = [pid for pid in holders if pid is not None and pid not in family and processes.mark(pid) == mark]
    for pid in lost:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return Owner.LEFTOVER if lost else Owner.STRANGER


async def free(address: Address, within: float) -> bool:
    """Whether nobody holds the address, or no longer does after `within` seconds."""
    deadline = time.monotonic() + within
    while not _bindable(address):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_PAUSE)
    return True


def _bindable(address: Address) -> bool:
    """With SO_REUSEADDR, as Node binds: connections of an ended server that still linger do not count."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
    return True

"""Reads from /proc which processes belong to an instance and where they listen.

Apart, because it blocks: callers use a thread. Linux only. Processes of another user that do not let
us look are treated as if they were not there.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

INSTANCE = "DRAFTERD_INSTANCE"
STATE = "DRAFTERD_STATE"

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_RSS_FIELD = 21  # counted after the name, see proc(5)


@dataclass(frozen=True, slots=True)
class Entry:
    """One process: its parent, its group, its resident bytes."""

    pid: int
    parent: int
    group: int
    rss: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What the launcher sets in the environment of everything it starts."""

    instance: str
    state: str


def table() -> dict[int, Entry]:
    """All living processes by pid, in one pass; zombies are left out."""
    return {entry.pid: entry for pid in _pids() if (entry := _entry(pid)) is not None}


def _pids() -> Iterator[int]:
    return (int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal())


def _entry(pid: int) -> Entry | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        # The name may hold anything, parentheses and spaces too.
        fields = text[text.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X"):
            return None
        return Entry(pid=pid, parent=int(fields[1]), group=int(fields[2]), rss=int(fields[_RSS_FIELD]) * _PAGE)
    except (OSError, ValueError, IndexError):
        return None


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    return _entry(pid) is not None


def tree(root: int, processes: Mapping[int, Entry]) -> frozenset[int]:
    """`root`, its descendants, and its process group."""
    children: dict[int, list[int]] = {}
    for entry in processes.values():
        children.setdefault(entry.parent, []).append(entry.pid)
    found = {entry.pid for entry in processes.values() if entry.group == root}
    found |= {root} & processes.keys()
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return frozenset(found)


def mark(pid: int) -> Mark | None:
    """The launcher's mark on a process, or None."""
    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    if INSTANCE.encode() not in data:
        return None
    pairs = dict(item.split(b"=", 1) for item in data.split(b"\0") if b"=" in item)
    instance, state = pairs.get(INSTANCE.encode()), pairs.get(STATE.encode())
    if instance is None or state is None:
        return None
    return Mark(os.fsdecode(instance), os.fsdecode(state))


def marked(wanted: Callable[[Mark], bool]) -> frozenset[int]:
    """The living processes whose mark is `wanted`; never ourselves."""
    return frozenset(pid for pid in table() if pid != os.getpid() and (found := mark(pid)) and wanted(found))


def end(find: Callable[[], Collection[int]], *, grace: float, within: float = 10.0) -> frozenset[int]:
    """Send TERM to what `find` finds, KILL after `grace` seconds, until it finds nothing.

    Returns what is left after `within` seconds: processes that even KILL does not end yet.
    """
    started = time.monotonic()
    asked: set[int] = set()
    while left := frozenset(find()):
        elapsed = time.monotonic() - started
        if elapsed > within:
            return left
        for pid in left:
            if elapsed >= grace:
                _signal(pid, signal.SIGKILL)
            elif pid not in asked:
                _signal(pid, signal.SIGTERM)
        asked |= left
        time.sleep(0.02)
    return frozenset()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return  # gone, or not ours to end; the caller looks again


def listening(pids: Collection[int]) -> frozenset[tuple[str, int]] | None:
    """Addresses that the processes listen on, or None if we may not look at any of them."""
    found: set[tuple[str, int]] = set()
    looked = False
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except (psutil.Error, OSError):
            continue
        looked = True
        found |= {(each.laddr.ip, each.laddr.port) for each in connections if each.status == psutil.CONN_LISTEN}
    return frozenset(found) if looked else None


def holders(port: int) -> frozenset[int | None]:
    """The processes that listen on the port, None for one that we may not look at; empty if nobody does."""
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return frozenset()
    return frozenset(
        each.pid
        for each in connections
        if each.status == psutil.CONN_LISTEN and getattr(each.laddr, "port", None) == port
    )

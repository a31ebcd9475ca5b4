"""What the kernel tells of processes, and ending those that nobody else keeps track of. Linux only."""

import contextlib
import errno
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "DRAFTERD_MARK"
"""The variable that tells whose a process is; children inherit it even out of our group."""

_PROC = Path("/proc")
_STATE, _PARENT, _GROUP, _STARTED = 0, 1, 2, 19  # among the fields after the name


@dataclass(frozen=True, slots=True)
class Identity:
    """A process across restarts of ours: its number may be given again, not with the same start.

    Attributes:
        started: Clock ticks since the boot.
    """

    pid: int
    started: int


def group_lives(group: int) -> bool:
    """Whether a process of the group still runs; dead ones that nobody has reaped do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    wanted = b"%d" % group
    return any(
        fields[_GROUP] == wanted and fields[_STATE] not in (b"Z", b"X") for fields in map(_fields, _pids()) if fields
    )


def identify(pid: int) -> Identity | None:
    """The process that has this number now, or None."""
    fields = _fields(pid)
    return Identity(pid, int(fields[_STARTED])) if fields else None


def _fields(pid: int) -> list[bytes]:
    """What the kernel tells of a process, from its state on; nothing when it is gone."""
    try:
        line = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return []
    return line.rpartition(b")")[2].split()  # before it stands the name, which may hold anything


def _pids() -> Iterator[int]:
    with os.scandir(_PROC) as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdigit())


def end_group(leader: Identity) -> bool:
    """Kill the group of a process that an earlier daemon started; False: it is another one, or gone."""
    if identify(leader.pid) != leader:
        return False
    try:
        if os.getpgid(leader.pid) != leader.pid:
            return False
        end_tree(leader.pid)
    except OSError:
        return False
    return True


def end_tree(leader: int) -> None:
    """Kill all that descends from the leader of a group, also what it starts meanwhile, and the group at last.

    The leader goes last: a sandbox may have made it one that adopts what loses its parent. Until then it stands
    still, and cannot tell of the death of its children as if they had just failed.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGSTOP)
    killed: set[int] = set()
    while found := set(_below(leader)) - killed:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _below(root: int) -> Iterator[int]:
    """Every process that descends from another."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        if fields := _fields(pid):
            children.setdefault(int(fields[_PARENT]), []).append(pid)
    waiting = [root]
    while waiting:
        found = children.pop(waiting.pop(), [])
        waiting += found
        yield from found


def sweep(chosen: Callable[[str], bool]) -> int:
    """Kill every process whose mark is chosen, also what they start meanwhile; returns how many."""
    killed: set[int] = set()
    while found := {pid for pid, mark in _marked() if chosen(mark)} - killed:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
    return len(killed)


def _marked() -> Iterator[tuple[int, str]]:
    """Every process with a mark that we may see, ourselves left out."""
    prefix = f"{MARK}=".encode()
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESRCH, errno.EACCES, errno.EPERM):
                continue
            raise
        for variable in environment.split(b"\0"):
            if variable.startswith(prefix):
                yield pid, os.fsdecode(variable[len(prefix) :])

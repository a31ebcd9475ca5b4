"""Processes by the user that they run as: where users are a draft's own, nothing else says as surely whose they are.

Read from /proc, where this may be seen of every process, unlike its environment. Linux only.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_DEAD = (b"Z", b"X")
_ROUNDS = 200
_ROUND_EVERY = 0.01


def user_of(pid: int) -> int | None:
    """Who a process runs as; None when it is gone, or has died and was not reaped."""
    try:
        lines = (_PROC / str(pid) / "status").read_bytes().splitlines()
    except OSError:
        return None
    facts = {name: value.split() for name, _, value in (line.partition(b":") for line in lines[:12])}
    if facts.get(b"State", [b"X"])[0] in _DEAD:
        return None
    return int(facts[b"Uid"][0]) if b"Uid" in facts else None


def of_users(wanted: Callable[[int], bool]) -> Iterator[int]:
    """Every living process of these users."""
    with os.scandir(_PROC) as entries:
        for entry in entries:
            if entry.name.isdigit() and (user := user_of(int(entry.name))) is not None and wanted(user):
                yield int(entry.name)


def end_all(user: int) -> None:
    """Kill every process of a user, also what they start meanwhile. Blocks: call it in a thread."""
    for _ in range(_ROUNDS):
        living = list(of_users(user.__eq__))
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not living:
            return
        time.sleep(_ROUND_EVERY)  # nothing tells of the end of what is not our child

"""Becomes nginx, once what a killed one left has ended: its workers outlive it and hold its ports.

Run as `python -m drafterd.route.nginx_start MAIN NGINX [WORDS ...]` by supervisord, in a process group of
its own, so that the workers of the one before are known by the group that it led. A number alone would say
too little: after a restart of the machine, or a long time, it is somebody else's.
"""

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from drafterd import files
from drafterd.route.nginx_static import group_file

_WITHIN = 5.0
_EVERY = 0.01
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class _Process:
    """What the kernel says of a process; `started` in its ticks since the machine started."""

    pid: int
    name: str
    state: str
    group: int
    started: int


def end_leftovers(recorded: Path) -> int:
    """End the workers whose master is gone; returns how many there were.

    Args:
        recorded: The file in which the master said who it is, before it became nginx.
    """
    try:
        boot, group, started = recorded.read_text().split()
        if boot != _boot():
            return 0
        left = _workers(int(group), int(started))
    except (OSError, ValueError):
        return 0
    ended = [pid for pid in left if _kill(pid)]
    deadline = time.monotonic() + _WITHIN
    while any(_lives(pid) for pid in ended) and time.monotonic() < deadline:
        time.sleep(_EVERY)
    return len(ended)


def say_who(recorded: Path) -> None:
    """Write down the group that this process leads, and since when, for the one that comes after it."""
    # Without it the next one may have to wait for leftovers; that is no reason not to start.
    with contextlib.suppress(OSError):
        own = _process(os.getpgrp())
        files.write_atomic(recorded, f"{_boot()} {own.group} {own.started}\n".encode(), mode=0o640)


def _boot() -> str:
    """What tells this run of the machine from every other."""
    return _BOOT.read_text().strip()


def _workers(group: int, since: int) -> list[int]:
    """Processes called nginx of a group that began at a moment; none where its number is another's by now."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                process = _process(int(entry.name))
                if process.group == group and process.state != "Z":
                    members.append(process)
    if any(process.pid == group and process.started != since for process in members):
        return []
    return [process.pid for process in members if process.name == "nginx" and process.started >= since]


def _process(pid: int) -> _Process:
    """Raises OSError where there is none."""
    # The name stands in brackets, and may hold some itself.
    name, _, text = Path(f"/proc/{pid}/stat").read_text(errors="replace").partition("(")[2].rpartition(")")
    fields = text.split()
    return _Process(pid, name, state=fields[0], group=int(fields[2]), started=int(fields[19]))


def _lives(pid: int) -> bool:
    try:
        return _process(pid).state != "Z"
    except OSError:
        return False


def _kill(pid: int) -> bool:
    """Whether it was ours to end."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main(words: list[str]) -> None:
    """End the leftovers, then become the command."""
    main_file, *argv = words
    recorded = group_file(Path(main_file))
    end_leftovers(recorded)
    say_who(recorded)
    os.execv(argv[0], argv)  # noqa: S606 - the very purpose; every word is ours


if __name__ == "__main__":
    main(sys.argv[1:])

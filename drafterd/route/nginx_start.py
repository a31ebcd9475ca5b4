"""Becomes nginx, once what a killed one left has ended: its workers outlive it and hold its ports.

Run as `python -m drafterd.route.nginx_start MAIN NGINX [WORDS ...]` by supervisord, in a process group of
its own, so that the workers of the one before are known by the group that it led.
"""

import os
import signal
import sys
import time
from pathlib import Path

from drafterd.route.nginx_static import pid_file

_WITHIN = 5.0
_EVERY = 0.01


def end_leftovers(recorded: Path) -> int:
    """End the workers whose master is gone; returns how many there were.

    Args:
        recorded: The file in which the master wrote its process id.
    """
    try:
        group = int(recorded.read_text())
    except (OSError, ValueError):
        return 0
    left = _workers(group)
    for pid in left:
        _kill(pid)
    deadline = time.monotonic() + _WITHIN
    while _workers(group) and time.monotonic() < deadline:
        time.sleep(_EVERY)
    return len(left)


def _workers(group: int) -> list[int]:
    """Living processes called nginx in a group; its number cannot be another's while one of them lives."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, _, fields = (entry / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
            except OSError:
                continue
            state, _, owner = fields.split()[:3]
            if name == "nginx" and owner == str(group) and state != "Z":
                found.append(int(entry.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def main(words: list[str]) -> None:
    """End the leftovers, then become the command."""
    main_file, *argv = words
    end_leftovers(pid_file(Path(main_file)))
    os.execv(argv[0], argv)  # noqa: S606 - the very purpose; every word is ours


if __name__ == "__main__":
    main(sys.argv[1:])

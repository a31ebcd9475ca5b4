"""Keeps the processes of a step together where nothing else does: `python -I -S keep.py COMMAND...`.

Whatever loses its parent below this process becomes its child, however far it went out of its group and its
environment. So nothing is left once the command has ended, and whoever ends this process's tree ends all of it.
Started by its path for each step of a build, so it imports next to nothing.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from io import FileIO

_ADOPT = 36
_NOT_STARTED = 127
_STATE, _PARENT = 0, 1
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def main(command: list[str]) -> int:
    """Run the command, end what it leaves behind, and end as it did; returns an exit code."""
    ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is for the command, which has the same group
    try:
        child = os.posix_spawn(command[0], command, _environment(), setsigdef=(signal.SIGTERM, *_IGNORED_BY_PYTHON))
    except OSError as error:
        sys.stderr.write(f"drafterd: cannot start {command[0]}: {error.strerror}\n")
        return _NOT_STARTED
    status = _waited(child)
    _end_the_rest()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # KILL cannot be set, and needs not
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _environment() -> dict[bytes, bytes]:
    """As it was given to us: Python adds variables of its own to what it hands on."""
    with FileIO("/proc/self/environ") as file:
        variables = file.readall().split(b"\0")
    return {name: value for name, equals, value in (each.partition(b"=") for each in variables) if equals}


def _waited(child: int) -> int:
    """The child's status; what was adopted meanwhile is reaped as it ends."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def _end_the_rest() -> None:
    """Kill what is left below us, and what that starts meanwhile: each one's children become ours with its end."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, os.WNOHANG)  # raises once there is none
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> Iterator[int]:
    ours = str(os.getpid()).encode()
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries if entry.name.isdigit()]
    for name in names:
        with contextlib.suppress(OSError), FileIO(f"/proc/{name}/stat") as file:
            fields = file.readall().rpartition(b")")[2].split()
            if fields[_PARENT] == ours and fields[_STATE] != b"Z":
                yield int(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Enters control groups, then becomes a command: `python -I -S enter.py FOLDER... -- COMMAND...`.

Started by its path for each step of a build, so it imports next to nothing. Where a group cannot be entered
the command runs all the same: the daemon looks at what it uses as well.
"""

import os
import sys
from io import FileIO

_NOT_STARTED = 127


def main(words: list[str]) -> int:
    """Replace this process by the command; returns an exit code only if that fails."""
    at = words.index("--")
    for folder in words[:at]:
        try:
            descriptor = os.open(f"{folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"0")
            finally:
                os.close(descriptor)
        except OSError:
            continue
    command = words[at + 1 :]
    try:
        os.execve(command[0], command, _environment())  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.stderr.write(f"drafterd: cannot start {command[0]}: {error.strerror}\n")
    return _NOT_STARTED


def _environment() -> dict[bytes, bytes]:
    """As it was given to us: Python adds variables of its own to what it hands on."""
    with FileIO("/proc/self/environ") as file:
        variables = file.readall().split(b"\0")
    return {name: value for name, equals, value in (each.partition(b"=") for each in variables) if equals}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

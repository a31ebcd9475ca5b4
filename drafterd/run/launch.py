"""Becomes an instance's program: `python -I -S launch.py SPEC`, started by supervisord.

It runs once per start and is gone afterwards, so it imports nothing but a few modules of the standard
library; it is started by its path, so that it needs no installed package either. The specification is
read here, and does not stand in supervisord's file, because that has no escape for what a draft may hold.
"""

import contextlib
import fcntl
import json
import os
import resource
import signal
import stat
import sys
import termios
from collections.abc import Iterable

_BAD = 78  # EX_CONFIG
_LARGEST = 4_000_000
_OPEN_FILES = 1024


def main(arguments: list[str]) -> int:
    """Replace this process by the program; returns an exit code only if that fails."""
    try:
        (path,) = arguments
        data, handed = _read(path)
        _become(data, handed=handed)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"drafterd: cannot start: {reason}\n")
    return _BAD


def _read(path: str) -> tuple[bytes, bool]:
    """The specification, if nobody but us and the daemon can have written or read it; whether that is another user."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is no regular file")
        handed = _hands_over(os.path.dirname(path), status.st_uid)  # noqa: PTH120 - pathlib costs time
        if status.st_mode & (0o037 if handed else 0o077):
            raise ValueError(f"{path} may be read or written by others (mode {status.st_mode & 0o777:o}, not 600)")
        if not handed and status.st_uid not in (os.geteuid(), 0):
            raise ValueError(f"{path} belongs to user {status.st_uid}")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"{path} is larger than {_LARGEST} bytes")
    return data, handed


def _hands_over(folder: str, owner: int) -> bool:
    """Whether the folder is that user's, who alone writes there, and hands its files to our group."""
    status = os.lstat(folder)
    given = status.st_mode & stat.S_ISGID and status.st_gid in (os.getegid(), *os.getgroups())
    return bool(given) and status.st_uid == owner and not status.st_mode & 0o022


def _become(data: bytes, *, handed: bool) -> None:
    """Take on limits, folder and environment, then become the program. Does not return."""
    spec = json.loads(data)
    argv = [str(word) for word in spec["argv"]]
    environment = {str(name): str(value) for name, value in spec["environment"].items()}
    # Last, so that nothing in a draft's environment can take them away.
    environment["DRAFTERD_INSTANCE"] = str(spec["id"])
    environment["DRAFTERD_STATE"] = str(spec["state"])
    limits = spec.get("limits") or {}
    _enter(spec.get("groups") or ())
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, limits.get("open_files") or _OPEN_FILES)
    if limits.get("file_size"):
        _limit(resource.RLIMIT_FSIZE, limits["file_size"])
    # Memory and processes are the sandbox's: a limit of the address space breaks V8, and one of
    # processes counts all drafts of the same user together.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)  # Python ignores them, and that would be inherited
    if spec.get("walls"):
        # Signals are meant for what runs within; the walls would end at once, and take it along.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        _leave_terminal()
    os.umask(0o007 if handed else 0o077)  # a daemon that is another user deletes one day what the program makes
    os.chdir(spec["cwd"])
    sys.stdout.flush()
    os.execve(argv[0], argv, environment)  # noqa: S606 - no shell is what we want


def _enter(groups: Iterable[object]) -> None:
    """Join the control groups. Where one is gone we go on without: the daemon looks at what is used as well."""
    for folder in groups:
        with contextlib.suppress(OSError):
            descriptor = os.open(f"{folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            with os.fdopen(descriptor, "w") as file:
                file.write("0")


def _leave_terminal() -> None:
    """Let go of a terminal that supervisord may have: what runs within could type into it."""
    if os.getsid(0) == os.getpid():
        return  # whoever leads a session would be hung up; supervisord's children do not
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return
    fcntl.ioctl(terminal, termios.TIOCNOTTY)
    os.close(terminal)


def _limit(which: int, wanted: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = int(wanted) if hard == resource.RLIM_INFINITY else min(int(wanted), hard)
    resource.setrlimit(which, (value, value))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What there is of the machine: memory, disk, and what the kernel allows."""

import resource
import shutil
from pathlib import Path

import psutil

from drafterd.doctor.case import Case, Look
from drafterd.doctor.finding import Finding, Findings, Level

MEMORY_MIN = 1_000_000_000
"""Bytes: a small Next.js build peaks at 700 MB."""
SERVER_MEMORY = 100_000_000
"""Bytes that a small Next.js server takes while it is awake (measured: 93 to 104 MB of its own)."""
DISK_MIN = 2_000_000_000
DISK_FLOOR = 300_000_000
WATCHES_MIN = 1024
INSTANCES_MIN = 16
FILES_MIN = 4096

_INOTIFY = Path("/proc/sys/fs/inotify")


def inotify(_case: Case) -> Findings:
    """How many folders can be watched."""
    for name, least in (("max_user_watches", WATCHES_MIN), ("max_user_instances", INSTANCES_MIN)):
        try:
            value = int((_INOTIFY / name).read_text())
        except (OSError, ValueError):
            yield Finding(f"inotify {name}", Level.WARNING, "unknown", "changes are still found, up to 20 s later")
            continue
        low = value < least
        mend = f"sysctl fs.inotify.{name}={least * 8}; until then changes are found up to 20 s later" if low else ""
        yield Finding(f"inotify {name}", Level.WARNING if low else Level.OK, str(value), mend)


def open_files(case: Case) -> Findings:
    """How many files the daemon may open."""
    if case.server is not None:
        return  # its unit says so, not this shell
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= FILES_MIN
    shown = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    mend = "" if enough else f"raise it to {FILES_MIN} (ulimit -Hn): each running draft needs four"
    yield Finding("open files", Level.OK if enough else Level.WARNING, shown, mend)


def memory(case: Case) -> Findings:
    """The memory that is free, and for how many drafts."""
    found = psutil.virtual_memory()
    low = found.available < MEMORY_MIN
    mend = "free some: a Next.js build needs about 1 GB" if low else ""
    room, bound = max(found.available - MEMORY_MIN, 0), ""
    if case.server is not None and case.server.room is not None and case.server.room < room:
        room, bound = case.server.room, ", which is what drafterd-drafts.slice leaves them"
    awake = room // SERVER_MEMORY
    detail = (
        f"{_gigabytes(found.available)} of {_gigabytes(found.total)} available:"
        f" a build and some {awake} small drafts more{bound}"
    )
    yield Finding("memory", Level.WARNING if low else Level.OK, detail, mend)


def disk(case: Case) -> Findings:
    """The space for releases and dependencies."""
    state = case.config.layout().state
    nearest = next(path for path in (state, *state.parents) if path.exists())
    usage = shutil.disk_usage(nearest)
    level = Level.ERROR if usage.free < DISK_FLOOR else Level.WARNING if usage.free < DISK_MIN else Level.OK
    mend = "" if level is Level.OK else "make room, or set `state` to a larger disk: a draft takes some 500 MB"
    yield Finding("disk", level, f"{_gigabytes(usage.free)} of {_gigabytes(usage.total)} free at {nearest}", mend)


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"


ALL: tuple[Look, ...] = (inotify, open_files, memory, disk)

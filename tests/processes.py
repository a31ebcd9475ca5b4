"""Asking about processes that may end at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import psutil


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; one that has ended and was not waited for does not."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def naming(word: str) -> list[psutil.Process]:
    """Those that still run and have the word in their command line."""
    found = []
    for process in alive(psutil.process_iter()):
        with contextlib.suppress(psutil.Error, OSError):
            if word in " ".join(process.cmdline()):
                found.append(process)
    return found


def names(processes: Iterable[psutil.Process]) -> set[str]:
    """What the processes that still run are called."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            found.add(process.name())
    return found

"""How log files are read; injected into the control, since they belong to the builds."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.log_lines import LogLine
from drafterd.domain.model import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """The ways to read a log file.

    Attributes:
        tail: The last lines of any log, as they are.
        last: The last lines of a build's log.
        follow: The lines of a build's log from a byte on, until the given function says that it has ended.
        around_error: The lines around the first error of a failed build, given the build's folder, and which it is.
    """

    tail: Callable[[Path, int], tuple[str, ...]]
    last: Callable[[Path, int], tuple[LogLine, ...]]
    follow: Callable[[Path, int, Callable[[], bool]], AsyncIterator[tuple[LogLine, ...]]]
    around_error: Callable[[Path, Problem, Path], tuple[tuple[LogLine, ...], int]]

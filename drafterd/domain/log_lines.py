"""The form of a build's log: lines of `<time> <text>`, of which some are ours.

Ours begin with a mark: `== install` begins a step, `-- ` a word of our own. What a draft prints never
begins with one, so that no build can write steps of its own.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

COLOUR = re.compile(r"\x1b\[[0-9;:]{0,40}m")
"""The only escape sequences that a log holds."""

TELLS_OF_ERROR = re.compile(
    r"\b(error|err!|failed|failure|fatal|exception|unhandled|cannot find|not found)\b|[\u2a2f\u2717\u2716]",
    re.IGNORECASE,
)
"""Signs of a line that somebody who looks for errors wants to see."""

_TIME = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d)) ")


class LineKind(StrEnum):
    """Whose a line is."""

    STEP = "step"
    NOTE = "note"
    OUTPUT = "output"


_MARKS = {LineKind.STEP: "== ", LineKind.NOTE: "-- "}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes:
        end: The byte after it, in the file.
        time: When it was written, UTC in ISO 8601 with milliseconds; "" where none stands.
        step: The step that it belongs to; "" before the first.
        text: What it says, colours included, without our mark. Of `LineKind.STEP` the step's name.
    """

    end: int
    time: str
    kind: LineKind
    step: str
    text: str

    @property
    def marked(self) -> str:
        """The text with our mark."""
        return f"{_MARKS.get(self.kind, '')}{self.text}"


def plain(text: str) -> str:
    """A line without its colours."""
    return COLOUR.sub("", text)


def written(time: str, kind: LineKind, text: str) -> str:
    """A line as it stands in the file, without its end.

    Args:
        time: As `LogLine.time`.
        text: On one line, without escape sequences other than colours.
    """
    feigned = kind is LineKind.OUTPUT and plain(text).startswith(tuple(_MARKS.values()))
    return f"{time} {' ' if feigned else ''}{_MARKS.get(kind, '')}{text}"


def read(line: str, *, step: str, end: int) -> LogLine:
    """A line of the file; `step`: the one that it stands in."""
    found = _TIME.match(line)
    time = found["time"] if found else ""
    text = line[found.end() :] if found else line
    for kind, mark in _MARKS.items():
        if text.startswith(mark):
            text = text.removeprefix(mark)
            return LogLine(end, time, kind, text if kind is LineKind.STEP else step, text)
    return LogLine(end, time, LineKind.OUTPUT, step, text)


def read_all(lines: Iterable[bytes], *, step: str, begin: int) -> Iterator[LogLine]:
    """Lines that stand one after the other from a byte on, each with the step that it belongs to."""
    end = begin
    for raw in lines:
        end += len(raw) + 1
        line = read(raw.decode("utf-8", "replace"), step=step, end=end)
        step = line.step
        yield line

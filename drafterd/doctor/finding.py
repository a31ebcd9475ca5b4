"""One thing that `doctor` looked at, and how it can be mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """works, but not as it should"""
    ERROR = "error"
    """something essential is wrong"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        mend: One line: what to do; "" when all is well.
    """

    name: str
    level: Level
    detail: str
    mend: str = ""


Findings = Iterator[Finding]


def good(name: str, detail: str) -> Finding:
    """A finding that all is well."""
    return Finding(name, Level.OK, detail)

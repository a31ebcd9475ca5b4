"""What an examination before an installation finds."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps the installation from working, or (`grave` False) from working well.

    Attributes:
        mend: One line: what to do.
    """

    what: str
    mend: str
    grave: bool = True


Findings = Iterator[Finding]

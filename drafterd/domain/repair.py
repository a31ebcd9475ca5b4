"""What a build did otherwise after a step had failed."""

from dataclasses import dataclass


def printable(text: str) -> str:
    """Text of a draft as it can be told: file names need not be UTF-8, what we print must be."""
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One thing that a build did otherwise after a step had failed. The author's source is as it was.

    Attributes:
        code: Stable word, listed in the documentation.
        step: The step that was tried again.
        summary: What is done otherwise, one line.
        reason: The line of the output that asked for it.
    """

    code: str
    step: str
    summary: str
    reason: str = ""

    def __post_init__(self) -> None:
        """Make what came from a draft fit to be printed."""
        for name in ("summary", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))

"""The last lines of a program's log, fit to be shown: no escape sequences, no secrets."""

import os
import re
from pathlib import Path

from drafterd.domain.masking import Mask

_BYTES = 32_768
_LINE_LENGTH = 400
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def tail(log: Path, *, lines: int = 40, mask: Mask | None = None, since: int = 0) -> tuple[str, ...]:
    """The last lines; () if there is no log. Follows no link: whoever writes it may be a draft.

    What stands before the byte `since` is left out, unless the log was begun anew in between.
    """
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ()
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        start = max(size - _BYTES, since if since <= size else 0, 0)
        file.seek(start)
        text = file.read(_BYTES).decode(errors="replace")
    if start and start == size - _BYTES:
        text = text.partition("\n")[2]
    if mask:
        text = mask(text)
    cleaned = (_clean(line) for line in text.split("\n"))
    return tuple(line for line in cleaned if line)[-lines:]


def length(log: Path) -> int:
    """The bytes of a log; 0 if there is none."""
    try:
        return log.lstat().st_size
    except OSError:
        return 0


def _clean(line: str) -> str:
    return _CONTROLS.sub("", _ESCAPES.sub("", line)).rstrip()[:_LINE_LENGTH]

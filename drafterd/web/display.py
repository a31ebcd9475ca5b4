"""How values are written for people: log lines made harmless, times, durations. Colours: `coloured_line`.

Apart, because what a draft prints is hostile on every page that shows it.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from drafterd.domain.log_lines import COLOUR

LINE_MAX = 2000
"""Longer lines are cut: one line must not become a megabyte of page."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor, screen
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings: titles, links, device control
    r"|\x1b[ -/]*[0-~]"
)
_OFF = "\x1b[0m"
_OFFS = frozenset({_OFF, "\x1b[m"})
_MINUTE = 60
_HOUR = 3600
_SOON = 10


def clean_line(line: str) -> str:
    """One line of a program's output without colours, cursor moves and invisible characters."""
    shown = _visible(_ESCAPES.sub("", _last_written(line)))
    return shown if len(shown) <= LINE_MAX else f"{shown[:LINE_MAX]}…"


def coloured_line(line: str) -> str:
    """The same with its colours; what it leaves switched on is switched off at its end."""
    if "\x1b" not in line:
        return clean_line(line)
    text = _ESCAPES.sub(lambda found: found[0] if COLOUR.fullmatch(found[0]) else "", _last_written(line))
    pieces = [_visible(piece) for piece in COLOUR.split(text)]
    colours = COLOUR.findall(text)
    shown = "".join(f"{colour}{piece}" for colour, piece in zip(["", *colours], pieces, strict=True))
    if len(shown) > LINE_MAX:
        return clean_line(line)  # no sequence is cut in two
    return f"{shown}{_OFF}" if colours and colours[-1] not in _OFFS else shown


def _last_written(line: str) -> str:
    """What is seen of a line that was written over."""
    return line[: LINE_MAX * 2].rstrip("\r\n").rpartition("\r")[2].expandtabs(4)


def _visible(text: str) -> str:
    return "".join("\N{REPLACEMENT CHARACTER}" if _invisible(sign) else sign for sign in text)


def clean_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Each line made fit to be shown."""
    return tuple(clean_line(line) for line in lines)


def _invisible(sign: str) -> bool:
    """Control characters, and the ones that turn the direction of text or hide in it."""
    return not sign.isprintable() and unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}


def utc(moment: float | None) -> str | None:
    """A time in seconds since the epoch as UTC ISO 8601, or None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(seconds: float | None) -> str:
    """`0.4 s`, `36 s`, `2 min 5 s`, `3 h 10 min`; nothing for None. `page.js` writes the same."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < _SOON:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"

"""How commands speak: results on stdout, talk on stderr, JSON for programs, nothing hostile to a terminal."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drafterd.domain.errors import DrafterdError
from drafterd.domain.log_lines import COLOUR

LINE_MAX = 4000
TAIL_SHOWN = 12
"""So many lines of a log stand beside a problem."""

STYLES = {
    "ready": "green",
    "failed": "red",
    "removing": "magenta",
    "paused": "dim",
    "asleep": "dim",
}
_BUSY = "yellow"
_PLAIN = "\x1b[0m"
_WIDE = 10_000
_MINUTE = 60
_HOUR = 3600
_SOON = 10
_KILO = 1024.0


def stdout() -> Console:
    """For results. Colours and folding only on a terminal."""
    return _console(sys.stdout)


def stderr() -> Console:
    """For talk, progress and errors."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    # Without a terminal no line is folded: programs read lines.
    width = None if file.isatty() else _WIDE
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=not file.isatty())


def say(text: str | Text) -> None:
    """One line of talk."""
    stderr().print(text)


def complain(error: DrafterdError) -> None:
    """An error: what, and how to mend it."""
    console = stderr()
    for line in error.summary.splitlines():
        console.print(Text.assemble(("error: ", "bold red"), clean(line)))
    if error.hint:
        console.print(Text.assemble(("hint:  ", "bold"), clean(error.hint)))


def write(line: str = "") -> None:
    """One line of a result, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write_json(value: Any, *, line: bool = False) -> None:
    """A result for programs; `line`: on one line, where more follow."""
    write(json.dumps(value, ensure_ascii=False, indent=None if line else 2))


def write_table(head: Sequence[str], rows: Iterable[Sequence[str | Text]], *, empty: str) -> None:
    """A table; what is said without any row goes to stderr."""
    shown = list(rows)
    if not shown:
        say(empty)
        return
    stdout().print(table(head, shown))


def table(head: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Columns without lines around them."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        made.add_column(name, overflow="fold", no_wrap=name in {"DRAFT", "STATE"})
    for row in rows:
        made.add_row(*row)
    return made


def clean(text: str) -> str:
    """Text of a draft without colours, cursor moves and invisible characters, on one line."""
    text = text[:LINE_MAX].replace("\r", " ").replace("\n", " ").expandtabs(4)
    if text.isprintable():
        return text
    plain = Text.from_ansi(text).plain
    return "".join("\N{REPLACEMENT CHARACTER}" if _hidden(sign) else sign for sign in plain)


def coloured(text: str) -> str:
    """Text of a draft as `clean`, with its colours where the terminal has some."""
    if "\x1b" not in text or not _has_colours():
        return clean(text)
    text = text[:LINE_MAX]
    pieces, colours = COLOUR.split(text), COLOUR.findall(text)
    shown = "".join(f"{colour}{clean(piece)}" for colour, piece in zip(["", *colours], pieces, strict=True))
    return shown if shown.endswith(_PLAIN) else f"{shown}{_PLAIN}"


def bold(text: str) -> str:
    """A heading, where the terminal has such."""
    return f"\x1b[1m{text}{_PLAIN}" if _has_colours() else text


def dimmed(text: str) -> str:
    """What matters less."""
    return f"\x1b[2m{text}{_PLAIN}" if _has_colours() else text


def _has_colours() -> bool:
    """Whether results go to a terminal that shows colours and a person who wants them."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _hidden(sign: str) -> bool:
    return not sign.isprintable() and unicodedata.category(sign) != "Zs"


def styled(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STYLES.get(state, _BUSY))


def duration(seconds: float | None) -> str:
    """`0.4 s`, `36 s`, `2 min 5 s`, `3 h 10 min`; nothing for None."""
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


def size(count: float | None) -> str:
    """`512 MB`; nothing for None."""
    if count is None:
        return ""
    for unit in ("B", "KB", "MB", "GB"):
        if count < _KILO:
            return f"{count:.0f} {unit}"
        count /= _KILO
    return f"{count:.1f} TB"


_MENDED_BY = {"draft": "whoever wrote it", "config": "the configuration", "machine": "the machine"}


def problem_lines(problem: Mapping[str, Any]) -> list[str]:
    """A problem as the API tells it: what, where, how and by whom it is mended, the source, the end of the log."""
    lines = [clean(problem["summary"])]
    if problem.get("where"):
        lines.append(f"  where: {clean(problem['where'])}")
    if problem.get("hint"):
        lines.append(f"  hint:  {clean(problem['hint'])}")
    if problem.get("mend") in _MENDED_BY:
        lines.append(f"  mend:  {_MENDED_BY[problem['mend']]}")
    lines += [f"  could: {clean(proposal)}" for proposal in problem.get("proposals", ())]
    lines += [f"    {clean(line)}" for line in problem.get("excerpt", ())]
    lines += [f"  | {clean(line)}" for line in problem.get("tail", ())[-TAIL_SHOWN:]]
    return lines


def repair_line(repair: Mapping[str, Any]) -> str:
    """A repair as the API tells it: which step was tried again, and what is done otherwise."""
    return f"{clean(repair['step'])} tried again: {clean(repair['summary'])} [{clean(repair['code'])}]"


def repaired(count: int) -> str:
    """`1 repair`, `2 repairs`."""
    return f"{count} repair{'' if count == 1 else 's'}"

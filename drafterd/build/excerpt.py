"""The few lines of the source around an error, as they may be shown.

Read from the build's own copy, which is what was built. Whatever looks like a credential is covered:
these lines end in pages and prompts.
"""

import re
from collections.abc import Callable
from pathlib import Path

from drafterd import files
from drafterd.build.foreign import inside

AROUND = 3
"""Lines before and after the one that is named."""

_READ_MAX = 1_000_000
_LINE_MAX = 200
_LOOKED_AT = 10_000
"""Of a line: more than is shown, so that no secret is cut in two before it is found."""
_PLACE = re.compile(r"(?P<file>[^:\0]{1,500}):(?P<line>\d{1,6})(?::\d{1,6})?")
_PASSWORD = re.compile(r"(?<=://)[^\s:/@\"'`]{1,200}:[^\s/@\"'`]{1,200}(?=@)")
_KEY_MIN = 12
_WORD = re.compile(rf"[\w+=-]{{{_KEY_MIN},}}")


def around(root: Path, where: str, mask: Callable[[str], str]) -> tuple[str, ...]:
    """The lines around a `file:line`, each with its number, the named one with a mark; none where there are none.

    Args:
        root: The folder that the file is relative to; nothing outside it is read.
        mask: Takes the values of the draft's variables out of a line.
    """
    place = _PLACE.fullmatch(where)
    if place is None:
        return ()
    lines = _lines(root, place["file"])
    wanted = int(place["line"])
    if not 0 < wanted <= len(lines):
        return ()
    first, last = max(1, wanted - AROUND), min(len(lines), wanted + AROUND)
    width = len(str(last))
    return tuple(
        f"{'>' if number == wanted else ' '} {number:>{width}} | {_shown(lines[number - 1], mask)}"
        for number in range(first, last + 1)
    )


def _lines(root: Path, name: str) -> list[str]:
    *folders, last = name.split("/")
    place = inside(root, *folders)
    if place is None or last in ("", ".."):
        return []
    try:
        return files.read_regular(place / last, limit=_READ_MAX).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _shown(line: str, mask: Callable[[str], str]) -> str:
    """A line without secrets, passwords and long words of letters and digits, which keys are made of."""
    plain = _PASSWORD.sub("…", mask(line[:_LOOKED_AT]))
    covered = _WORD.sub(lambda found: "…" if _is_key(found[0]) else found[0], plain)
    return covered if len(covered) <= _LINE_MAX else f"{covered[:_LINE_MAX]}…"


def _is_key(word: str) -> bool:
    return any(sign.isdigit() for sign in word) and any(sign.isalpha() for sign in word)

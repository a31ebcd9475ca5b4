"""The static page that a draft's folder may bring: offered to those who wait for the draft, or look at its failure.

It is a stranger's page at an address of ours, so it is shut in twice: the frame that shows it is sandboxed, and
so is the answer itself, for whoever opens it alone. No script of it runs, it has no origin, it loads nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from drafterd import files

SIZE_MAX = 500_000
"""Bytes; a larger file is no page that somebody wrote."""

_NAMES = ("fallback.html", "index.html")
_BESIDE = "package.json"
_SHELL = b'type="module"'
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What shuts it in."""


def page_of(folder: Path) -> bytes | None:
    """The page, or None: there is none. One that a bundler fills by a script would show nothing."""
    try:
        place = os.open(folder, _FOLDER)
    except OSError:
        return None
    try:
        inside = Path(f"/proc/self/fd/{place}")
        if not (inside / _BESIDE).exists():
            return None
        found = (_read(inside / name) for name in _NAMES)
        return next((page for page in found if page and _SHELL not in page), None)
    finally:
        os.close(place)


def _read(path: Path) -> bytes | None:
    try:
        return files.read_regular(path, limit=SIZE_MAX)
    except OSError:
        return None

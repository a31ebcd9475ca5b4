"""Finds the files that travel with drafterd: `templates/`, `etc/`, `systemd/`.

In a wheel they lie inside the package, in a checkout beside it.
"""

from functools import cache
from pathlib import Path

import jinja2

_PACKAGE = Path(__file__).resolve().parent


@cache
def folder(name: str) -> Path:
    """The folder `templates`, `etc` or `systemd`."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


@cache
def templates(*, html: bool) -> jinja2.Environment:
    """The templates; for pages with escaping. An undefined name is an error, never an empty string."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("templates")),
        autoescape=html,  # noqa: S701 - off only for what is not HTML: those templates hold checked values
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

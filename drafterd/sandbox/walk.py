"""Goes through a stranger's folders, whatever they hold: links, pipes, depths, and changes meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path

from drafterd.domain.errors import BadDraft

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

DEPTH_MAX = 200
"""Each level costs an open file; node_modules has at most some thirty."""


class TooDeep(BadDraft):
    """Folders are nested so deep that nobody can have meant it."""

    code = "too-big"


def folders(root: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Every folder from `root` down: its open descriptor, the names of the folders in it, and all other names.

    Names taken out of the folders' list are not entered. What cannot be opened, or is gone, is left out.

    Raises:
        TooDeep: They are nested too deep.
    """
    stack: list[tuple[int, list[str]]] = []
    try:
        if (top := _opened(os.fspath(root), None)) is not None:
            yield _entered(stack, top)
        while stack:
            place, left = stack[-1]
            if not left:
                stack.pop()
                os.close(place)
            elif (inner := _opened(left.pop(), place)) is not None:
                yield _entered(stack, inner)
    finally:
        for place, _ in stack:
            os.close(place)


def _opened(name: str, place: int | None) -> int | None:
    try:
        return os.open(name, _OPEN, dir_fd=place)
    except OSError:
        return None


def _entered(stack: list[tuple[int, list[str]]], place: int) -> tuple[int, list[str], list[str]]:
    inner: list[str] = []
    others: list[str] = []
    stack.append((place, inner))
    if len(stack) > DEPTH_MAX:
        raise TooDeep(f"folders are nested deeper than {DEPTH_MAX} levels", hint="look for a script that makes them")
    with os.scandir(place) as entries:
        for entry in entries:
            (inner if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    return place, inner, others

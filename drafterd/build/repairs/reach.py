"""Which of the draft's own files one of them imports, directly or through others."""

import posixpath
import re
from collections.abc import Callable, Iterator

from drafterd.build.repairs import imports
from drafterd.build.repairs.situation import SOURCES, Situation

_ALIAS = re.compile(r"\A[@~#$]/")
_ENDINGS = ("", *SOURCES, *(f"/index{suffix}" for suffix in SOURCES))
_MOST = 300
"""Files that are looked into: a walk of all of a large draft is not worth its time."""


def reached(
    situation: Situation, name: str, *, borders: Callable[[str], bool] = lambda _text: False
) -> Iterator[tuple[str, str]]:
    """The path and text of a file, then of those that it imports, the nearest first.

    Args:
        borders: Whether a file of this text, and what only it imports, is left out.
    """
    waiting, seen = [name], {name}
    while waiting and len(seen) < _MOST:
        current = waiting.pop(0)
        text = situation.read(current)
        if text is None or (current != name and borders(text)):
            continue
        yield current, text
        for specifier in imports.specifiers(current, text):
            found = target(situation, current, specifier)
            if found and found not in seen:
                seen.add(found)
                waiting.append(found)


def target(situation: Situation, name: str, specifier: str) -> str:
    """The source file that an import in file `name` leads to, or ""."""
    if specifier.startswith("."):
        places = [posixpath.normpath(posixpath.join(posixpath.dirname(name), specifier))]
    else:
        # Aliases lead to the draft's folder or to its `src`; packages to neither.
        bare = _ALIAS.sub("", specifier)
        places = [bare, f"src/{bare}"]
    for place in places:
        if found := next((file for ending in _ENDINGS if (file := f"{place}{ending}") in situation.names), ""):
            return found
    return ""

"""Pages that read the query without a boundary around what reads it: Next.js cannot prerender them."""

import re
from collections.abc import Iterator
from dataclasses import replace

from drafterd.build.repairs.reach import reached
from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Remedy

SIGN = re.compile(
    r"use\w+\(\) should be wrapped in a suspense boundary at page \"(?P<route>[^\"]+)\""
    r"|should be wrapped in a suspense boundary|missing-suspense-with-csr-bailout"
)
_READS = re.compile(r"\buseSearchParams\b")
_PAGE = re.compile(r"page\.[jt]sx?")
_LOADING = b"export default function Loading() {\n  return null;\n}\n"
_SWITCHED = 14
"""The one major version of Next.js that can be told not to insist."""


def loading_pages(situation: Situation) -> Remedy | None:
    """A new, empty loading page beside each page that needs a boundary: nothing of the author's is touched.

    Next.js stops at the first such page: the others are found by what they import.
    """
    told = {match["route"] for line in situation.lines if (match := SIGN.search(line)) and match["route"]}
    files = {
        f"{folder}/loading.jsx": _LOADING
        for folder, page in _pages(situation)
        if (_route(folder) in told and not _waits(situation, folder, above=False))
        or (_reads_query(situation, page) and not _waits(situation, folder, above=True))
    }
    if not files or not any(_route(name.rpartition("/")[0]) in told for name in files):
        return None  # what reads the query is no page, but a layout: a loading page is within that
    return Remedy(
        summary=f"an empty loading page stands in for a missing boundary: {', '.join(files)}",
        variant=situation.variant,
        files=files,
    )


def no_bailout(situation: Situation) -> Remedy | None:
    """Next.js 14 can be told not to insist."""
    if situation.major("next") != _SWITCHED:
        return None
    flags = situation.variant.flags | {"no-suspense-bailout"}
    return Remedy(
        summary="Next.js is told not to insist on a boundary",
        variant=replace(situation.variant, flags=frozenset(flags)),
    )


def _pages(situation: Situation) -> Iterator[tuple[str, str]]:
    """The folder of every page of the app router, and its file."""
    for name in situation.entries:
        folder, _, file = name.rpartition("/")
        if _PAGE.fullmatch(file) and folder.removeprefix("src/").split("/")[0] == "app":
            yield folder, name


def _waits(situation: Situation, folder: str, *, above: bool) -> bool:
    """Whether a folder has a loading page, or one above it has."""
    folders = {folder.rsplit("/", depth)[0] for depth in range(folder.count("/") + 1)} if above else {folder}
    return any(name.startswith(f"{place}/loading.") for name in situation.entries for place in folders)


def _reads_query(situation: Situation, page: str) -> bool:
    """Whether a page reads the query, and has no boundary of its own."""
    return "Suspense" not in (situation.read(page) or "") and any(
        _READS.search(text) for _, text in reached(situation, page)
    )


def _route(folder: str) -> str:
    """The route of a folder of the app router: groups and slots do not count."""
    parts = folder.removeprefix("src/").split("/")
    return "/" + "/".join(part for part in parts[1:] if not part.startswith(("(", "@")))

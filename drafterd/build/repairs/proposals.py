"""What an author could do about a failure, and what nobody does unasked: it would change what they mean."""

import difflib
import posixpath
import re
from collections.abc import Callable, Iterator

from drafterd.build.repairs import imports, packages, variables
from drafterd.build.repairs.situation import SOURCES, Situation

_MOST = 8
_NEAR = 0.75
_SHADCN = re.compile(r"(?:^|/)components/ui/([\w-]+)\Z")
_PAGE = re.compile(r"Error occurred prerendering page \"(?P<page>[^\"]{1,200})\"")
_NO_SUCH = re.compile(
    r"^npm error (?:404 +|notarget |code E404 ).*?'?(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<wanted>[^\s']+)'? is not in|"
    r"No matching version found for (?P<known>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>[^\s.]+(?:\.[^\s.]+)*)"
)
_HANDLERS = re.compile(r"Event handlers cannot be passed to Client Component props")


def proposals(situation: Situation) -> tuple[str, ...]:
    """One sentence for each; the likeliest first."""
    found = (line for propose in _PROPOSE for line in propose(situation))
    return tuple(dict.fromkeys(found))[:_MOST]


def _unknown_packages(situation: Situation) -> Iterator[str]:
    if situation.step == "build":
        yield from packages.proposals(packages.unknown(situation))


def _missing_files(situation: Situation) -> Iterator[str]:
    if situation.step != "build":
        return
    for name in imports.missing_files(situation):
        if near := near_file(situation, name):
            yield f"{name!r} is not there, {near} is: correct the import, or rename the file"
        elif found := _SHADCN.search(name):
            yield f"{name!r} is not there: add the component (npx shadcn add {found[1]}), or take its import out"
        else:
            yield f"{name!r} is not there: add the file, or take its import out"


def near_file(situation: Situation, name: str) -> str:
    """A file of the draft whose name is nearly that of an import: another case, a letter more or less; or ""."""
    wanted = posixpath.normpath(re.sub(r"^(?:@|~|\.{1,2}(?:/\.\.)*)/", "", name)).lower()
    stem = wanted.rpartition("/")[2]
    best, score = "", _NEAR
    for entry in situation.entries:
        bare = re.sub(r"(?:/index)?\.[cm]?[jt]sx?\Z|\.(?:css|json|svg|png)\Z", "", entry)
        if bare == entry and not entry.endswith(SOURCES):
            continue
        if bare.lower().endswith(wanted) and (bare.lower() == wanted or bare[-len(wanted) - 1] == "/"):
            return entry
        close = difflib.SequenceMatcher(None, bare.rpartition("/")[2].lower(), stem).ratio()
        if close > score:
            best, score = entry, close
    return best


def _no_such_package(situation: Situation) -> Iterator[str]:
    for line in situation.lines if situation.step == "install" else ():
        found = _NO_SUCH.search(line)
        if found and found["name"]:
            yield f"the registry has no package {found['name']}: correct its name, or take it out of package.json"
        elif found:
            yield f"{found['known']} has no version {found['version']}: write one that exists, or `latest`"


def _variables(situation: Situation) -> Iterator[str]:
    names = variables.unset_public(situation) if situation.step == "build" else ()
    if names:
        yield f"give values for {', '.join(names[:_MOST])}: they are written into pages, so nothing is made up for them"


def _prerendered(situation: Situation) -> Iterator[str]:
    for line in situation.lines if situation.step == "build" else ():
        if found := _PAGE.search(line):
            yield (
                f"if the page {found['page']} cannot be made at build, let it be made when it is asked for:"
                " export const dynamic = 'force-dynamic'"
            )
        if _HANDLERS.search(line):
            yield "put 'use client' in front of the file whose component passes an event handler on"


_PROPOSE: tuple[Callable[[Situation], Iterator[str]], ...] = (
    _unknown_packages,
    _missing_files,
    _no_such_package,
    _variables,
    _prerendered,
)

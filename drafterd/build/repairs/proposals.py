"""What an author could do about a failure, and what nobody does unasked: it would change what they mean."""

import difflib
import posixpath
import re
from collections.abc import Callable, Iterator

from drafterd.build.repairs import imports, packages, suspense, variables
from drafterd.build.repairs.situation import SOURCES, Situation

_MOST = 8
_NEAR = 0.75
_SHADCN = re.compile(r"(?:^|/)components/ui/([\w-]+)\Z")
_PAGE = re.compile(r"Error occurred prerendering page \"(?P<page>[^\"]{1,200})\"")
_NAME = r"(?:@[\w.-]+/)?[\w.-]+"
_NO_PACKAGE = (
    re.compile(rf"^npm error (?:404 +|code E404 ).*?'?(?P<name>{_NAME})@[^\s']+'? is not in"),
    re.compile(rf"ERR_PNPM_FETCH_404 +GET https?://[^/\s]+/(?P<name>{_NAME}):"),
    re.compile(rf"^error Couldn't find package \"(?P<name>{_NAME})\""),
    re.compile(rf"^error: GET https?://[^/\s]+/(?P<name>{_NAME}) - 404"),
)
_NO_VERSION = (
    re.compile(rf"No matching version found for (?P<name>{_NAME})@(?P<version>[^\s.]+(?:\.[^\s.]+)*)"),
    re.compile(rf"Couldn't find any versions for \"(?P<name>{_NAME})\" that matches \"(?P<version>[^\"]+)\""),
    re.compile(rf"(?P<name>{_NAME})@npm:(?P<version>[^\s:]+): No candidates found"),
    re.compile(rf"No version matching \"(?P<version>[^\"]+)\" found for specifier \"(?P<name>{_NAME})\""),
)
_SCRIPT_OF = re.compile(rf"^npm (?:error|ERR!) path .*/node_modules/(?P<name>{_NAME})\s*$")
_OUTSIDE = re.compile(r"(?:file|link|portal):(?P<place>.{1,300})")
_POSTCSS = re.compile(r"trying to use `tailwindcss` directly as a PostCSS plugin")
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
        if found := _first(_NO_PACKAGE, line):
            yield f"the registry has no package {found['name']}: correct its name, or take it out of package.json"
        elif found := _first(_NO_VERSION, line):
            yield f"{found['name']} has no version {found['version']}: write one that exists, or `latest`"


def _first(signs: tuple[re.Pattern[str], ...], line: str) -> re.Match[str] | None:
    return next((found for sign in signs if (found := sign.search(line))), None)


def _failing_script(situation: Situation) -> Iterator[str]:
    for line in situation.lines if situation.step == "install" else ():
        if (found := _SCRIPT_OF.match(line)) and any("command failed" in other for other in situation.lines):
            yield f"the install script of {found['name']} fails: take the package out, or another one for it"


def _outside(situation: Situation) -> Iterator[str]:
    """Packages of folders that the draft does not have; npm installs them without a word."""
    for name, wanted in situation.dependencies().items():
        found = _OUTSIDE.match(wanted)
        place = posixpath.normpath(found["place"]) if found else ""
        if place.startswith(("..", "/")):
            yield f"{name} comes from {wanted!r}, outside of the draft: put it into the draft, or take it from the registry"


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


def _boundary(situation: Situation) -> Iterator[str]:
    if situation.step == "build" and any(suspense.SIGN.search(line) for line in situation.lines):
        yield "put <Suspense> around the component that calls useSearchParams(): it stands in a layout"


def _plugin(situation: Situation) -> Iterator[str]:
    if any(_POSTCSS.search(line) for line in situation.lines):
        yield "Tailwind CSS 4: use @tailwindcss/postcss in the PostCSS configuration, or ask for tailwindcss 3"


_PROPOSE: tuple[Callable[[Situation], Iterator[str]], ...] = (
    _outside,
    _unknown_packages,
    _missing_files,
    _no_such_package,
    _failing_script,
    _variables,
    _boundary,
    _plugin,
    _prerendered,
)

"""What the source files of a draft import of each other, as a bundler would find it.

Where that is not certain, more is found rather than less: a file that might reach a browser counts as
one that does.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from drafterd.fix.folder import Folder
from drafterd.fix.package import without_comments

_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_OUTPUT = re.compile(r"\.[cm]?jsx?\Z")
# Possessive: a stranger's text must not make it slow. Begins with plain letters: that is what makes it fast.
_GAP = r"(?>\s|/\*(?>[^*]|\*(?!/)){0,300}+\*/|//[^\n]{0,300}+\n)*+"
_IMPORT = re.compile(
    rf"""(?:from|import{_GAP}\(?|require(?:\.resolve|\.context)?{_GAP}\(|URL{_GAP}\(|glob{_GAP}\(){_GAP}
    (?:(['"])([^'"\n]{{1,300}})\1({_GAP}\+)?|`([^`\n$*]{{1,300}})(`|\$|\*))""",
    re.VERBOSE,
)
_ERASED = re.compile(r"""(?:import|export)\s++type\s*+[\w$*{][^;'"]{0,2000}?\bfrom\s*+(['"])[^'"\n]{1,300}\1""")
"""An import of types only: nothing of it is left where the program runs."""
_MOST_CONFIGS = 50
_MOST_ALIASES = 500
_DEPTH = 5

Alias = tuple[str, str, str]
"""How the name of an import begins and ends, and the path it leads to; `*` stands for what is between."""


class Imports:
    """The imports among `texts`, the draft's source files."""

    def __init__(self, folder: Folder, texts: Mapping[str, str], packages: Iterable[str]) -> None:
        self._texts = texts
        self._packages = frozenset(packages)
        self._aliases = list(dict.fromkeys(aliases(folder)))
        self._leads = cache(self._aliased)
        self._found = cache(self._of)

    def reached(self, roots: Iterable[str], *, stop: Iterable[str]) -> set[str]:
        """The roots and all they import, not going into or beyond `stop`."""
        stopped = set(stop)
        seen: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in seen or name in stopped:
                continue
            seen.add(name)
            waiting.extend(self._found(name))
        return seen

    def _of(self, name: str) -> tuple[str, ...]:
        text = self._texts.get(name, "")
        if "t type" in text:
            text = _ERASED.sub("", text)
        wanted = {(found[2] or found[4], bool(found[3]) or found[5] in {"$", "*"}) for found in _IMPORT.finditer(text)}
        files = (file for specifier, open_ in sorted(wanted) for file in self._leading(name, specifier, open_=open_))
        return tuple(dict.fromkeys(files))

    def _leading(self, name: str, specifier: str, *, open_: bool) -> Iterator[str]:
        specifier, star, _ = specifier.partition("*")
        specifier = specifier.partition("?")[0]
        if specifier.startswith("."):
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), specifier))
            if open_ or star:
                place = "" if place == "." else place
                yield from self._beginning(place + ("/" if place and specifier.endswith("/") else ""))
            else:
                yield from self._files(place)
        elif open_ or star:
            for place in self._places(specifier):
                yield from self._beginning(posixpath.normpath(place) + ("/" if specifier.endswith("/") else ""))
        else:
            yield from self._leads(specifier)

    def _beginning(self, start: str) -> Iterator[str]:
        """All files that an import with a part known only at run time may mean."""
        return (name for name in self._texts if name.startswith(start))

    def _aliased(self, specifier: str) -> tuple[str, ...]:
        found = [file for place in self._places(specifier) for file in self._files(posixpath.normpath(place))]
        if not found and not self._is_package(specifier):
            # An alias that a bundler's configuration makes: its end is all there is to go by.
            tail = _OUTPUT.sub("", specifier.partition("/")[2])
            ends = tuple(f"/{tail}{ending}" for ending in _ENDINGS) if tail else ()
            found = [name for name in self._texts if f"/{name}".endswith(ends)] if ends else []
        return tuple(dict.fromkeys(found))

    def _is_package(self, specifier: str) -> bool:
        first, *rest = specifier.split("/")
        name = f"{first}/{rest[0]}" if first.startswith("@") and rest else first
        return name in self._packages or ":" in specifier

    def _places(self, specifier: str) -> Iterator[str]:
        if specifier.startswith("/"):  # an address in a page, a module of a development server
            yield specifier[1:]
        for start, end, target in self._aliases:
            if specifier.startswith(start) and specifier.endswith(end) and len(specifier) >= len(start) + len(end):
                yield target.replace("*", specifier[len(start) : len(specifier) - len(end)], 1)

    def _files(self, place: str) -> Iterator[str]:
        base = _OUTPUT.sub("", place)  # TypeScript is imported by the name of its output
        for start in dict.fromkeys((place, base)):
            inner = "" if start == "." else f"{start}/"
            for ending in _ENDINGS:
                for name in (f"{start}{ending}", f"{inner}index{ending}"):
                    if name in self._texts:
                        yield name


def aliases(folder: Folder) -> Iterator[Alias]:
    """What the names of imports may stand for, by custom and by the draft's configurations."""
    for root in ("", "src/"):
        yield "@/", "", f"{root}*"
        yield "~/", "", f"{root}*"
        yield "", "", f"{root}*"  # a base URL; packages are no files of the draft
    names = [name for name in folder.names() if name.endswith(".json")]
    found: list[Alias] = []
    for name in [name for name in names if _is_config(name)][:_MOST_CONFIGS]:
        found += _of_config(folder, name, frozenset(), _DEPTH)
    for name in [name for name in names if posixpath.basename(name) == "package.json"][:_MOST_CONFIGS]:
        found += _of_package(folder, name)
    yield from found[:_MOST_ALIASES]


def _is_config(name: str) -> bool:
    return posixpath.basename(name).startswith(("tsconfig", "jsconfig"))


def _of_config(folder: Folder, name: str, bases: frozenset[str], depth: int) -> Iterator[Alias]:
    """The aliases of one tsconfig.json and of those in the folder that it goes on from."""
    config = _object(folder, name)
    here = posixpath.dirname(name)
    options = config.get("compilerOptions")
    options = options if isinstance(options, dict) else {}
    base = options.get("baseUrl")
    if isinstance(base, str):
        place = posixpath.normpath(posixpath.join(here, base))
        bases |= {place}
        yield "", "", posixpath.join(place, "*")
    paths = options.get("paths")
    for alias, targets in paths.items() if isinstance(paths, dict) else ():
        start, _, end = alias.partition("*")
        for target in targets if isinstance(targets, list) else ():
            if isinstance(target, str):
                yield from ((start, end, posixpath.join(each, target)) for each in sorted({here, *bases}))
    more = config.get("extends")
    for other in (more if isinstance(more, list) else [more]) if depth else ():
        if isinstance(other, str) and other.startswith("."):
            place = posixpath.normpath(posixpath.join(here, other))
            found = next((file for file in (place, f"{place}.json", f"{place}/tsconfig.json") if folder.has(file)), "")
            if found:
                yield from _of_config(folder, found, bases | {here}, depth - 1)


def _of_package(folder: Folder, name: str) -> Iterator[Alias]:
    """The names that a package.json gives to its own folder and to files in it."""
    package = _object(folder, name)
    here = posixpath.dirname(name)
    imports = package.get("imports")
    for alias, target in imports.items() if isinstance(imports, dict) else ():
        start, _, end = alias.partition("*")
        yield from ((start, end, posixpath.join(here, each)) for each in _strings(target, _DEPTH))
    own = package.get("name")
    if isinstance(own, str) and own and here:
        for inner in ("", "src"):
            yield f"{own}/", "", posixpath.join(here, inner, "*")
            yield own, "", posixpath.join(here, inner, "index*")
        for each in _strings([package.get(field) for field in ("main", "module", "exports")], _DEPTH):
            yield own, "", f"{posixpath.join(here, each.partition('*')[0])}*"


def _strings(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each, depth - 1)


def _object(folder: Folder, name: str) -> dict[str, object]:
    try:
        found = json.loads(without_comments(folder.text(name) or "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

"""Which files of a draft provably run on the server only, by their places, directives and imports.

In a browser `process.env.NAME` is undefined, and what a client file holds is rendered into pages at
build: so a file that any client file reaches is never one of ours.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drafterd.domain.model import Kind
from drafterd.fix.folder import Folder
from drafterd.fix.package import without_comments

SOURCE = re.compile(r"\.(?:[cm]?[jt]s|[jt]sx)\Z")
_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
# Possessive: a stranger's text must not make them slow.
_IMPORT = re.compile(r"""(?:\bfrom\s*+|\bimport\s*+\(?\s*+|\brequire\s*+\(\s*+)(['"])([^'"\n]{1,300})\1""")
_DIRECTIVE = re.compile(
    r"""\A(?:\#![^\n]*+\n)?(?>\s|//[^\n]*+|/\*(?>[^*]|\*(?!/))*+\*/|(?:'use\ strict'|"use\ strict");?)*+
    (['"])(use\ (?:client|server))\1""",
    re.VERBOSE,
)
_SERVER_PLACE = re.compile(
    r"(?:(?:src/)?app/(?:.*/)?route\.[jt]s|(?:src/)?pages/api/.+\.[jt]sx?|(?:src/)?(?:middleware|proxy|instrumentation)\.[jt]s"
    r"|(?:.*/)?auth(?:\.config)?\.[cm]?[jt]s)\Z"
)
_CLIENT_PLACE = re.compile(r"(?:src/)?pages/(?!api/)|(?:src/)?instrumentation-client\.")
_SERVED_PLACE = re.compile(r"(?:.*/)?(?:public|static|assets|client|dist|out|build|www)/")
_SERVER_ONLY = re.compile(r"""\bimport\s*+\(?\s*+(['"])server-only\1""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Where files run.

    Attributes:
        server: Provably on the server only.
        client: In browsers, or reached from there.
    """

    server: frozenset[str]
    client: frozenset[str]


def sides(folder: Folder, kind: Kind, entry: str) -> Sides:
    """Sort the source files; `entry` is the draft's own server file, or ""."""
    names = [name for name in folder.names() if SOURCE.search(name)]
    texts = {name: text for name in names if (text := folder.text(name)) is not None}
    directives = {name: found[2] for name, text in texts.items() if (found := _DIRECTIVE.match(text))}
    guarded = {name for name, word in directives.items() if word == "use server"}
    guarded |= {name for name, text in texts.items() if name not in directives and _SERVER_ONLY.search(text)}
    clients = {name for name, word in directives.items() if word == "use client"}
    servers = set(guarded)
    if kind is Kind.NODE:
        clients |= {name for name in texts if _SERVED_PLACE.match(name)}
    else:
        clients |= {name for name in texts if _CLIENT_PLACE.match(name)}
        servers |= {name for name in texts if _SERVER_PLACE.match(name)}
    servers |= {entry} & texts.keys()
    imports = _Imports(folder, texts)
    client = imports.reached(clients - guarded, stop=guarded)
    return Sides(server=frozenset(imports.reached(servers - client, stop=client) - client), client=frozenset(client))


class _Imports:
    def __init__(self, folder: Folder, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._aliases = list(_aliases(folder))

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
            waiting.extend(self._of(name))
        return seen

    def _of(self, name: str) -> Iterator[str]:
        here = posixpath.dirname(name)
        for found in _IMPORT.finditer(self._texts[name]):
            for place in self._places(here, found[2]):
                yield from self._files(posixpath.normpath(place))

    def _places(self, here: str, wanted: str) -> Iterator[str]:
        if wanted.startswith("."):
            yield posixpath.join(here, wanted)
            return
        for start, end, target in self._aliases:
            if wanted.startswith(start) and wanted.endswith(end) and len(wanted) >= len(start) + len(end):
                yield target.replace("*", wanted[len(start) : len(wanted) - len(end)], 1)

    def _files(self, place: str) -> Iterator[str]:
        base = re.sub(r"\.[cm]?jsx?\Z", "", place)  # TypeScript is imported by the name of its output
        for start in dict.fromkeys((place, base)):
            for ending in _ENDINGS:
                for name in (f"{start}{ending}", f"{start}/index{ending}"):
                    if name in self._texts:
                        yield name


def _aliases(folder: Folder) -> Iterator[tuple[str, str, str]]:
    """What import names may stand for: start, end, and the path they lead to."""
    for root in ("", "src/"):
        yield "@/", "", f"{root}*"
        yield "~/", "", f"{root}*"
        yield "", "", f"{root}*"  # a base URL; packages are no files of the draft
    for name in ("tsconfig.json", "jsconfig.json"):
        try:
            found = json.loads(without_comments(folder.text(name) or "{}"))
            options = found.get("compilerOptions", {})
            paths, base = options.get("paths", {}), options.get("baseUrl", ".")
            for alias, targets in paths.items():
                start, _, end = alias.partition("*")
                yield from ((start, end, posixpath.join(base, target)) for target in targets)
        except (ValueError, AttributeError, TypeError, RecursionError):
            continue

"""Which files of a draft provably run on the server only, by their places, directives and imports.

In a browser `process.env.NAME` is undefined, and what a client file holds is rendered into pages at
build: so a file that any client file reaches is never one of ours.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from drafterd.domain.model import Kind
from drafterd.fix.folder import Folder
from drafterd.fix.imports import Imports

SOURCE = re.compile(r"\.(?:[cm]?[jt]s|[jt]sx)\Z")
SHIPPED = re.compile(r"(?:.*/)?public/|.*\.html?\Z")
"""What is sent to browsers as it is."""

# Possessive: a stranger's text must not make them slow.
_DIRECTIVE = re.compile(
    r"""\A(?:\#![^\n]*+\n)?
    (?>\s|;|//[^\n]*+|/\*(?>[^*]|\*(?!/))*+\*/
      |(?:'(?!use\ (?:client|server)')[^'\n]*+'|"(?!use\ (?:client|server)")[^"\n]*+")(?=[ \t\r]*+[;\n]))*+
    (['"])(use\ (?:client|server))\1(?=\s*+(?:;|/[/*]|\Z)|[ \t\r]*+\n)""",
    re.VERBOSE,
)
_SERVER_PLACE = re.compile(
    r"(?:(?:src/)?app/(?:.*/)?route\.[jt]sx?|(?:src/)?pages/api(?:/.+)?\.[jt]sx?"
    r"|(?:src/)?(?:middleware|proxy|instrumentation)\.[jt]s|(?:.*/)?auth(?:\.config)?\.[cm]?[jt]s)\Z"
)
_CLIENT_PLACE = re.compile(r"(?:src/)?pages/(?!api[/.])|(?:src/)?instrumentation-client\.|public/")
_DOCUMENT = re.compile(r"(?:src/)?pages/_document\.")
_PAGE_DATA = re.compile(r"\bget(?:ServerSide|Static)Props\b")
_SERVER_ONLY = re.compile(r"""\bimport\s*+\(?\s*+(['"])server-only\1""")
_SERVED_PLACE = re.compile(r"(?:.*/)?(?:public|static|assets|client|frontend|web|www|dist|out|build|views)/")
_NOT_SHIPPED = re.compile(
    r"(?:.*/)?(?:supabase|functions|api|server|scripts|prisma|e2e|cypress|tests?|__tests__)/"
    r"|(?:.*/)?[^/]*\.(?:config|test|spec|setup)\.[^/]*\Z|[^/]*\.c[jt]s\Z"
)
_SCRIPT = re.compile(r"""<script\b[^>]{0,500}?\bsrc\s*+=\s*+["']?([^"'\s>]{1,300})""", re.IGNORECASE)
_BUNDLERS = frozenset(
    {"vite", "webpack", "parcel", "rollup", "react-scripts", "@rspack/core", "@rsbuild/core", "snowpack", "browserify"}
)
_MARKUP = re.compile(r"\.[jt]sx\Z")
_TYPES = re.compile(r"\.d\.[cm]?ts\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Where files run.

    Attributes:
        server: Provably on the server only.
        client: In browsers, or reached from there.
    """

    server: AbstractSet[str]
    client: AbstractSet[str]


def is_server_place(name: str) -> bool:
    """Whether a file runs on the server of a Next.js app by its place alone."""
    return _SERVER_PLACE.match(name) is not None


def sides(folder: Folder, kind: Kind, entries: Iterable[str], packages: AbstractSet[str]) -> Sides:
    """Sort the source files.

    Args:
        folder: The draft's files.
        kind: What it is.
        entries: What its scripts start, as far as that is a file of its own.
        packages: What it depends on.
    """
    names = [name for name in folder.names() if SOURCE.search(name)]
    texts = {name: text for name in names if (text := folder.text(name)) is not None}
    if kind is Kind.STATIC:
        return Sides(server=frozenset(), client={name for name in texts if not _NOT_SHIPPED.match(name)})
    imports = Imports(folder, texts, packages)
    if kind is Kind.NODE:
        return _of_node(folder, texts, imports, set(entries) & texts.keys(), bundled=bool(packages & _BUNDLERS))
    return _of_next(texts, imports, set(entries) & texts.keys())


def _of_next(texts: Mapping[str, str], imports: Imports, entries: AbstractSet[str]) -> Sides:
    directives = {name: found[2] for name, text in texts.items() if (found := _DIRECTIVE.match(text))}
    guarded = {name for name, word in directives.items() if word == "use server"}
    guarded |= {
        name
        for name, text in texts.items()
        if "server-only" in text and name not in directives and _SERVER_ONLY.search(text)
    }
    pages = {name for name in texts if _CLIENT_PLACE.match(name)}
    # A page's functions for data run on the server, and what only they import is left out of its bundle.
    mixed = {name for name in pages if _DOCUMENT.match(name) or _PAGE_DATA.search(texts[name])}
    told = {name for name, word in directives.items() if word == "use client"}
    client = imports.reached((told | pages - mixed) - guarded, stop=guarded)
    unsure = client | imports.reached(mixed, stop=guarded)
    roots = guarded | entries | {name for name in texts if _SERVER_PLACE.match(name)}
    return Sides(server=_beyond(imports, roots, unsure), client=client)


def _of_node(
    folder: Folder, texts: Mapping[str, str], imports: Imports, entries: AbstractSet[str], *, bundled: bool
) -> Sides:
    pages = {name: folder.text(name) or "" for name in folder.names() if name.endswith((".html", ".htm"))}
    beside = {posixpath.dirname(name) for name in pages} - {""}
    client = {
        name for name in texts if _SERVED_PLACE.match(name) or any(name.startswith(f"{each}/") for each in beside)
    }
    for page, text in pages.items():
        for found in _SCRIPT.finditer(text):
            for start in ("", posixpath.dirname(page), *sorted(beside)):
                client.add(posixpath.normpath(posixpath.join(start, found[1].lstrip("/").partition("?")[0])))
    if bundled:
        client |= {name for name in texts if _MARKUP.search(name)}
    client |= {name for name in texts if (told := _DIRECTIVE.match(texts[name])) and told[2] == "use client"}
    reached = imports.reached(client & texts.keys() - entries, stop=entries)
    roots = entries if bundled else texts.keys() - reached
    return Sides(server=_beyond(imports, roots, reached), client=reached)


def _beyond(imports: Imports, roots: AbstractSet[str], stop: AbstractSet[str]) -> AbstractSet[str]:
    return {name for name in imports.reached(roots - stop, stop=stop) if not _TYPES.search(name)}

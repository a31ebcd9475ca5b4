"""`'use client'` for components that need it, in the build's own copy: the one repair that edits what the author wrote.

Only where it cannot change what a file means: one that has something for the server keeps what it says.
"""

import posixpath
import re
from collections.abc import Iterator

from ast_grep_py import SgNode, SgRoot

from drafterd.build.repairs.reach import reached
from drafterd.build.repairs.situation import SOURCES, Situation
from drafterd.build.repairs.variant import Remedy
from drafterd.domain.outputs import is_public

SIGN = re.compile(
    r"You're importing a (?:component|module) that (?:needs|depends on) "
    r"|(?:This|It) (?:React hook )?only works in a [Cc]lient [Cc]omponent|only works in Client Components"
    r"|\b(?:createContext|useState|useEffect|useReducer|useRef|useContext)\b[\"'\])]{0,4} is not a function"
)
_PLACE = re.compile(r"(?:^|[\s\[(,])\.?/?(?P<file>[\w@()\[\]./+-]+\.[cm]?[jt]sx?)(?::\d+(?::\d+)?)?(?=$|[\s\]),:])")
_NEARBY = 6
_SERVER_EXPORTS = frozenset(
    {
        "metadata",
        "generateMetadata",
        "viewport",
        "generateViewport",
        "generateStaticParams",
        "generateImageMetadata",
        "generateSitemaps",
        "getServerSideProps",
        "getStaticProps",
        "dynamic",
        "dynamicParams",
        "revalidate",
        "fetchCache",
        "runtime",
        "preferredRegion",
        "maxDuration",
        "GET",
        "POST",
    }
)
"""What only a file of the server may export; Next.js reads settings from no other."""
_SERVER_PACKAGES = re.compile(
    r"(?:node:.*|server-only|next/headers|next/cache|fs|fs/promises|path|crypto|child_process|net|tls|os|http|https"
    r"|pg|mysql2?(?:/.*)?|mongodb|mongoose|@prisma/client|better-sqlite3|redis|ioredis|nodemailer|stripe|openai|bcrypt)\Z"
)
_EXPORTS = ("export_statement",)
_ASYNC = re.compile(r"async\s+function\s+[A-Z]|(?:const|let|var)\s+[A-Z]\w*\s*(?::[^=]{0,200})?=\s*async\b")
"""A component that waits for something: only the server can."""


def use_client(situation: Situation) -> Remedy | None:
    """The directive in every file that the output names, where its guards pass."""
    files: dict[str, bytes] = {}
    for name in dict.fromkeys(_named(situation)):
        text = situation.read(name)
        if text is not None and may_be_client(name, text) and not _needs_server(situation, name):
            files[name] = with_directive(text).encode()
    if not files:
        return None
    return Remedy(
        summary=f"'use client' is put in front of what runs in browsers only: {', '.join(files)}",
        variant=situation.variant,
        files=files,
    )


def _named(situation: Situation) -> Iterator[str]:
    """The files that the signs are about: named in the lines around each."""
    for number, line in enumerate(situation.lines):
        if SIGN.search(line):
            before = situation.lines[max(0, number - _NEARBY) : number + 1][::-1]
            after = situation.lines[number + 1 : number + 1 + 3 * _NEARBY]
            if found := next((name for line in (*before, *after) for name in _places(situation, line)), ""):
                yield found


def _places(situation: Situation, line: str) -> Iterator[str]:
    """The draft's own source files that a line names."""
    for match in _PLACE.finditer(line):
        # Names begin with a parenthesis where they are of a group of routes, or where a stack line has one.
        for name in (match["file"], match["file"].lstrip("([")):
            plain = posixpath.normpath(name)
            if plain in situation.names and plain.endswith(SOURCES):
                yield plain


def may_be_client(name: str, text: str) -> bool:
    """Whether a file can be sent to browsers without another meaning."""
    root = _parsed(name, text)
    if root.find(kind="ERROR") is not None or any(_directives(root)) or _is_of_server(root):
        return False
    return not any(
        _is_for_servers(statement) if statement.kind() in _EXPORTS else _ASYNC.match(statement.text())
        for statement in root.children()
    )


def _needs_server(situation: Situation, name: str) -> bool:
    """Whether a file imports another one, directly or not, that must stay on the server."""
    found = reached(situation, name, borders=lambda text: any(_directives(_parsed(name, text))))
    return any(_is_of_server(_parsed(other, text)) for other, text in found)


def _parsed(name: str, text: str) -> SgNode:
    return SgRoot(text, "typescript" if name.endswith((".ts", ".mts", ".cts")) else "tsx").root()


def _is_of_server(root: SgNode) -> bool:
    """Whether it uses what browsers do not have: packages of the server, variables that no page gets."""
    if any(_SERVER_PACKAGES.match(source) for source in _imported(root)):
        return True
    names = (found.get_match("NAME") for found in root.find_all(pattern="process.env.$NAME"))
    return any(name is not None and name.text() != "NODE_ENV" and not is_public(name.text()) for name in names)


def _directives(root: SgNode) -> Iterator[str]:
    for statement in root.children():
        if statement.kind() in ("comment", "hash_bang_line"):
            continue
        if statement.kind() != "expression_statement" or not re.match(r"['\"]", statement.text()):
            return
        yield from re.findall(r"use (?:client|server|cache)", statement.text())


def _imported(root: SgNode) -> Iterator[str]:
    for statement in root.find_all(kind="import_statement"):
        source = statement.field("source")
        if source is not None and not re.match(r"import\s+type\b", statement.text()):
            yield source.text()[1:-1]


def _is_for_servers(statement: SgNode) -> bool:
    """An export of the server's, or a component that waits for something."""
    head = statement.text()[:300]
    found = re.match(r"export\s+(?:default\s+)?(?:async\s+function\b|(?:const|let|var|function)\s+(\w+))", head)
    if found is None:
        return bool(re.match(r"export\s+default\s+async\b", head)) or any(
            name in _SERVER_EXPORTS for name in re.findall(r"\b\w+\b", head) if head.startswith("export {")
        )
    if found[1] is None or found[1] in _SERVER_EXPORTS:
        return True
    return bool(re.match(r"export\s+(?:const|let|var)\s+\w+\s*(?::[^=]+)?=\s*async\b", head))


def with_directive(text: str) -> str:
    """The text with the directive in front; line ends as they are."""
    end = "\r\n" if "\r\n" in text else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return f"{mark}'use client';{end}{text.removeprefix(mark)}"

"""Reads package.json as npm does, and finds where in its text things stand.

Apart from the fix of the same file, because the recognition of kinds reads it too.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ast_grep_py import SgNode, SgRoot

NAME = "package.json"
_BOM = b"\xef\xbb\xbf"
_FIELDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
# Possessive throughout: a stranger's text must not make it slow.
_COMMENT = r"//[^\n]*+|/\*(?>[^*]|\*(?!/))*+\*/"
_TOKENS = re.compile(rf'"(?>\\.|[^"\\\n])*+"|{_COMMENT}|,(?=(?>\s|{_COMMENT})*+[}}\]])', re.DOTALL)


class BadPackage(ValueError):
    """package.json cannot be read; `line` and `column` count from 1."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What drafterd needs of a package.json.

    Attributes:
        text: The text, without byte-order mark and without what npm refuses.
        bom: Whether it began with a byte-order mark.
        repaired: Whether comments or trailing commas had to be removed.
        dependencies: Names and ranges of all fields of dependencies.
    """

    text: str
    bom: bool
    repaired: bool
    scripts: Mapping[str, str]
    dependencies: Mapping[str, str]
    main: str = ""
    module: bool = False

    def encode(self, text: str) -> bytes:
        """`text` as the file's bytes."""
        return (_BOM if self.bom else b"") + text.encode()


def parse(data: bytes) -> Package:
    """Read the file's bytes. Raises `BadPackage`."""
    bom = data.startswith(_BOM)
    try:
        text = data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadPackage("it is not UTF-8 text", line, error.start - data.rfind(b"\n", 0, error.start)) from error
    repaired = False
    try:
        found = _load(text)
    except BadPackage:
        mended = without_comments(text)
        if mended == text:
            raise
        found = _load_mended(mended, text)
        text, repaired = mended, True
    return _package(found, text, bom=bom, repaired=repaired)


def without_comments(text: str) -> str:
    """JSON text without comments and trailing commas, as far as they stand outside strings."""
    return _TOKENS.sub(lambda token: token[0] if token[0].startswith('"') else "", text)


def _load_mended(mended: str, text: str) -> object:
    try:
        return _load(mended)
    except BadPackage:
        _load(text)  # the place in the author's own text
        raise


def _load(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=float)
    except json.JSONDecodeError as error:
        raise BadPackage(error.msg, error.lineno, error.colno) from error
    except (ValueError, RecursionError) as error:
        raise BadPackage(str(error) or "it cannot be read") from error


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _package(found: object, text: str, *, bom: bool, repaired: bool) -> Package:
    if not isinstance(found, dict):
        raise BadPackage("it holds no object")
    scripts = found.get("scripts", {})
    if not isinstance(scripts, dict):
        raise BadPackage('"scripts" is no object', *_place(text, "scripts"))
    dependencies: dict[str, str] = {}
    for field in _FIELDS:
        listed = found.get(field)
        if isinstance(listed, dict):
            dependencies |= {name: str(wanted) for name, wanted in listed.items()}
    main = found.get("main")
    return Package(
        text=text,
        bom=bom,
        repaired=repaired,
        scripts={name: line for name, line in scripts.items() if isinstance(line, str)},
        dependencies=dependencies,
        main=main if isinstance(main, str) else "",
        module=found.get("type") == "module",
    )


def _place(text: str, key: str) -> tuple[int, int]:
    pair = member(top(text), key)
    start = pair.range().start.index if pair else 0
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def top(text: str) -> SgNode | None:
    """The outermost object of a JSON text."""
    return next((node for node in SgRoot(text, "json").root().children() if node.kind() == "object"), None)


def members(node: SgNode | None) -> Iterable[SgNode]:
    """The pairs of an object, in order."""
    return [] if node is None else [child for child in node.children() if child.kind() == "pair"]


def member(node: SgNode | None, key: str) -> SgNode | None:
    """The pair with this key; of several the last, as for npm."""
    found = None
    for pair in members(node):
        name = pair.field("key")
        if name is not None and json.loads(name.text()) == key:
            found = pair
    return found

"""Finds values in the literals of one file of JavaScript or TypeScript and puts `process.env.NAME` there.

A pure function of the text. Where a literal stands in a place that cannot take an expression, or that
Next.js reads at compile time, it is left alone and told.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from ast_grep_py import Config, SgNode

from drafterd.fix import config_syntax as syntax
from drafterd.fix.next_config import language

_CONFIG_NAMES = frozenset(
    {
        "config",
        "runtime",
        "revalidate",
        "matcher",
        "dynamic",
        "dynamicParams",
        "fetchCache",
        "preferredRegion",
        "maxDuration",
        "metadata",
        "viewport",
    }
)
_ENV_READ = re.compile(r"""process\.env(?:\.([A-Za-z_]\w*)|\[(['"])([A-Za-z_]\w*)\2\])\Z""")
_COMPOSED = re.compile(r"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?)://[^`]*\$\{")
_LITERALS: Config = {
    "rule": {"any": [{"kind": kind} for kind in ("string", "template_string", "comment", "jsx_text", "regex")]}
}
_TYPED = re.compile(r"\.(?:[cm]?ts|tsx)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A value inside a literal's text.

    Attributes:
        name: The variable that it becomes.
        start, end: Its place in the literal's content.
        secret: Whether it may not be shown, nor stay as a default.
    """

    name: str
    start: int
    end: int
    value: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One literal that was replaced; `before` holds the value."""

    line: int
    before: str
    after: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One literal that was left alone, and why."""

    line: int
    name: str
    reason: str
    secret: bool


class _Place(StrEnum):
    """What a literal's place allows."""

    FREE = "free"
    SILENT = "silent"
    """never, and nothing to say"""


OTHER_VALUE = "the variable has another value"
"""What a `Consent` says when the literal is not the variable's value."""

Finder = Callable[[str], list[Match]]
"""Finds the values in a literal's content."""

Consent = Callable[[Match], str]
"""Why a value may not be replaced, or ""."""


def rewrite(name: str, text: str, find: Finder, consent: Consent) -> tuple[str, list[Hit], list[Kept]] | None:
    """The text with its values replaced, what was done, and what was left. None: it cannot be parsed."""
    root = syntax.parse(text, language(name))
    if syntax.broken_at(root) is not None:
        return None
    typed = bool(_TYPED.search(name))
    hits: list[Hit] = []
    kept: list[Kept] = []
    splices: list[tuple[int, int, str]] = []
    for node in root.find_all(_LITERALS):
        found = _found(node, find)
        if not found:
            continue
        line = node.range().start.line + 1
        reason = _obstacle(node, found) or next((why for match in found if (why := consent(match))), "")
        if reason == OTHER_VALUE and _is_default(node, found):
            reason = ""  # the variable has its value: the default is never used
        if reason:
            kept += [
                Kept(line=line, name=match.name, reason=reason, secret=match.secret)
                for match in found
                if reason is not _Place.SILENT
            ]
            continue
        change = _change(node, found, text, typed=typed)
        if change is not None:
            start, end, new = change
            splices.append(change)
            hits.append(Hit(line=line, before=text[start:end], after=new.strip(), matches=tuple(found)))
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text, hits, kept


def _found(node: SgNode, find: Finder) -> list[Match]:
    """The values in one node's own text; for templates by their place in the whole literal."""
    kind = node.kind()
    if kind == "string":
        return find(node.text()[1:-1])
    if kind == "template_string":
        return list(_in_template(node, find))
    if kind in {"comment", "jsx_text", "regex"}:
        return [match for match in _anywhere(node.text(), find) if match.secret]
    return []


def _anywhere(text: str, find: Finder) -> Iterator[Match]:
    for word in re.findall(r"[^\s'\"`<>{}(),;]+", text):
        yield from find(word)


def _in_template(node: SgNode, find: Finder) -> Iterator[Match]:
    base = node.range().start.index + 1
    composed = _COMPOSED.match(node.text()[1:])
    if composed:
        yield Match(name="DATABASE_URL", start=0, end=composed.end(), value=composed[0], secret=False)
        return
    for child in node.children():
        if child.kind() != "string_fragment":
            continue
        matches = find(child.text())
        offset = child.range().start.index - base if matches else 0
        for match in matches:
            if match.secret or offset == 0:  # an address counts at the beginning of the text only
                yield replace(match, start=offset + match.start, end=offset + match.end)


def _is_composed(node: SgNode, found: list[Match]) -> bool:
    """Whether a value in a template goes on in an expression beside it."""
    base = node.range().start.index + 1
    edges = [child.range() for child in node.children() if child.kind() == "template_substitution"]
    starts, ends = {edge.start.index - base for edge in edges}, {edge.end.index - base for edge in edges}
    return any(
        match.start in ends or (match.end in starts and match.secret) or (match.name == "DATABASE_URL" and bool(edges))
        for match in found
    )


def _is_default(node: SgNode, found: list[Match]) -> bool:
    parent = node.parent()
    return parent is not None and found[0].secret and _default_for(parent, node, found[0].name) is not None


def _obstacle(node: SgNode, found: list[Match]) -> str:
    """Why the place of this literal cannot take an expression; "" when it can."""
    if node.kind() not in {"string", "template_string"}:
        return "it stands in a comment or in text"
    if node.kind() == "template_string" and _is_composed(node, found):
        return "it is composed of parts"
    for check in (_in_syntax, _in_types, _in_settings, _in_escapes):
        if reason := check(node):
            return reason
    return ""


def _in_syntax(node: SgNode) -> str:
    """Imports, keys and directives: no expression can stand there."""
    parent = node.parent()
    if parent is None:
        return _Place.SILENT
    kind = parent.kind()
    if kind in {"import_statement", "export_statement", "expression_statement", "import_attribute"}:
        return "" if kind == "export_statement" and "default" in _kinds(parent) else _Place.SILENT
    key = parent.field("key") or parent.field("name")
    if key is not None and key.range().start.index == node.range().start.index and kind != "jsx_attribute":
        return _Place.SILENT
    if kind == "arguments":
        call = parent.parent()
        called = call.field("function") if call else None
        if called is not None and called.text() in {"import", "require", "require.resolve"}:
            return _Place.SILENT
    return ""


def _kinds(node: SgNode) -> list[str]:
    return [child.kind() for child in node.children()]


def _in_types(node: SgNode) -> str:
    parent = node.parent()
    kind = parent.kind() if parent else ""
    if kind in {"literal_type", "enum_assignment", "enum_body", "template_literal_type"}:
        return "it is a type"
    if parent is not None and kind == "as_expression" and "const" in _kinds(parent):
        return "it is a constant type"
    if parent is not None and kind == "call_expression" and node.kind() == "template_string":
        return "it is a tagged template"
    return ""


def _in_settings(node: SgNode) -> str:
    """Assignments to the environment, and what Next.js reads at compile time."""
    parent = node.parent()
    if parent is not None and parent.kind() in {"assignment_expression", "augmented_assignment_expression"}:
        left = parent.field("left")
        if left is not None and _ENV_READ.match(left.text()):
            return "it is assigned to a variable of the environment"
    for above in node.ancestors():
        if above.kind() != "export_statement":
            continue
        names = [each.field("name") for each in above.find_all(kind="variable_declarator")]
        if any(name is not None and name.text() in _CONFIG_NAMES for name in names[:1]):
            return "Next.js reads it at compile time"
    return ""


def _in_escapes(node: SgNode) -> str:
    text = node.text()
    if node.kind() == "string" and "\\" in text:
        return "it holds an escape"
    parent = node.parent()
    if parent is not None and parent.kind() == "jsx_attribute" and "&" in text:
        return "it holds an escape"
    return ""


def _change(node: SgNode, found: list[Match], text: str, *, typed: bool) -> tuple[int, int, str] | None:
    """The splice for one literal: start, end, new text; None when it is right as it is."""
    span = node.range()
    start, end = span.start.index, span.end.index
    mark = "!" if typed else ""
    parent = node.parent()
    content = text[start + 1 : end - 1]
    whole = node.kind() == "string" and len(found) == 1 and (found[0].start, found[0].end) == (0, len(content))
    if whole and parent is not None and (default := _default_for(parent, node, found[0].name)) is not None:
        if not found[0].secret:
            return None
        above = parent.range()
        return above.start.index, above.end.index, f"{default}{mark}"
    new = f"process.env.{found[0].name}{mark}" if whole else _template(content, found, raw=node.kind() == "string")
    if parent is not None and parent.kind() == "jsx_attribute":
        new = f"{{{new}}}"
    return start, end, _spaced(text, start, end, new)


def _spaced(text: str, start: int, end: int, new: str) -> str:
    """Keeps `return'x'` from becoming one word."""
    before = " " if start and re.match(r"[\w$]", text[start - 1]) else ""
    after = " " if re.match(r"[\w$]", text[end : end + 1]) else ""
    return f"{before}{new}{after}"


def _default_for(parent: SgNode, node: SgNode, name: str) -> str | None:
    """`process.env.NAME` where the literal is only its default."""
    left, right = parent.field("left"), parent.field("right")
    if parent.kind() != "binary_expression" or left is None or right is None:
        return None
    operator = parent.field("operator")
    read = _ENV_READ.match(left.text())
    if operator is None or operator.text() not in {"||", "??"} or read is None:
        return None
    is_right = right.range().start.index == node.range().start.index
    return left.text() if is_right and name in {read[1], read[3]} else None


def _template(content: str, found: list[Match], *, raw: bool) -> str:
    """A template literal of the content; `raw`: it was a plain string, and is to be escaped."""
    parts: list[str] = []
    done = 0
    for match in sorted(found, key=lambda each: each.start):
        parts += [_escaped(content[done : match.start], raw=raw), f"${{process.env.{match.name}}}"]
        done = match.end
    return f"`{''.join(parts)}{_escaped(content[done:], raw=raw)}`"


def _escaped(text: str, *, raw: bool) -> str:
    return text.replace("`", "\\`").replace("${", "\\${") if raw else text

"""Finds values in the literals of one file of JavaScript or TypeScript, and what takes their place.

A pure function of the text. Where a literal stands in a place that cannot take an expression, or that
Next.js reads at compile time, it is left alone and told.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from ast_grep_py import Config, SgNode

from drafterd.fix import config_syntax as syntax
from drafterd.fix.literal_places import ENV_READ, SILENT, Exports, exported_names, obstacle, own_process
from drafterd.fix.next_config import language

_LITERALS: Config = {
    "rule": {"any": [{"kind": kind} for kind in ("string", "template_string", "comment", "jsx_text", "regex")]}
}
_COMPOSED = re.compile(r"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?)://[^`]*\$\{")
_TYPED = re.compile(r"\.(?:[cm]?ts|tsx)\Z")
_ANYTHING = re.compile("")
_WORDS = re.compile(r"[^\s'\"`<>{}(),;]+")


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
class Literal:
    """One literal that holds values.

    Attributes:
        obstacle: Why it stays as it is, or "".
        is_default: Whether it is what its own variable falls back to.
        splices: What replaces it: start, end, and the text that takes the place.
        before: What stands there, values and all.
        after: What would stand there.
    """

    line: int
    matches: tuple[Match, ...]
    obstacle: str
    is_default: bool = False
    splices: tuple[tuple[int, int, str], ...] = ()
    before: str = ""
    after: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether it is no value at all, so that there is nothing to tell."""
        return self.obstacle == SILENT


class Unparsable(ValueError):
    """A text is no program; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"no syntax at {line}:{column}")
        self.line = line
        self.column = column


class TooMany(ValueError):
    """A file holds more values than anybody writes by hand."""


MOST = 300
"""Literals with values in one file."""

Finder = Callable[[str], list[Match]]
"""Finds the values in a literal's content."""


def literals(name: str, text: str, find: Finder, signs: re.Pattern[str] = _ANYTHING) -> list[Literal]:
    """The literals that hold values, in their order. Raises `Unparsable`, `TooMany`.

    In each literal with a value `signs` are found: others are not looked at.
    """
    root = syntax.parse(text, language(name))
    if (broken := syntax.broken_at(root)) is not None:
        raise Unparsable(*broken)
    shadowed = "it means something else by 'process'" if _names_process(text) and own_process(root) else ""
    typed = bool(_TYPED.search(name))
    exports = cache(lambda: exported_names(root))
    made: list[Literal] = []
    for node in root.find_all(_LITERALS):
        found = _found(node, find) if signs.search(node.text()) else []
        if found and not _is_right(node, found):
            reason = shadowed or _obstacle(node, found, exports)
            made.append(_literal(node, found, text, reason, typed=typed))
        if len(made) > MOST:
            raise TooMany
    return made


def _names_process(text: str) -> bool:
    """Whether a text holds `process` in other ways than to read the environment: cheap, and never too seldom."""
    return text.count("process") > text.count("process.env")


def replaced(text: str, chosen: Iterable[Literal]) -> str:
    """The text with those literals replaced."""
    for start, end, new in sorted((splice for each in chosen for splice in each.splices), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _literal(node: SgNode, found: list[Match], text: str, reason: str, *, typed: bool) -> Literal:
    line = node.range().start.line + 1
    if reason:
        return Literal(line=line, matches=tuple(found), obstacle=reason)
    splices = _changes(node, found, text, typed=typed)
    return Literal(
        line=line,
        matches=tuple(found),
        obstacle="",
        is_default=_is_default(node, found),
        splices=tuple(splices),
        before=" … ".join(text[start:end] for start, end, _ in splices),
        after=" … ".join(new.strip() for *_, new in splices),
    )


def _found(node: SgNode, find: Finder) -> list[Match]:
    """The values in one node's own text; for templates by their place in the whole literal."""
    kind = node.kind()
    if kind == "string":
        return find(node.text()[1:-1])
    if kind == "template_string":
        return list(_in_template(node, find))
    return [match for match in _anywhere(node.text(), find) if match.secret]


def _anywhere(text: str, find: Finder) -> Iterator[Match]:
    for word in _WORDS.findall(text):
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


def _obstacle(node: SgNode, found: list[Match], exports: Exports) -> str:
    """Why this literal stays as it is; "" when its place can take an expression."""
    if node.kind() not in {"string", "template_string"}:
        return "it stands in a comment or in text"
    if node.kind() == "template_string" and _is_composed(node, found):
        return "it is composed of parts"
    return obstacle(node, exports, becomes_template=not _is_whole(node, found))


def _is_composed(node: SgNode, found: list[Match]) -> bool:
    """Whether a value in a template goes on in an expression beside it."""
    base = node.range().start.index + 1
    edges = [child.range() for child in node.children() if child.kind() == "template_substitution"]
    starts, ends = {edge.start.index - base for edge in edges}, {edge.end.index - base for edge in edges}
    return any(
        match.start in ends or (match.end in starts and match.secret) or (match.name == "DATABASE_URL" and bool(edges))
        for match in found
    )


def _is_whole(node: SgNode, found: list[Match]) -> bool:
    content = node.text()[1:-1]
    return node.kind() == "string" and len(found) == 1 and (found[0].start, found[0].end) == (0, len(content))


def _is_right(node: SgNode, found: list[Match]) -> bool:
    """Whether the literal is the default of its variable and may be known: that is how it should be."""
    return not found[0].secret and _is_whole(node, found) and _default_for(node, found[0].name) is not None


def _is_default(node: SgNode, found: list[Match]) -> bool:
    return found[0].secret and _is_whole(node, found) and _default_for(node, found[0].name) is not None


def _changes(node: SgNode, found: list[Match], text: str, *, typed: bool) -> list[tuple[int, int, str]]:
    """The splices for one literal."""
    span = node.range()
    start, end = span.start.index, span.end.index
    if node.kind() == "template_string":  # what stands between the values may be literals of its own
        base = start + 1
        return [(base + each.start, base + each.end, f"${{process.env.{each.name}}}") for each in found]
    mark = "!" if typed else ""
    if not _is_whole(node, found):
        new = _template(text[start + 1 : end - 1], found)
    elif (default := _default_for(node, found[0].name)) is None:
        new = f"process.env.{found[0].name}{mark}"
    else:
        above, read = default
        start, new = above.range().start.index, f"{read}{mark}"
    parent = node.parent()
    if parent is not None and parent.kind() == "jsx_attribute":
        new = f"{{{new}}}"
    return [(start, end, _spaced(text, start, end, new))]


def _spaced(text: str, start: int, end: int, new: str) -> str:
    """Keeps `return'x'` from becoming one word, and `!` from becoming part of `!==`."""
    before = " " if start and re.match(r"[\w$]", text[start - 1]) else ""
    after = " " if re.match(r"[\w$]" if new.endswith(("`", "}")) else r"[\w$=]", text[end : end + 1]) else ""
    return f"{before}{new}{after}"


def _default_for(node: SgNode, name: str) -> tuple[SgNode, str] | None:
    """The expression and its `process.env.NAME`, where the literal is only the default of that."""
    parent = node.parent()
    if parent is None or parent.kind() != "binary_expression":
        return None
    left, right, operator = parent.field("left"), parent.field("right"), parent.field("operator")
    if left is None or right is None or operator is None or operator.text() not in {"||", "??"}:
        return None
    read = ENV_READ.match(left.text())
    is_right = right.range().start.index == node.range().start.index
    return (parent, left.text()) if is_right and read is not None and name in {read[1], read[3]} else None


def _template(content: str, found: list[Match]) -> str:
    """A template literal of a plain string's content."""
    parts: list[str] = []
    done = 0
    for match in sorted(found, key=lambda each: each.start):
        parts += [_escaped(content[done : match.start]), f"${{process.env.{match.name}}}"]
        done = match.end
    return f"`{''.join(parts)}{_escaped(content[done:])}`"


def _escaped(text: str) -> str:
    return text.replace("`", "\\`").replace("${", "\\${")

"""Finds the object that a Next.js configuration exports, by its syntax, running nothing.

What is not understood is None: the wrapper in the build's snapshot works on every shape.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from ast_grep_py import Config, SgNode, SgRoot

_DEPTH = 12
_TRANSPARENT = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "await_expression", "non_null_expression"}
)
_BROKEN: Config = {"rule": {"any": [{"kind": "ERROR"}, {"regex": r"\A\z"}]}}
"""A node without text was missing."""
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function_declaration", "generator_function"})
_WITH = re.compile(r"(?:\w+\.)*(?:with[A-Z]\w*|defineConfig|freeze|resolve)\Z")


def parse(text: str, language: str) -> SgNode:
    """The syntax tree of JavaScript or TypeScript."""
    return SgRoot(text, language).root()


def walk(node: SgNode) -> Iterator[SgNode]:
    """A node and everything below it, in the order of the text."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.children()))


def broken_at(root: SgNode) -> tuple[int, int] | None:
    """Line and column, from 1, of the first thing that is no syntax; None for a sound file."""
    found = root.find(_BROKEN)
    if found is None or not root.text().strip():
        return None
    start = found.range().start
    return start.line + 1, start.column + 1


def is_common_js(root: SgNode) -> bool:
    """Whether a file is written for `require`: it sets `module.exports` and neither imports nor exports."""
    kinds = {node.kind() for node in root.children()}
    if kinds & {"import_statement", "export_statement"}:
        return False
    assigned = (node.field("left") for node in root.find_all(kind="assignment_expression"))
    return any(left is not None and left.text().startswith(("module.exports", "exports.")) for left in assigned)


def exported_object(root: SgNode) -> SgNode | None:
    """The object literal that becomes the configuration, or None where that is not plain."""
    exported = _exported(root)
    return None if exported is None else _resolve(root, exported, _DEPTH)


def _exported(root: SgNode) -> SgNode | None:
    found: list[SgNode] = []
    for node in root.children():
        if node.kind() == "export_statement":
            found += _from_export(node)
        elif node.kind() == "expression_statement":
            found += _from_assignment(node)
    return found[0] if len(found) == 1 else None


def _from_export(node: SgNode) -> list[SgNode]:
    kinds = [child.kind() for child in node.children()]
    if "default" in kinds or "=" in kinds:
        after = node.children()[kinds.index("default" if "default" in kinds else "=") + 1 :]
        return [child for child in after if child.is_named() and child.kind() != "comment"][:1]
    for clause in node.find_all(kind="export_specifier"):
        alias, name = clause.field("alias"), clause.field("name")
        if alias is not None and name is not None and alias.text() == "default":
            return [name]
    return []


def _from_assignment(node: SgNode) -> list[SgNode]:
    for child in node.children():
        left, right = child.field("left"), child.field("right")
        if child.kind() != "assignment_expression" or left is None or right is None:
            continue
        if left.text() in {"module.exports", "exports.default", "module.exports.default"}:
            return [right]
    return []


def _resolve(root: SgNode, node: SgNode | None, depth: int) -> SgNode | None:
    """Follow names, casts, functions and wrapping calls down to an object literal."""
    if node is None or depth == 0:
        return None
    kind = node.kind()
    if kind == "object":
        return node
    if kind in _FUNCTIONS:
        returned = _returned(node)
        return _resolve(node, returned, depth - 1) or _resolve(root, returned, depth - 1)
    step = _STEPS.get(kind)
    return None if step is None else _resolve(root, step(root, node), depth - 1)


def _inner(_root: SgNode, node: SgNode) -> SgNode | None:
    return next((child for child in node.children() if child.is_named() and child.kind() != "comment"), None)


def _binding(root: SgNode, node: SgNode) -> SgNode | None:
    """What a name stands for, if it is bound exactly once."""
    name = node.text()
    found: list[SgNode] = []
    for each in walk(root):
        bound = each.field("name") if each.kind() in {"variable_declarator", "function_declaration"} else None
        if bound is None or bound.text() != name:
            continue
        value = each if each.kind() == "function_declaration" else each.field("value")
        if value is None:
            return None
        found.append(value)
    return found[0] if len(found) == 1 else None


def _returned(function: SgNode) -> SgNode | None:
    body = function.field("body")
    if body is None:
        return None
    if body.kind() != "statement_block":
        return body
    returns = [node for node in walk(body) if node.kind() == "return_statement"]
    values = [child for node in returns for child in node.children() if child.is_named()]
    return values[0] if len(returns) == 1 and len(values) == 1 else None


def _argument(_root: SgNode, call: SgNode) -> SgNode | None:
    """The configuration that a call such as `withX(config)` is given."""
    function, arguments = call.field("function"), call.field("arguments")
    if function is None or arguments is None:
        return None
    given = [child for child in arguments.children() if child.is_named() and child.kind() != "comment"]
    if not given:
        return None
    if given[0].kind() == "object" and function.kind() != "call_expression" and not _WITH.match(function.text()):
        return None
    return given[0]


_STEPS: Mapping[str, Callable[[SgNode, SgNode], SgNode | None]] = {
    "identifier": _binding,
    "call_expression": _argument,
    **dict.fromkeys(_TRANSPARENT, _inner),
}


def property_of(found: SgNode, name: str) -> SgNode | None:
    """The value of a property that stands in the object itself; a shorthand is its own value."""
    last = None
    for child in found.children():
        key = child.field("key")
        if child.kind() == "pair" and key is not None and _plain(key.text()) == name:
            last = child.field("value")
        elif child.kind() == "shorthand_property_identifier" and child.text() == name:
            last = child
    return last


def literal(node: SgNode | None) -> str | None:
    """The text of a plain string, `'x' as const` included; None for anything else."""
    while node is not None and node.kind() in _TRANSPARENT:
        node = next((child for child in node.children() if child.is_named()), None)
    if node is None or node.kind() != "string":
        return None
    return _plain(node.text())


def _plain(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        if "\\" not in inner:
            return inner
        try:
            return str(json.loads(f'"{inner}"'))
        except ValueError:
            return inner
    return text

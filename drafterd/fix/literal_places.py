"""Where a literal stands in a program, and whether an expression can take its place there.

What a compiler or Next.js reads without running it, what would change its type or its meaning, and what
is text only: all that stays as its author wrote it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from ast_grep_py import SgNode

SILENT = "-"
"""The obstacle of places where a literal is no value: never replaced, and nothing to tell."""

ENV_READ = re.compile(r"""process\.env(?:\.([A-Za-z_]\w*)|\[(['"])([A-Za-z_]\w*)\2\])\Z""")
"""A variable of the environment; its name is the first or the third group."""

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
        "experimental_ppr",
        "metadata",
        "viewport",
    }
)
_MODULE_NAMES = frozenset({"import_statement", "import_require_clause", "module"})
_LOADERS = frozenset({"import", "require", "require.resolve"})
_CONSTANT = frozenset({"as_expression", "type_assertion"})
_WHOLE_VALUE = frozenset({"object", "array", "pair", "parenthesized_expression", "template_substitution"})
_NEAR = 6
_DEEP = 500
_MANY = 500
"""Nobody writes more of them by hand, and no more are looked at."""
_PROCESS = frozenset({"'process'", '"process"', "'node:process'", '"node:process"'})
_BINDINGS = frozenset(
    {
        "variable_declarator",
        "required_parameter",
        "optional_parameter",
        "function_declaration",
        "class_declaration",
        "arrow_function",
        "catch_clause",
    }
)


Exports = Callable[[], Mapping[str, AbstractSet[str]]]
"""By which names a file's `export { … }` exports its variables."""


def obstacle(node: SgNode, exports: Exports, *, becomes_template: bool) -> str:
    """Why a string or template cannot give way to an expression here; "" when it can.

    With `becomes_template` a string is to be a template literal, which goes on with what stands before it.
    """
    above = list(node.ancestors())
    if not above:
        return SILENT
    if len(above) > _DEEP:
        return "it is nested too deep"
    reason = (
        _in_syntax(node, above) or _in_types(node, above) or _in_settings(node, above, exports) or _in_escapes(node)
    )
    if not reason and becomes_template and node.kind() == "string" and _begins_statement(node, above):
        return "it begins a statement"
    return reason


def own_process(root: SgNode) -> bool:
    """Whether the file gives the name `process` another meaning, anywhere in it."""
    pattern = r"\Aprocess\z"
    kinds = ("identifier", "shorthand_property_identifier_pattern")
    found = [node for kind in kinds for node in root.find_all(kind=kind, regex=pattern)]
    return len(found) > _MANY or any(map(_gives_meaning, found))


def _gives_meaning(node: SgNode) -> bool:
    parent = node.parent()
    statement = next((above for above in node.ancestors() if above.kind() == "import_statement"), None)
    if parent is None:
        return False
    if statement is not None:
        source = statement.field("source")
        return source is None or source.text() not in _PROCESS or parent.kind() == "import_specifier"
    if node.kind() != "identifier":
        return True
    if parent.kind() not in _BINDINGS or not _is_bound(parent, node):
        return False
    value = parent.field("value")
    return value is None or value.text() not in {f"require({name})" for name in _PROCESS}


def _is_bound(parent: SgNode, node: SgNode) -> bool:
    names = (parent.field(field) for field in ("name", "pattern", "parameter"))
    start = node.range().start.index
    return any(name is not None and name.range().start.index == start for name in names)


def _in_syntax(node: SgNode, above: Sequence[SgNode]) -> str:
    """Imports, keys and directives: no expression can stand there."""
    parent = above[0]
    kind = parent.kind()
    if kind in _MODULE_NAMES or (kind == "expression_statement" and node.kind() == "string"):
        return SILENT
    if any(each.kind() == "import_attribute" for each in above[:_NEAR]):
        return SILENT
    if kind == "export_statement":
        return "" if "default" in _kinds(parent) else SILENT
    key = parent.field("key") or parent.field("name")
    if key is not None and key.range().start.index == node.range().start.index and kind != "jsx_attribute":
        return SILENT
    if kind == "arguments":
        call = above[1] if len(above) > 1 else None
        called = call.field("function") if call else None
        if called is not None and called.text() in _LOADERS:
            return SILENT
    return ""


def _kinds(node: SgNode) -> list[str]:
    return [child.kind() for child in node.children()]


def _in_types(node: SgNode, above: Sequence[SgNode]) -> str:
    kind = above[0].kind()
    if kind in {"literal_type", "template_literal_type"} or any(each.kind() == "enum_body" for each in above):
        return "it is a type"
    if kind == "call_expression" and node.kind() == "template_string":
        return "it is a tagged template"
    declared = above[0].field("type")
    if declared is not None and declared.find(kind="string") is not None:
        return "it is a constant type"
    for each in above:
        if each.kind() in _CONSTANT and _is_constant(each):
            return "it is a constant type"
        if each.kind() not in _WHOLE_VALUE:
            break
    return ""


def _is_constant(assertion: SgNode) -> bool:
    """`… as const` or `<const>…`."""
    first, *rest = assertion.children()
    return any(each.kind() == "const" for each in rest) or (
        first.kind() == "type_arguments" and "const" in _kinds(first)
    )


def _in_settings(node: SgNode, above: Sequence[SgNode], exports: Exports) -> str:
    """Assignments to the environment, and what Next.js reads at compile time."""
    if above[0].kind() in {"assignment_expression", "augmented_assignment_expression"}:
        left = above[0].field("left")
        if left is not None and ENV_READ.match(left.text()):
            return "it is assigned to a variable of the environment"
    statement = above[-2] if len(above) > 1 else None  # the last is the program
    if statement is not None and not _CONFIG_NAMES.isdisjoint(_exported_with(node, statement, exports)):
        return "Next.js reads it at compile time"
    return ""


def _exported_with(node: SgNode, statement: SgNode, exports: Exports) -> Iterator[str]:
    """The names by which a statement with `node` in it exports that value."""
    inner = statement.field("declaration") if statement.kind() == "export_statement" else statement
    if inner is not None and inner.kind() in {"lexical_declaration", "variable_declaration"}:
        start = node.range().start.index
        for declared in inner.children():
            name = declared.field("name") if declared.kind() == "variable_declarator" else None
            if name is None or not declared.range().start.index <= start < declared.range().end.index:
                continue
            yield from {name.text()} if statement.kind() == "export_statement" else exports().get(name.text(), ())
    elif statement.kind() == "expression_statement":
        assigned = statement.child(0)
        left = assigned.field("left") if assigned is not None and assigned.kind() == "assignment_expression" else None
        found = re.match(r"(?:module\.)?exports\.(\w+)\Z", left.text()) if left is not None else None
        if found:
            yield found[1]


def exported_names(program: SgNode) -> Mapping[str, AbstractSet[str]]:
    """What `export { … }` exports: the names outside by the name inside."""
    found: dict[str, set[str]] = {}
    for statement in program.children():
        if statement.kind() != "export_statement" or statement.field("source") is not None:
            continue
        for specifier in (each for clause in statement.children() for each in clause.children()):
            own, alias = specifier.field("name"), specifier.field("alias")
            if specifier.kind() == "export_specifier" and own is not None:
                found.setdefault(own.text(), set()).add((alias or own).text())
    return found


def _in_escapes(node: SgNode) -> str:
    text = node.text()
    if node.kind() == "string" and "\\" in text:
        return "it holds an escape"
    parent = node.parent()
    if parent is not None and parent.kind() == "jsx_attribute" and ("&" in text or "\n" in text):
        return "it holds an escape"
    return ""


def _begins_statement(node: SgNode, above: Sequence[SgNode]) -> bool:
    """Without a semicolon before it a template literal would belong to the line above."""
    start = node.range().start.index
    return any(each.kind() == "expression_statement" and each.range().start.index == start for each in above)

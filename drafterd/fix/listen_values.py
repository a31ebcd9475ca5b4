"""What an expression says of a port, and the smallest change that puts `PORT` before it.

Apart from what listens, because a port is found through names, objects, settings and fallbacks.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ast_grep_py import SgNode

from drafterd.fix.literal_places import ENV_READ

Splice = tuple[int, int, str]
"""Start, end, and the text that takes the place."""

_NUMBER = "Number(process.env.PORT) || "
_TEXT = "process.env.PORT || "
_DEPTH = 12
_HIGHEST = 65_535
_CLEAR = frozenset({"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"})
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function_declaration", "class", "regex", "array"})
_READERS = frozenset({"Number", "parseInt", "Number.parseInt", "String", "normalizePort"})
"""Functions that hand on what they are given."""
_PARAMETERS = frozenset(
    {"formal_parameters", "required_parameter", "optional_parameter", "assignment_pattern", "arrow_function"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port that is understood.

    Attributes:
        number: The one that is written down, or None: only the environment tells.
        splices: What makes it follow `PORT`.
        is_named: Whether another variable of the environment may give it.
    """

    number: int | None
    splices: tuple[Splice, ...]
    is_named: bool = False


class Values:
    """The values of one program, as far as they can be read off."""

    def __init__(self, root: SgNode) -> None:
        self._root = root
        self._known: dict[str, SgNode | None] = {}

    def declared(self, name: str) -> SgNode | None:
        """The value of a variable that is declared once and never set again."""
        if name not in self._known:
            self._known[name] = self._declared(name)
        return self._known[name]

    def _declared(self, name: str) -> SgNode | None:
        declared = [each for each in self._root.find_all(kind="variable_declarator") if _is(each.field("name"), name)]
        if len(declared) != 1:
            return None
        typed = declared[0].field("type")
        if typed is not None and re.search(r"\d|['\"]", typed.text()):
            return None  # a literal type takes no expression
        uses = self._root.find_all(kind="identifier", regex=rf"\A{re.escape(name)}\z")
        return None if any(map(_is_other_meaning, uses)) or self._patterned(name) else declared[0].field("value")

    def _patterned(self, name: str) -> bool:
        kind = "shorthand_property_identifier_pattern"
        return self._root.find(kind=kind, regex=rf"\A{re.escape(name)}\z") is not None

    def is_no_port(self, node: SgNode) -> bool:
        """Whether an argument cannot be a port: a function, a text."""
        value = self.declared(node.text()) if node.kind() == "identifier" else node
        if value is None:
            return self._is_function(node.text()) if node.kind() == "identifier" else False
        return value.kind() in _FUNCTIONS or (value.kind() == "string" and _digits(value) is None)

    def _is_function(self, name: str) -> bool:
        found = self._root.find_all(kind="function_declaration")
        return any(_is(each.field("name"), name) for each in found)

    def port(self, node: SgNode) -> Port | None:
        """The port that an expression gives, or None where that is not understood."""
        return self._port(node, _DEPTH)

    def _port(self, node: SgNode | None, depth: int) -> Port | None:
        if node is None or not depth:
            return None
        read = _SHAPES.get(node.kind())
        return read(self, node, depth - 1) if read else None

    # By the shape of the expression

    def number(self, node: SgNode, _depth: int) -> Port | None:
        """`3000`."""
        found = _digits(node)
        return None if found is None else Port(number=found, splices=(_before(node, _NUMBER),))

    def text(self, node: SgNode, _depth: int) -> Port | None:
        """`'3000'`."""
        found = _digits(node)
        return None if found is None else Port(number=found, splices=(_before(node, _TEXT),))

    def name(self, node: SgNode, depth: int) -> Port | None:
        """`port`, and `{ port }`."""
        return self._port(self.declared(node.text()), depth)

    def inner(self, node: SgNode, depth: int) -> Port | None:
        """`(…)`, `… as number`, `…!`."""
        return self._port(next((each for each in node.children() if each.is_named()), None), depth)

    def read(self, node: SgNode, depth: int) -> Port | None:
        """`process.env.SERVER_PORT`, `config.port`, `this.port`."""
        if ENV_READ.match(node.text()):
            return Port(number=None, splices=(_before(node, _TEXT),), is_named=True)
        target, member = node.field("object"), node.field("property")
        if target is None or member is None:
            return None
        if target.kind() == "this":
            return self._port(self._of_this(member.text()), depth)
        value = self.declared(target.text()) if target.kind() == "identifier" else None
        while value is not None and value.kind() in _CLEAR:
            value = next((each for each in value.children() if each.is_named()), None)
        if value is None or value.kind() != "object" or self._is_set(node.text()):
            return None
        pairs = [each for each in value.children() if each.kind() == "pair" and _is(each.field("key"), member.text())]
        return self._port(pairs[0].field("value"), depth) if len(pairs) == 1 else None

    def _of_this(self, name: str) -> SgNode | None:
        """What a class sets its own `name` to, if that happens once."""
        found = [
            each.field("right")
            for each in self._root.find_all(kind="assignment_expression")
            if _is(each.field("left"), f"this.{name}")
        ]
        fields = self._root.find_all(kind="public_field_definition")
        found += [value for each in fields if _is(each.field("name"), name) and (value := each.field("value"))]
        return found[0] if len(found) == 1 else None

    def _is_set(self, text: str) -> bool:
        return any(_is(each.field("left"), text) for each in self._root.find_all(kind="assignment_expression"))

    def call(self, node: SgNode, depth: int) -> Port | None:
        """`Number(…)`, `parseInt(…, 10)`, `app.get('port')`."""
        called, arguments = node.field("function"), node.field("arguments")
        listed = [each for each in arguments.children() if each.is_named()] if arguments else []
        if called is None or not listed:
            return None
        if called.text() in _READERS:
            if called.text().endswith("parseInt") and listed[0].kind() == "number":
                return None
            return self._port(listed[0], depth)
        property_ = called.field("property")
        if _is(property_, "get") and len(listed) == 1 and listed[0].kind() == "string":
            return self._port(self._setting(listed[0].text()[1:-1]), depth)
        return None

    def _setting(self, key: str) -> SgNode | None:
        """The value of `app.set('port', …)`, if that is said once."""
        found = []
        for call in self._root.find_all(kind="call_expression"):
            called, arguments = call.field("function"), call.field("arguments")
            listed = [each for each in arguments.children() if each.is_named()] if arguments else []
            is_set = called is not None and _is(called.field("property"), "set") and len(listed) > 1
            if is_set and listed[0].kind() == "string" and listed[0].text()[1:-1] == key:
                found.append(listed[1])
        return found[0] if len(found) == 1 else None

    def fallback(self, node: SgNode, depth: int) -> Port | None:
        """`process.env.SERVER_PORT || 3000`: `PORT` goes first; `options.port || 3000`: before the last."""
        operator = node.field("operator")
        if operator is None or operator.text() not in {"||", "??"}:
            return None
        operands = _operands(node, operator.text())
        number = _digits(operands[-1])
        if all(map(_is_read, operands[:-1])) and (number is not None or _is_read(operands[-1])):
            plain = ENV_READ.match(operands[0].text().rstrip("!"))
            if plain is None and operator.text() == "??":
                return None  # NaN is never missing: what follows was never meant
            new = f"process.env.PORT {operator.text()} " if plain else _NUMBER
            return Port(number=number, splices=(_before(operands[0], new),), is_named=True)
        last = self._port(operands[-1], depth) if number is not None else None
        if last is None or operator.text() == "||":
            return last
        start, end, new = last.splices[0]
        closing = operands[-1].range().end.index
        return Port(number=number, splices=((start, end, f"({new}"), (closing, closing, ")")))

    def choice(self, node: SgNode, _depth: int) -> Port | None:
        """`dev ? 3000 : 8080`."""
        ways = [node.field("consequence"), node.field("alternative")]
        if any(way is None or _digits(way) is None for way in ways):
            return None
        texts = {way.kind() for way in ways if way is not None}
        if len(texts) != 1:
            return None
        end = node.range().end.index
        first = _before(node, (_NUMBER if texts == {"number"} else _TEXT) + "(")
        return Port(number=_digits(ways[1]) if ways[1] else None, splices=(first, (end, end, ")")))

    def sign(self, node: SgNode, _depth: int) -> Port | None:
        """`+process.env.SERVER_PORT`."""
        return Port(number=None, splices=(_before(node, _NUMBER),), is_named=True) if _is_read(node) else None


_SHAPES: Mapping[str, Callable[[Values, SgNode, int], Port | None]] = {
    "number": Values.number,
    "string": Values.text,
    "identifier": Values.name,
    "shorthand_property_identifier": Values.name,
    "member_expression": Values.read,
    "subscript_expression": Values.read,
    "call_expression": Values.call,
    "binary_expression": Values.fallback,
    "ternary_expression": Values.choice,
    "unary_expression": Values.sign,
} | dict.fromkeys(_CLEAR, Values.inner)


def _is(node: SgNode | None, text: str) -> bool:
    return node is not None and node.text() == text


def _before(node: SgNode, new: str) -> Splice:
    start = node.range().start.index
    return start, start, new


def _digits(node: SgNode) -> int | None:
    """The port that a literal is, or None."""
    text = node.text()
    if node.kind() == "string":
        text = text[1:-1]
    elif node.kind() != "number":
        return None
    if not re.fullmatch(r"[1-9]\d{0,4}", text, re.ASCII):
        return None
    return int(text) if int(text) <= _HIGHEST else None


def _operands(node: SgNode, operator: str) -> list[SgNode]:
    """`a`, `b`, `c` of `a || b || c`; of a very long one the last few, and what is before them."""
    found: list[SgNode] = []
    while len(found) < _DEPTH:
        left, right = node.field("left"), node.field("right")
        if left is None or right is None or not _is(node.field("operator"), operator):
            break
        found.append(right)
        node = left
    return [node, *reversed(found)]


def _is_read(node: SgNode, depth: int = _DEPTH) -> bool:
    """Whether an expression is a variable of the environment, as text or as a number."""
    if not depth:
        return False
    if node.kind() == "non_null_expression":
        return ENV_READ.match(node.text().rstrip("!")) is not None
    if node.kind() == "unary_expression":
        argument = node.field("argument")
        return node.text().startswith("+") and argument is not None and _is_read(argument, depth - 1)
    if node.kind() == "call_expression":
        called, arguments = node.field("function"), node.field("arguments")
        listed = [each for each in arguments.children() if each.is_named()] if arguments else []
        return called is not None and called.text() in _READERS and bool(listed) and _is_read(listed[0], depth - 1)
    return ENV_READ.match(node.text()) is not None


def _is_other_meaning(node: SgNode) -> bool:
    """Whether a name is set, or given another meaning, where this identifier stands."""
    parent = node.parent()
    if parent is None:
        return False
    kind = parent.kind()
    if kind in {"assignment_expression", "augmented_assignment_expression"}:
        left = parent.field("left")
        return left is not None and left.range().start.index == node.range().start.index
    if kind in {"update_expression", "import_specifier", "import_clause", "for_in_statement", "rest_pattern"}:
        return True
    if kind not in _PARAMETERS:
        return False
    value = parent.field("value") or parent.field("right") or parent.field("body")
    return value is None or value.range().start.index != node.range().start.index

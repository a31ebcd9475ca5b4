"""Finds the servers that one file of JavaScript or TypeScript starts, and how each would follow `PORT`.

A pure function of the text. A port that is written down becomes what `PORT` says, and stays what it is
without that variable: number for number and text for text, so that no type changes.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ast_grep_py import SgNode

from drafterd.fix import config_syntax as syntax
from drafterd.fix.listen_values import Splice, Values
from drafterd.fix.literal_places import own_process
from drafterd.fix.next_config import language

SIGNS = re.compile(r"\.\s{0,20}listen\b|\b[sS]erver?\s{0,20}\(|Server\b|\bexport\s{1,20}default\s{0,20}\{")
"""A text without any of these starts no server that is known here."""

_SERVERS = frozenset(
    {"createServer", "createSecureServer", "Server", "createApp", "create", "default", "App", "SSLApp"}
    | {"express", "fastify", "Fastify", "polka", "restana", "feathers", "micro", "Koa", "Hono", "Elysia"}
)
"""What makes a server that answers HTTP, by the last name of what is called."""
_RAW = frozenset({"net", "node:net", "tls", "node:tls", "dgram", "node:dgram", "http2", "node:http2"})
"""Modules whose servers answer no browser."""
_SOCKETS = frozenset({"WebSocketServer", "WebSocket.Server", "ws.Server", "WSServer"})
_SOCKET_IO = frozenset({"socket.io"})
_CLEAR = frozenset({"await_expression", "parenthesized_expression", "non_null_expression", "as_expression"})
_DEPTH = 12
_MOST = 100
"""Nobody writes more of them by hand, and no more are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One place where a server begins to listen.

    Attributes:
        line: Where, from 1.
        port: The port that it asks for as far as that is written down, or None.
        is_socket: Whether it only takes web sockets.
        is_known: Whether it is understood: `splices` make it follow `PORT`.
        is_named: Whether another variable of the environment may give the port.
    """

    line: int
    port: int | None
    is_socket: bool
    is_known: bool
    is_named: bool = False
    splices: tuple[Splice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What one file starts.

    Attributes:
        follows: Whether the file reads `PORT` itself.
        shadowed: Whether `process` means something else in it.
    """

    listeners: tuple[Listener, ...] = ()
    follows: bool = False
    shadowed: bool = False


class Unparsable(ValueError):
    """A text is no program; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"no syntax at {line}:{column}")
        self.line = line
        self.column = column


def servers(name: str, text: str) -> Servers:
    """The servers that a file starts. Raises `Unparsable`."""
    root = syntax.parse(text, language(name))
    if (broken := syntax.broken_at(root)) is not None:
        raise Unparsable(*broken)
    return Servers(
        listeners=tuple(itertools.islice(_File(root).listeners(), _MOST)),
        follows="PORT" in text and reads_port(root),
        shadowed="process" in text and own_process(root),
    )


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """The text with the splices made, each once."""
    for start, end, new in sorted(set(splices), key=lambda each: each[:2], reverse=True):
        text = text[:start] + new + text[end:]
    return text


def reads_port(root: SgNode) -> bool:
    """Whether a program reads the variable `PORT` of its environment."""
    kinds = ("property_identifier", "shorthand_property_identifier_pattern", "string_fragment")
    found = [node for kind in kinds for node in root.find_all(kind=kind, regex=r"\APORT\z")]
    return len(found) > _MOST or any(map(_is_of_environment, found))


def _is_of_environment(node: SgNode) -> bool:
    above: SgNode | None = node
    for _ in range(_DEPTH):
        above = above.parent() if above is not None else None
        if above is not None and above.kind() in _READS and re.search(r"\benv\b", above.text()[:_LONGEST]):
            return True
    return False


_READS = frozenset({"member_expression", "subscript_expression", "variable_declarator", "required_parameter"})
_LONGEST = 2_000


class _File:
    """One program."""

    def __init__(self, root: SgNode) -> None:
        self._root = root
        self._values = Values(root)
        self._raw = frozenset(self._bound(_RAW))
        self._io = frozenset(self._bound(_SOCKET_IO))

    def listeners(self) -> Iterator[Listener]:
        """Every one, in no order."""
        calls = [(call, called) for call in self._root.find_all(kind="call_expression") if (called := _called(call))]
        for call, called in calls[:_MOST]:
            yield from _CALLS[_last_name(called)](self, call, called)
        for made in self._root.find_all(kind="new_expression")[:_MOST]:
            yield from self._made(made)
        for node in self._root.find_all(kind="export_statement"):
            yield from self._exported(node)

    # What listens

    def listen(self, call: SgNode, called: SgNode) -> Iterator[Listener]:
        """`server.listen(…)`."""
        receiver = called.field("object")
        if called.kind() != "member_expression" or receiver is None:
            return
        is_server = self._is_server(receiver, _DEPTH)
        if is_server is False:
            return
        first = next(iter(_arguments(call)), None)
        if first is None or self._values.is_no_port(first):
            return
        found = self._of_options(call, first) if first.kind() == "object" else self._of_port(call, first)
        # Of what may be something else altogether only a port that is written down says that it is one.
        yield from (each for each in found if is_server or each.is_known)

    def serve(self, call: SgNode, _called: SgNode) -> Iterator[Listener]:
        """`serve({ fetch, port })` of Hono, `Bun.serve({ … })`, `Hapi.server({ … })`."""
        first = next(iter(_arguments(call)), None)
        if first is not None and first.kind() == "object":
            yield from self._of_options(call, first)

    def standalone(self, call: SgNode, _called: SgNode) -> Iterator[Listener]:
        """`startStandaloneServer(server, { listen: { port } })` of Apollo."""
        for each in _arguments(call)[1:2]:
            options = _member(each, "listen") if each.kind() == "object" else None
            if options is not None and options.kind() == "object":
                yield from self._of_options(call, options)

    def _made(self, made: SgNode) -> Iterator[Listener]:
        """`new WebSocketServer({ port })`, `new Server(3001)` of socket.io."""
        constructor = made.field("constructor")
        arguments = _arguments(made)
        if constructor is None or not arguments or constructor.text() in self._raw:
            return
        name = constructor.text()
        is_io = name in self._io
        if not is_io and name not in _SOCKETS and _last_name(constructor) != "Server":
            return
        is_socket = is_io or name in _SOCKETS
        first = arguments[0]
        if first.kind() == "object" and not is_io:
            found = self._of_options(made, first)
        elif is_io and not self._values.is_no_port(first):
            found = (each for each in self._of_port(made, first) if each.is_known)
        else:
            return
        yield from (replace(each, is_socket=is_socket) for each in found)

    def _exported(self, node: SgNode) -> Iterator[Listener]:
        """`export default { port, fetch }`, which Bun serves."""
        value = next((each for each in node.children() if each.kind() == "object"), None)
        if value is not None and _member(value, "fetch") is not None:
            yield from self._of_options(node, value)

    def _of_options(self, place: SgNode, options: SgNode) -> Iterator[Listener]:
        port = _member(options, "port")
        if port is not None:
            yield from self._of_port(place, port)

    def _of_port(self, place: SgNode, port: SgNode) -> Iterator[Listener]:
        found = self._values.port(port)
        yield Listener(
            line=(port if found is None else place).range().start.line + 1,
            port=found.number if found else None,
            is_socket=False,
            is_known=found is not None,
            is_named=found is not None and found.is_named,
            splices=found.splices if found else (),
        )

    # What it is

    def _is_server(self, node: SgNode, depth: int) -> bool | None:
        """Whether an expression is a server that answers HTTP; None: that cannot be told."""
        called = node.field("function") or node.field("constructor")
        if called is not None:
            return self._makes_server(called, depth)
        inner: SgNode | None = None
        if node.kind() == "identifier":
            inner = self._values.declared(node.text())
        elif node.kind() in _CLEAR:
            inner = next((each for each in node.children() if each.is_named()), None)
        return self._is_server(inner, depth - 1) if inner is not None and depth else None

    def _makes_server(self, called: SgNode, depth: int) -> bool | None:
        target = called.field("object")
        if called.text().partition(".")[0] in self._raw or (target is not None and _required(target) in _RAW):
            return False
        if _last_name(called) in _SERVERS:
            return True
        # A chain: express().use(…)
        return self._is_server(target, depth - 1) if target is not None and depth else None

    def _bound(self, modules: frozenset[str]) -> Iterator[str]:
        """The names that stand for these modules, or for what they export."""
        for node in self._root.find_all(kind="import_statement"):
            source = node.field("source")
            if source is not None and source.text()[1:-1] in modules:
                yield from (each.text() for each in node.find_all(kind="identifier"))
        for node in self._root.find_all(kind="variable_declarator"):
            name, value = node.field("name"), node.field("value")
            if name is None or value is None or _required(value) not in modules:
                continue
            if name.kind() == "identifier":
                yield name.text()
            kinds = ("shorthand_property_identifier_pattern", "identifier")
            yield from (each.text() for kind in kinds for each in name.find_all(kind=kind))


def _called(call: SgNode) -> SgNode | None:
    """What is called, where that may be something that listens."""
    called = call.field("function")
    return called if called is not None and _last_name(called) in _CALLS else None


def _required(value: SgNode) -> str:
    if value.kind() != "call_expression":
        return ""
    found = re.match(r"require\(\s*(['\"])([\w:./@-]{1,100})\1\s*\)", value.text()[:_LONGEST])
    return found[2] if found else ""


def _last_name(node: SgNode) -> str:
    """`c` of `a.b.c`."""
    property_ = node.field("property")
    return (property_ or node).text() if (property_ or node).kind() in _NAMES else ""


_NAMES = frozenset({"identifier", "property_identifier"})


def _arguments(call: SgNode) -> list[SgNode]:
    listed = call.field("arguments")
    if listed is None or listed.kind() != "arguments":
        return []
    return [each for each in listed.children() if each.is_named() and each.kind() != "comment"]


def _member(node: SgNode, key: str) -> SgNode | None:
    """The value of a key in an object literal; of a shorthand the name itself."""
    for child in node.children():
        if child.kind() == "shorthand_property_identifier" and child.text() == key:
            return child
        name = child.field("key") if child.kind() in {"pair", "method_definition"} else None
        if name is not None and name.text().strip("'\"") == key:
            return child.field("value")
        if child.kind() == "method_definition" and (named := child.field("name")) and named.text() == key:
            return child
    return None


_Look = Callable[[_File, SgNode, SgNode], Iterator[Listener]]
_CALLS: Mapping[str, _Look] = {
    "listen": _File.listen,
    "serve": _File.serve,
    "server": _File.serve,
    "startStandaloneServer": _File.standalone,
}

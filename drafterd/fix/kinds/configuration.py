"""Reads what a tool's configuration file says, by its syntax, running nothing."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ast_grep_py import SgNode

from drafterd.fix import config_syntax as syntax
from drafterd.fix.folder import Folder
from drafterd.fix.next_config import language

_SCRIPT = ("js", "mjs", "ts", "cjs", "mts", "cts")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration file.

    Attributes:
        file: Its name, or "": there is none.
        text: What stands in it.
        found: The object that it exports, or None where that is not plain.
    """

    file: str = ""
    text: str = ""
    found: SgNode | None = None

    def value(self, *path: str) -> SgNode | None:
        """The value of a property of properties, or None."""
        node = self.found
        for name in path:
            if node is None or node.kind() != "object":
                return None
            node = syntax.property_of(node, name)
        return node

    def literal(self, *path: str) -> str:
        """The same when it is a plain string, or a folder put together of plain strings; else ""."""
        node = self.value(*path)
        return syntax.literal(node) or _joined(node)

    def says(self, *path: str) -> bool:
        """Whether a property is there."""
        return self.value(*path) is not None


def configuration(folder: Folder, stem: str, suffixes: Iterable[str] = _SCRIPT) -> Configuration:
    """The file that the tool reads: the first that is there."""
    name = next((f"{stem}.{suffix}" for suffix in suffixes if folder.has(f"{stem}.{suffix}")), "")
    text = folder.text(name) if name else None
    if text is None:
        return Configuration(file=name)
    root = syntax.parse(text, language(name))
    return Configuration(file=name, text=text, found=syntax.exported_object(root))


def below(path: str) -> str:
    """A folder below the project as it is written there; "" for one that is not."""
    clean = posixpath.normpath(path.strip()) if path.strip() else ""
    return "" if clean in ("", ".") or clean.startswith(("/", "..")) else clean


def _joined(node: SgNode | None) -> str:
    """`path.resolve(__dirname, 'dist', 'public')` as `dist/public`."""
    if node is None or node.kind() != "call_expression":
        return ""
    function, arguments = node.field("function"), node.field("arguments")
    if function is None or arguments is None or function.text().rpartition(".")[2] not in ("resolve", "join"):
        return ""
    given = [child for child in arguments.children() if child.is_named() and child.kind() != "comment"]
    if given and given[0].text() in ("__dirname", "import.meta.dirname", "process.cwd()"):
        given = given[1:]
    parts = [syntax.literal(child) for child in given]
    return posixpath.join(*(part for part in parts if part)) if parts and all(parts) else ""

"""Tells React Router its place in a build's snapshot, for bundlers without a plug-in that could do it there.

Create React App takes no plug-ins, so the calls themselves are completed, by their syntax; what
already names a place is left alone.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ast_grep_py import SgNode

from drafterd import files
from drafterd.fix import config_syntax as syntax
from drafterd.fix.folder import READ_LIMIT, Folder, beneath
from drafterd.fix.next_config import language

_PACKAGES = ("react-router-dom", "react-router")
_NAMES = ("BrowserRouter", "createBrowserRouter")
_PLACE = "process.env.PUBLIC_URL"
_ENDINGS = (".js", ".jsx", ".ts", ".tsx")


def prepare_sources(root: Path) -> None:
    """Complete the routers below `src`. Repeatable."""
    folder = Folder(root)
    for name in list(folder.names()):
        if not name.startswith("src/") or not name.endswith(_ENDINGS):
            continue
        text = folder.text(name)
        new = with_basename(text, language(name)) if text else text
        if new is not None and new != text:
            with contextlib.suppress(OSError), beneath(root, name) as path:
                files.write_atomic(path, new.encode(), mode=path.lstat().st_mode & 0o777, sync=False)


def with_basename(text: str, grammar: str) -> str:
    """The source with its routers told where they are; as it was where nothing of it is understood."""
    if len(text) > READ_LIMIT or not any(name in text for name in _NAMES):
        return text
    root = syntax.parse(text, grammar)
    if syntax.broken_at(root) is not None:
        return text
    names = dict(_imported(root))
    new = text
    for place, words in sorted(_additions(root, names), reverse=True):
        new = new[:place] + words + new[place:]
    return new if syntax.broken_at(syntax.parse(new, grammar)) is None else text


def _imported(root: SgNode) -> Iterator[tuple[str, str]]:
    """What a router is called in this file, and what it is."""
    for statement in root.find_all(kind="import_statement"):
        if syntax.literal(statement.field("source")) not in _PACKAGES:
            continue
        for found in statement.find_all(kind="import_specifier"):
            name, alias = found.field("name"), found.field("alias")
            if name is not None and name.text() in _NAMES:
                yield (alias or name).text(), name.text()


def _additions(root: SgNode, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    for kind in ("jsx_opening_element", "jsx_self_closing_element"):
        for element in root.find_all(kind=kind):
            name = element.field("name")
            if name is None or names.get(name.text()) != "BrowserRouter":
                continue
            if not any(child.text().startswith(("basename", "{")) for child in element.children()):
                yield name.range().end.index, f" basename={{{_PLACE}}}"
    for call in root.find_all(kind="call_expression"):
        function, arguments = call.field("function"), call.field("arguments")
        if function is None or arguments is None or names.get(function.text()) != "createBrowserRouter":
            continue
        given = [child for child in arguments.children() if child.is_named() and child.kind() != "comment"]
        if len(given) == 1:
            yield given[0].range().end.index, f", {{ basename: {_PLACE} }}"

"""What a static export of a Next.js draft would leave out: everything that answers at the time of the visit."""

import re

from ast_grep_py import SgNode

from drafterd.fix import config_syntax as syntax
from drafterd.fix.folder import Folder
from drafterd.fix.next_config import language

_SOURCE = r"\.(?:tsx?|jsx?|mjs)\Z"
_API = re.compile(rf"(?:src/)?pages/api/.+{_SOURCE}")
_GUARD = re.compile(rf"(?:src/)?(?:middleware|proxy){_SOURCE}")
_ROUTE = re.compile(rf"(?:src/)?app/(?:.+/)?route{_SOURCE}")
_COMPONENT = re.compile(rf"(?:src/)?(?:app|components|lib|actions|server)/.+{_SOURCE}|(?:src/)?actions{_SOURCE}")
_ACTION = re.compile(r"""^\s*+['"]use server['"]""", re.MULTILINE)
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FIXED = re.compile(r"""\bdynamic\s*=\s*['"](?:force-static|error)['"]""")
_ASKS = re.compile(r"\b(?:cookies|headers|draftMode|connection)\s*\(")


def dropped_by_export(folder: Folder) -> str:
    """The first thing that files alone cannot do, in words with its file; "": there is none."""
    names = sorted(folder.names())
    for name in names:
        if _API.match(name):
            return f"the API route {name}"
        if _GUARD.match(name):
            return f"the {name}"
    for name in names:
        if _ROUTE.match(name) and _answers_requests(folder, name):
            return f"the route handler {name}"
    for name in names:
        if _COMPONENT.match(name) and _ACTION.search(folder.text(name) or ""):
            return f"the server actions of {name}"
    return ""


def _answers_requests(folder: Folder, name: str) -> bool:
    """Whether a route handler does more than an answer that is known at build time."""
    text = folder.text(name)
    if text is None:
        return False
    root = syntax.parse(text, language(name))
    exported = {found: node for node in root.children() if node.kind() == "export_statement" for found in _names(node)}
    if exported.keys() & _METHODS:
        return True
    get = exported.get("GET")
    if get is None or _FIXED.search(text):
        return False
    return bool(_ASKS.search(text)) or _takes_request(get)


def _names(exported: SgNode) -> list[str]:
    declared = exported.field("declaration")
    if declared is None:
        specifiers = exported.find_all(kind="export_specifier")
        fields = [node.field("alias") or node.field("name") for node in specifiers]
        return [node.text() for node in fields if node is not None]
    if (own := declared.field("name")) is not None:
        return [own.text()]
    bound = [child.field("name") for child in declared.children() if child.kind() == "variable_declarator"]
    return [node.text() for node in bound if node is not None]


def _takes_request(exported: SgNode) -> bool:
    parameters = exported.find(kind="formal_parameters")
    if parameters is None:
        return False
    given = [child for child in parameters.children() if child.is_named() and child.kind() != "comment"]
    return bool(given) and not given[0].text().startswith("_")

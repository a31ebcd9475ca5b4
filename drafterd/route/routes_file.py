"""The one generated file that Traefik watches: its text, and what can be read back from it.

Its first line is a comment that holds the table itself; the rest is what Traefik reads. Both are in
one file, so that no kill can part them. A route counts as handed over only where the two agree.
"""

import json
import os
import re
from typing import Any

from drafterd.domain.errors import DrafterdError
from drafterd.domain.routing import RouteTable
from drafterd.route.table import RouteSettings, dynamic_configuration, from_rows, holds, rows

SIZE_MAX = 64_000_000

_RECORD = "# drafterd writes this file anew at every change. Mark {mark}, table: {rows}"
_RECORDED = re.compile(re.escape(_RECORD).replace(r"\{mark\}", "([0-9a-f]{8})").replace(r"\{rows\}", "(.*)"))


def new_mark() -> str:
    """What tells one writing of the file from every other."""
    return os.urandom(4).hex()


def text_of(table: RouteTable, settings: RouteSettings, mark: str) -> str:
    """The file's whole text: JSON, which is YAML, below a comment."""
    # ASCII: some characters beyond it end a YAML comment, and a base path is a draft's own text.
    record = _RECORD.format(mark=mark, rows=_json(rows(table), ascii_only=True))
    return f"{record}\n{_json(dynamic_configuration(table, settings, mark))}\n"


def mark_in(text: str) -> str:
    """The mark of a text; "" of one that is not ours."""
    found = _RECORDED.match(text)
    return found[1] if found else ""


def table_in(text: str, settings: RouteSettings) -> RouteTable:
    """The routes that the text really holds under these settings; none of a text that is not ours."""
    record, _, body = text.partition("\n")
    found = _RECORDED.fullmatch(record)
    if found is None:
        return RouteTable()
    try:
        configuration = json.loads(body)
        held = [route for route in from_rows(json.loads(found[2])) if holds(configuration, route, settings)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DrafterdError):
        return RouteTable()
    unique = {route.draft: route for route in held}
    return RouteTable(routes=tuple(unique[draft] for draft in sorted(unique)))


def is_ours(text: str, settings: RouteSettings) -> bool:
    """Whether the text is, byte for byte, what we write for the table in it."""
    mark = mark_in(text)
    return bool(mark) and text == text_of(table_in(text, settings), settings, mark)


def _json(value: Any, *, ascii_only: bool = False) -> str:
    """Traefik reads its dynamic files as Go templates: no `{{` may stand anywhere, not even in a path.

    JSON's own braces are always parted by a quote. What lies beyond ASCII stays as it is in values
    that YAML reads: it knows no pairs of surrogates.
    """
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).replace("{{", "{\\u007b")

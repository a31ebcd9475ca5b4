"""The first line of every generated routes file: a comment that holds the table itself.

It lies in the same file as what the proxy reads, so that no kill can part them. A route counts as handed
over only where the two agree.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import parse_draft_id
from drafterd.domain.routing import Route, RouteTable, Target

SIZE_MAX = 64_000_000
"""Bytes of a routes file; a larger one is none of ours."""

_RECORD = "# drafterd writes this file anew at every change. Mark {mark}, table: {rows}"
_RECORDED = re.compile(re.escape(_RECORD).replace(r"\{mark\}", "([0-9a-f]{8})").replace(r"\{rows\}", "(.*)"))


def new_mark() -> str:
    """What tells one writing of the file from every other."""
    return os.urandom(4).hex()


def line_of(table: RouteTable, mark: str) -> str:
    """The record of a table, without an end of line.

    ASCII: some characters beyond it end a comment, and a base path is a draft's own text. No `{{`: Traefik
    reads its files as templates.
    """
    text = json.dumps(_rows(table), separators=(",", ":")).replace("{{", "{\\u007b")
    return _RECORD.format(mark=mark, rows=text)


def mark_in(text: str) -> str:
    """The mark of a text; "" of one that is not ours."""
    found = _RECORDED.match(text)
    return found[1] if found else ""


def routes_in(text: str) -> list[Route]:
    """The routes that the first line names; raises ValueError, TypeError or BadName for what is no record."""
    found = _RECORDED.fullmatch(text.partition("\n")[0])
    if found is None:
        raise ValueError("the first line is no record")
    return list(_from_rows(json.loads(found[2])))


def table_of_held(held: list[Route]) -> RouteTable:
    """The table of routes that a file really holds; one draft has one."""
    unique = {route.draft: route for route in held}
    return RouteTable(routes=tuple(unique[draft] for draft in sorted(unique)))


def _rows(table: RouteTable) -> list[list[str | int | None]]:
    """The table as plain values, for the record that the routes file carries."""
    return [
        [
            route.draft,
            route.target.address.host if route.target.address else None,
            route.target.address.port if route.target.address else None,
            route.target.strip,
            route.target.kind,
            route.target.base_path,
            route.target.protected,
            route.target.noindex,
            route.target.fallback,
        ]
        for route in table.routes
    ]


def _from_rows(values: list[Any]) -> Iterator[Route]:
    """The routes of such a record; raises ValueError, TypeError or BadName for what is none."""
    # The last one is not in what an older drafterd wrote.
    for draft, host, port, strip, kind, base_path, protected, noindex, *more in values:
        yield Route(
            draft=parse_draft_id(str(draft)),
            target=Target(
                address=None if host is None else Address(str(host), int(port)),
                strip=str(strip),
                kind=AddressKind(kind),
                base_path=str(base_path),
                protected=bool(protected),
                noindex=bool(noindex),
                fallback=str(more[0]) if more else "",
            ),
        )

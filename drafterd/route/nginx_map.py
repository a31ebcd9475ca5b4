"""From the route table to the lines of nginx's maps: the one generated file, and what can be read back from it.

The file is included inside `map` blocks of a static configuration (`templates/nginx-drafts.conf`), where
nothing but pairs can stand. Nothing but checked ids, checked addresses and our own text gets into it.

nginx finds keys whatever their case, and refuses a map with two that differ in nothing else. So every value
repeats its key, which nginx compares exactly, and keys that are alike are patterns, which heed the case: slower,
one by one, but there are few.
Pure.
"""

import re
from collections import Counter
from collections.abc import Mapping

from drafterd.domain.errors import DrafterdError
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.domain.routing import Route, RouteTable, Target, host_of
from drafterd.route.record import line_of, routes_in, table_of_held
from drafterd.route.table import RouteSettings, authority

TABLE = "table"
"""The key under which the table says which one it is."""

STRIPPED, PROTECTED, INDEXED, FILES = "s", "p", "i", "f"
"""Stand before the `@` of a value: the proxy takes the prefix off, asks about each visitor first, leaves it
to the draft what search engines are told, or serves the draft's files."""

_PLAIN_FILE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?", re.ASCII)
_FALLBACK_MAX = 500

_PLAIN = str.maketrans({":": "-", "[": "-", "]": "-"})
_POOL = """upstream {name} {{
  server {server};
  keepalive 8;
  keepalive_timeout 4s;  # Node closes an idle connection after 5 s: we must be first, or meet it closing
}}
"""
_WIDTH = 1000
_FOLD = "\n#+ "


POOLS_MAX = 1000
"""Servers up to which each has a pool of open connections: more make every reload slow."""


def text_of(table: RouteTable, settings: RouteSettings, mark: str, *, pooled: bool = False) -> str:
    """The file's whole text.

    Args:
        pooled: Whether nginx has what `pools_of` says, so that connections to servers are kept.

    Raises:
        BadName: An id is none.
        ProxyRejected: A server's address cannot be one.
    """
    lines = [_folded(line_of(table, mark)), _pair(TABLE, word_of(table, mark))]
    return "\n".join([*lines, *_pairs(table, settings, pooled=pooled).values()]) + "\n"


def word_of(table: RouteTable, mark: str) -> str:
    """What the proxy answers once it has the table."""
    return f"{table.digest}-{mark}"


def pools_of(*tables: RouteTable) -> str:
    """What stands inside `http { }` beside the pairs: a pool for each server of the tables."""
    servers = sorted({address for table in tables if _fit(table) for address in table.addresses}, key=str)
    return "".join(_POOL.format(name=_pool(address), server=authority(address)) for address in servers)


def _fit(table: RouteTable) -> bool:
    return len(table.addresses) <= POOLS_MAX


def _pool(address: Address) -> str:
    """The name of a server's pool: nothing in it that nginx would take for a port."""
    return "kept-" + authority(address).translate(_PLAIN)


def table_in(text: str, settings: RouteSettings, *, pooled: bool = False) -> RouteTable:
    """The routes that the text really holds under these settings; none of a text that is not ours."""
    held = frozenset(text.split("\n")) | {""}
    try:
        recorded = table_of_held(routes_in(text.replace(_FOLD, "")))
        pairs = _pairs(recorded, settings, pooled=pooled)
        return table_of_held([route for route in recorded.routes if pairs.get(route.draft, "") in held])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DrafterdError):
        return RouteTable()


def _folded(line: str) -> str:
    """Nginx reads 4096 bytes at a time, and no word, not even a comment, may be longer."""
    return _FOLD.join(line[start : start + _WIDTH] for start in range(0, len(line), _WIDTH))


def _pairs(table: RouteTable, settings: RouteSettings, *, pooled: bool) -> Mapping[DraftId, str]:
    """The pairs by their drafts: none of one whose files the daemon serves, as it answers for all that has none.

    Of two drafts with one host the first has it.
    """
    named = pooled and _fit(table)
    keys: dict[str, Route] = {}
    for route in table.routes:
        key = _key(route, settings)
        if key:
            keys.setdefault(key, route)
    alike = Counter(key.lower() for key in keys)
    return {
        route.draft: _pair(
            key if alike[key.lower()] == 1 else f"~^{key}$",  # no id has a character that means more in a pattern
            f"{key}|{_value(route.draft, route.target, pooled=named)}",
        )
        for key, route in keys.items()
    }


def _key(route: Route, settings: RouteSettings) -> str:
    """Under which a draft is looked up, in the case that it has; "" for one that is not."""
    draft, target = parse_draft_id(route.draft), route.target
    if target.address is None and not _serves_files(target, settings):
        return ""
    if target.kind is AddressKind.PATH:
        return f"p:{draft}"
    host = host_of(draft, settings.host_suffix)
    # A folder that is named like the public host must not take it over.
    return "" if host == settings.public_host else f"h:{host}"


def _serves_files(target: Target, settings: RouteSettings) -> bool:
    """Whether nginx serves the files of a static draft; not of a protected one, which needs the daemon anyhow."""
    named = len(target.fallback) <= _FALLBACK_MAX and _PLAIN_FILE.fullmatch(target.fallback) is not None
    return settings.drafts is not None and not target.protected and named


def _value(draft: DraftId, target: Target, *, pooled: bool) -> str:
    """`<flags>@<server>`, and of a protected draft `/<id>`: who asks about visitors must name it.

    Of a static one `<flags>@-/<id>/<fallback>`.
    """
    if target.address is None:
        return f"{FILES}{'' if target.noindex else INDEXED}@-/{draft}/{target.fallback}"
    stripped = bool(target.strip) and target.kind is AddressKind.PATH
    flags = {STRIPPED: stripped, PROTECTED: target.protected, INDEXED: not target.noindex}
    word = "".join(flag for flag, is_set in flags.items() if is_set)
    server = _pool(target.address) if pooled else authority(target.address)
    return f"{word}@{server}{f'/{draft}' if target.protected else ''}"


def _pair(key: str, value: str) -> str:
    return f'"{key}" "{value}";'

"""The one generated file that Traefik watches: its text, and what can be read back from it.

Its first line is the record of the table; the rest is what Traefik reads.
"""

import json
from typing import Any

from drafterd.domain.errors import DrafterdError
from drafterd.domain.routing import RouteTable
from drafterd.route.record import line_of, routes_in, table_of_held
from drafterd.route.table import RouteSettings, dynamic_configuration, held_in, is_layered


def text_of(table: RouteTable, settings: RouteSettings, mark: str, *, layered: bool = False) -> str:
    """The file's whole text: JSON, which is YAML, below a comment; `layered` as for the configuration."""
    configuration = dynamic_configuration(table, settings, mark, layered=layered)
    return f"{line_of(table, mark)}\n{_json(configuration)}\n"


def table_in(text: str, settings: RouteSettings) -> RouteTable:
    """The routes that the text really holds under these settings; none of a text that is not ours."""
    try:
        recorded = routes_in(text)
        configuration = json.loads(text.partition("\n")[2])
        return table_of_held(held_in(configuration, table_of_held(recorded), settings))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DrafterdError):
        return RouteTable()


def layered_in(text: str) -> bool:
    """Whether the text was made for a Traefik that knows routers below routers; False where it does not tell."""
    try:
        return is_layered(json.loads(text.partition("\n")[2])["http"]["routers"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _json(value: Any) -> str:
    """Traefik reads its dynamic files as Go templates: no `{{` may stand anywhere, not even in a path.

    JSON's own braces are always parted by a quote. What lies beyond ASCII stays as it is in values
    that YAML reads: it knows no pairs of surrogates.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("{{", "{\\u007b")

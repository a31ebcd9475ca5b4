"""Which draft a visitor's address means: by path, by host, or by where the visitor came from.

Pure: text in, ids out. Every part of a request is hostile, so only what `parse_draft_id` has
taken leaves this module as a draft.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from drafterd.domain.errors import BadName
from drafterd.domain.model import AddressKind
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.domain.routing import host_of, path_of

OURS = "/_drafterd/"
"""Below a draft's address: what the daemon answers itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """What the edge must know of the installation.

    Attributes:
        path_prefix: Of path addresses, e.g. `/api/draft`.
        host_suffix: Of host addresses, e.g. `localhost`.
        public_origin: Scheme, host and port that people type.
        details: Who sees lines of logs: visitors from this machine, everyone, nobody.
        token_ok: Whether a bearer token is the API's.
        source: A draft's folder.
    """

    path_prefix: str
    host_suffix: str
    public_origin: str
    details: Literal["local", "all", "off"]
    token_ok: Callable[[str], bool]
    source: Callable[[DraftId], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address inside a draft.

    Attributes:
        kind: Which of the draft's addresses it is.
        base: The draft's address there, as a path without a final slash: "" on its own host.
        rest: The path below it, still encoded: "" or beginning with "/".
    """

    draft: DraftId
    kind: AddressKind
    base: str
    rest: str


def by_path(raw_path: str, path_prefix: str) -> Place | None:
    """The draft of a path, or None: it lies outside every draft."""
    below = f"{path_prefix}/"
    if not raw_path.startswith(below):
        return None
    name, slash, rest = raw_path.removeprefix(below).partition("/")
    draft = parsed(unquote(name))
    if draft is None:
        return None
    return Place(draft=draft, kind=AddressKind.PATH, base=path_of(draft, path_prefix), rest=f"{slash}{rest}")


def label_of(host_name: str, host_suffix: str) -> str | None:
    """The part of a host name before our suffix, or None: it is not below the suffix."""
    label, dot, suffix = host_name.partition(".")
    return label if dot and label and suffix == host_suffix.lower() else None


def by_host(draft: DraftId, raw_path: str) -> Place:
    """The place of a path on the draft's own host."""
    return Place(draft=draft, kind=AddressKind.HOST, base="", rest=raw_path)


def draft_of_label(
    label: str, host_suffix: str, *, exists: Callable[[DraftId], bool], known: Callable[[], Iterable[DraftId]]
) -> DraftId | None:
    """The draft whose host has that label; all known ones are searched when the label is no id itself."""
    host = f"{label}.{host_suffix}"
    itself = parsed(label)
    if itself is not None and host_of(itself, host_suffix) == host and exists(itself):
        return itself
    return next((draft for draft in known() if host_of(draft, host_suffix) == host), None)


def by_referer(referer: str, path_prefix: str) -> DraftId | None:
    """The draft whose page a request came from, by its path address, or None."""
    try:
        parts = urlsplit(referer)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return None
    place = by_path(parts.path, path_prefix)
    return place.draft if place else None


def kind_of(url: str, path_prefix: str) -> AddressKind:
    """Which kind of address a draft's URL is."""
    return AddressKind.PATH if urlsplit(url).path.startswith(f"{path_prefix}/") else AddressKind.HOST


def parsed(name: str) -> DraftId | None:
    """The id, or None for a name that cannot be one."""
    try:
        return parse_draft_id(name)
    except BadName:
        return None

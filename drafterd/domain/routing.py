"""From all drafts to the route table: who is reached where.

A table holds only drafts that can answer; every other address of a draft falls through to the
daemon, which tells the truth about it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId, host_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What answers for a draft.

    Attributes:
        address: The server, or None: the daemon serves the release's files.
        strip: The prefix that the proxy takes off; "" for none.
        kind: Which of the draft's two addresses it is built for.
        base_path: The prefix that the application itself adds; "" for none.
        protected: Whether the proxy asks the daemon about each visitor first. The daemon does so itself for
            what it answers.
        noindex: Whether search engines are told to keep away.
        fallback: Of files the one that answers for unknown pages, or "".
    """

    address: Address | None
    strip: str = ""
    kind: AddressKind = AddressKind.PATH
    base_path: str = ""
    protected: bool = False
    noindex: bool = True
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One draft's line of the table."""

    draft: DraftId
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """All routes, ordered by draft."""

    routes: tuple[Route, ...] = ()

    @property
    def addresses(self) -> frozenset[Address]:
        """Every server that the table names."""
        return frozenset(route.target.address for route in self.routes if route.target.address)

    def target(self, draft: DraftId) -> Target | None:
        """The target of one draft, or None."""
        return next((route.target for route in self.routes if route.draft == draft), None)

    @property
    def digest(self) -> str:
        """A short hash by which the proxy's confirmation is recognised."""
        rows = [_row(route.draft, route.target) for route in self.routes]
        return hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()


def _row(draft: DraftId, target: Target) -> list[object]:
    """All that tells one route from another."""
    where = [draft, str(target.address), target.strip, target.kind, target.base_path]
    return [*where, target.protected, target.noindex, target.fallback]


def table_of(targets: Mapping[DraftId, Target | None]) -> RouteTable:
    """The table for what every draft is to be reached at; drafts without a target are left out."""
    return RouteTable(
        routes=tuple(
            Route(draft=draft, target=target)
            for draft, target in sorted(targets.items(), key=lambda item: item[0])
            if target is not None
        )
    )


def path_of(draft: DraftId, path_prefix: str) -> str:
    """The path address of a draft, without a slash at its end."""
    return f"{path_prefix}/{draft}"


def host_of(draft: DraftId, host_suffix: str) -> str:
    """The host address of a draft, without a port."""
    fingerprint = hashlib.blake2b(draft.encode(), digest_size=8).hexdigest()
    return f"{host_label(draft, fingerprint)}.{host_suffix}"

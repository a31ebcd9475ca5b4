"""A draft's two addresses, and which one it is built for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from drafterd.domain.model import AddressKind, Kind, Recipe, Site
from drafterd.domain.names import DraftId
from drafterd.domain.routing import host_of, path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Where drafts are reached.

    Attributes:
        public_url: Scheme, host and port that people type, without a slash at the end.
        kind: Which address a draft is built for, unless `overrides` says otherwise.
    """

    public_url: str
    path_prefix: str
    host_suffix: str
    kind: AddressKind
    overrides: Mapping[str, AddressKind] = field(default_factory=dict)

    def primary(self, draft: DraftId) -> AddressKind:
        """Which of its addresses the draft is built for."""
        return self.overrides.get(draft, self.kind)

    def prefix(self, draft: DraftId) -> str:
        """The path below its origin where the draft lies; "" on a host of its own."""
        return path_of(draft, self.path_prefix) if self.primary(draft) is AddressKind.PATH else ""

    def origin(self, draft: DraftId) -> str:
        """Scheme, host and port of the draft's primary address."""
        return self.public_url if self.primary(draft) is AddressKind.PATH else self._host_origin(draft)

    def site(self, draft: DraftId, port: int) -> Site:
        """What the draft's variables are made from."""
        return Site(port=port, origin=self.origin(draft), base_path=self.prefix(draft))

    def urls(self, draft: DraftId) -> tuple[str, str]:
        """Both addresses of a draft, the primary one first."""
        path = f"{self.public_url}{path_of(draft, self.path_prefix)}"
        host = f"{self._host_origin(draft)}/"
        return (path, host) if self.primary(draft) is AddressKind.PATH else (host, path)

    def base_path(self, draft: DraftId, recipe: Recipe) -> str:
        """The prefix that the draft is built for."""
        return self.prefix(draft) if recipe.prefixed else ""

    def strip(self, draft: DraftId, recipe: Recipe) -> str:
        """The prefix that the proxy takes off: for servers that know nothing of one."""
        serves_itself = recipe.kind not in (Kind.STATIC, Kind.NEXT_EXPORT)
        return self.prefix(draft) if serves_itself and not recipe.prefixed else ""

    def _host_origin(self, draft: DraftId) -> str:
        public = urlsplit(self.public_url)
        port = f":{public.port}" if public.port else ""
        return f"{public.scheme}://{host_of(draft, self.host_suffix)}{port}"

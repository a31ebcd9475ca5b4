"""Routes visitors to drafts: one adapter per proxy."""

from collections.abc import Callable, Mapping

from drafterd.domain.interfaces import Proxy
from drafterd.route.traefik import TraefikProxy

PROXIES: Mapping[str, Callable[..., Proxy]] = {"traefik": TraefikProxy}
"""Every proxy, by its word in the configuration (`proxy.kind`)."""

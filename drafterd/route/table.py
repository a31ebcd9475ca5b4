"""From the route table to Traefik's dynamic configuration: plain values in, a plain mapping out.

Apart from the adapter, because the rules are what decides who can reach what: they are tested
without a proxy. Nothing but checked ids, checked addresses and our own text gets into a rule.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from drafterd.domain.errors import ConfigError, ProxyRejected
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.domain.routing import Route, RouteTable, Target, host_of, path_of
from drafterd.route.buckets import BUCKET_MAX, buckets

SERVICE = "drafterd"
ENTRY_POINT = "web"
RESOLVER = "acme"
"""What gets certificates, by its name in Traefik's static part."""

_ID = "[A-Za-z0-9_-]+"
_PREFIX = re.compile(r"(/[A-Za-z0-9._-]+)+", re.ASCII)
_IPV6 = re.compile(r"[0-9a-f:.]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_PORTS = range(1, 65536)

# Highest first. Hosts stand above every path, or a neighbour's pages would show up, by their
# path, inside the origin of a draft that has a host of its own.
_HOST_EVENTS = 310
_HOST_DRAFT = 300
_HOST_ANY = 290
_EVENTS = 210
_IMAGE = 200
_DRAFT = 100
_STRAY = 50
_DRAFTS_ANY = 2
_ANYTHING = 1

_NOBODY = "Path(`/`) && !Path(`/`)"
"""Nobody's rule. It names no host, for which a certificate could be asked."""

_PARENTS, _OF_FILE = "parentRefs", "@file"
_ANY_IN_BUCKETS = "any-in-buckets"

AUTH = "/_drafterd/auth"
"""Where the daemon's edge is asked whether a visitor may come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """What the routes depend on beside the drafts.

    Attributes:
        edge: The daemon's listener for everything that no draft answers.
        certificate: The PEM file with certificate and key; see `certificate.py`.
        path_prefix: Path addresses are `<path_prefix>/<id>`; no slash at its end.
        host_suffix: Host addresses are `<label>.<host_suffix>`; lower case.
        public_host: The host of path addresses, or its number; never taken for a draft's own.
        response_timeout: How long a draft may take until its answer begins, seconds; with nginx that of a page,
            and it must not pause for longer either.
        key: The key of `certificate` where it lies in a file of its own.
        scheme: What visitors use where something before the proxy ends their https; "": what the proxy sees.
        drafts: The folder of what is made of drafts, where the proxy can read and serves their files itself.
        acme: Whether Traefik gets certificates by itself: for the public host, and for drafts' own hosts.
    """

    edge: Address
    certificate: Path
    path_prefix: str = "/api/draft"
    host_suffix: str = "localhost"
    public_host: str = "localhost"
    response_timeout: float = 60.0
    key: Path | None = None
    scheme: str = ""
    drafts: Path | None = None
    acme: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not stand in a rule."""
        if not _PREFIX.fullmatch(self.path_prefix):
            raise ConfigError(f"{self.path_prefix!r} cannot be the prefix of paths", hint="e.g. /api/draft")
        for host, forms in ((self.host_suffix, (_HOST,)), (self.public_host, (_HOST, _IPV6))):
            if not any(form.fullmatch(host) for form in forms):
                raise ConfigError(f"{host!r} is no host name in lower case", hint="e.g. localhost")


def table_router(table: RouteTable, mark: str) -> str:
    """The name of the router whose presence in the proxy confirms the table.

    `mark` is of one writing: an older file with the same table in it must not confirm a newer one.
    """
    return f"table-{table.digest}-{mark}"


def dynamic_configuration(
    table: RouteTable, settings: RouteSettings, mark: str, *, layered: bool = False
) -> dict[str, Any]:
    """The whole of what Traefik is told, ready for a serialiser.

    Args:
        layered: Whether Traefik knows routers below routers, so that many drafts are found fast.

    Raises:
        BadName: An id is none.
        ProxyRejected: A server's address cannot be one.
    """
    routers = _shared_routers(settings) | draft_routers(table, settings, layered=layered)
    routers[table_router(table, mark)] = _router(_NOBODY, _ANYTHING)
    services = {SERVICE: {"loadBalancer": {"servers": [{"url": _url(settings.edge)}]}}}
    middlewares = _shared_middlewares(settings)
    for route in table.routes:
        services |= draft_service(route)
        middlewares |= draft_middleware(route, settings)
    return {
        "tls": {"stores": {"default": {"defaultCertificate": _certificate(settings)}}},
        "http": {
            "serversTransports": {"draft": _transport(settings)},
            "middlewares": middlewares,
            "services": services,
            "routers": routers,
        },
    }


def held_in(configuration: Mapping[str, Any], table: RouteTable, settings: RouteSettings) -> list[Route]:
    """The routes of a table that a configuration, which was read back, really holds."""
    http = configuration["http"]
    routers = draft_routers(table, settings, layered=is_layered(http["routers"]))
    return [route for route in table.routes if _holds(http, route, settings, routers)]


def _holds(
    http: Mapping[str, Any], route: Route, settings: RouteSettings, routers: Mapping[str, dict[str, Any]]
) -> bool:
    name = _name(route.draft)
    above = [parent.removesuffix(_OF_FILE) for parent in routers[name].get(_PARENTS, ())]
    wanted = {
        "routers": {each: routers[each] for each in (name, *above, *([_ANY_IN_BUCKETS] if above else ()))},
        "services": draft_service(route),
        "middlewares": draft_middleware(route, settings),
    }
    return all(http[part].get(key) == value for part, values in wanted.items() for key, value in values.items())


def is_layered(routers: Mapping[str, Any]) -> bool:
    """Whether routers were made for a Traefik that knows routers below routers."""
    return _ANY_IN_BUCKETS in routers


def draft_routers(table: RouteTable, settings: RouteSettings, *, layered: bool = False) -> dict[str, dict[str, Any]]:
    """The routers of all drafts by their names, and what stands above them.

    Hosts have no buckets: certificates are asked for by the rules of routers that stand below none. Of two drafts
    with one host the first has it; one that is named like the public host does not take that over.
    """
    routers = {_name(route.draft): draft_router(route, settings) for route in table.routes}
    taken = {settings.public_host}
    for draft in (route.draft for route in table.routes if route.target.kind is AddressKind.HOST):
        host = host_of(draft, settings.host_suffix)
        if host in taken:
            routers[_name(draft)]["rule"] = _NOBODY
        taken.add(host)
    paths = [route.draft for route in table.routes if route.target.kind is AddressKind.PATH]
    found = buckets(paths) if layered and needs_layers(table) else {}
    for beginning, drafts in found.items():
        rule = f"PathPrefix(`{path_of(DraftId(beginning), settings.path_prefix)}`)"
        routers[_bucket(beginning)] = {"rule": rule, "priority": _DRAFT, "entryPoints": [ENTRY_POINT]}
        for draft in drafts:
            _put_below(routers[_name(draft)], [beginning])
    if found:
        # Who has entered a bucket does not come out again: what is of none of its drafts is the daemon's.
        routers[_ANY_IN_BUCKETS] = _router("PathPrefix(`/`)", _ANYTHING)
        _put_below(routers[_ANY_IN_BUCKETS], list(found))
    return routers


def needs_layers(table: RouteTable) -> bool:
    """Whether there are so many drafts that they are better found in layers."""
    return sum(route.target.kind is AddressKind.PATH for route in table.routes) > BUCKET_MAX


def _put_below(router: dict[str, Any], beginnings: list[str]) -> None:
    """Below routers, where it may not name its entry points."""
    del router["entryPoints"]
    router[_PARENTS] = [f"{_bucket(beginning)}{_OF_FILE}" for beginning in beginnings]


def _bucket(beginning: str) -> str:
    return f"bucket-{beginning}"


def draft_router(route: Route, settings: RouteSettings) -> dict[str, Any]:
    """The rule of one draft; a static one is answered by the daemon, and shows in the dashboard."""
    draft, target = parse_draft_id(route.draft), route.target
    service = _name(draft) if target.address else SERVICE
    rule, priority = f"Host(`{host_of(draft, settings.host_suffix)}`)", _HOST_DRAFT
    if target.kind is AddressKind.PATH:
        path = path_of(draft, settings.path_prefix)
        # A bare prefix would take `d10` for `d1`.
        rule, priority = f"PathPrefix(`{path}/`) || Path(`{path}`)", _DRAFT
    router = _router(rule, priority, service, _chain(draft, target))
    if settings.acme and target.kind is AddressKind.HOST:
        router["tls"] = {"certResolver": RESOLVER}  # for the host that the rule names
    return router


def _chain(draft: DraftId, target: Target) -> tuple[str, ...]:
    """What a request goes through, in this order."""
    asks = (_auth(draft),) if _asks_first(target) else ()
    policy = "policy" if target.kind is AddressKind.PATH else "guard"
    heads = policy if target.noindex else f"{policy}-indexed"
    if _is_stripped(target):
        return (*asks, heads, _fallback(draft), "slash", "strip")
    return (*asks, heads, "fallback")


def draft_service(route: Route) -> dict[str, Any]:
    """The server of one draft under its name; nothing for a static one."""
    address = route.target.address
    if address is None:
        return {}
    return {_name(route.draft): {"loadBalancer": {"serversTransport": "draft", "servers": [{"url": _url(address)}]}}}


def draft_middleware(route: Route, settings: RouteSettings) -> dict[str, Any]:
    """What one draft needs for itself: who asks about its visitors, and the fallback where a prefix is taken off."""
    found = {}
    if _asks_first(route.target):
        # Named here, and not taken from the request: no spelling of an address may ask about another draft.
        where = f"{_url(settings.edge)}{AUTH}?draft={parse_draft_id(route.draft)}"
        # The answer's own Cookie header takes the place of the visitor's: ours never reaches the draft.
        # No limit for the answer, which is ours: older ones than Traefik 3.7 would refuse the whole file for the word.
        asked = {"address": where, "trustForwardHeader": False, "authResponseHeaders": ["Cookie"]}
        found[_auth(route.draft)] = {"forwardAuth": asked}
    if _is_stripped(route.target):
        # Traefik's `{url}` would name no draft.
        path = quote(f"{path_of(route.draft, settings.path_prefix)}/", safe="")
        found[_fallback(route.draft)] = _errors(f"/_drafterd/fallback?status={{originalStatus}}&url={path}")
    return found


def _asks_first(target: Target) -> bool:
    """Whether the proxy asks about visitors: for what the daemon answers, the daemon looks itself."""
    return target.protected and target.address is not None


def _auth(draft: DraftId) -> str:
    return f"auth-{draft}"


def _is_stripped(target: Target) -> bool:
    """Whether the proxy takes a prefix off: the daemon, for static drafts, does so itself."""
    return bool(target.strip) and target.address is not None and target.kind is AddressKind.PATH


def _fallback(draft: DraftId) -> str:
    return f"fallback-{draft}"


def _errors(query: str) -> dict[str, Any]:
    """Where a server does not answer, the daemon's page stands in: as 503, since it may come back."""
    return {
        "errors": {
            "status": ["502", "504"],
            "statusRewrites": {"502-504": 503},
            "service": SERVICE,
            "query": query,
        }
    }


def _name(draft: DraftId) -> str:
    """Of a draft's router and service. Nothing shared begins like this, so no id can take its place."""
    return f"draft-{draft}"


def _shared_routers(settings: RouteSettings) -> dict[str, Any]:
    prefix = settings.path_prefix
    quoted = re.escape(prefix)
    any_host = rf"HostRegexp(`^[a-z0-9-]+\.{re.escape(settings.host_suffix)}$`) && !Host(`{settings.public_host}`)"
    from_draft = rf"HeaderRegexp(`Referer`, `^https?://[^/]+{quoted}/{_ID}(/|$|\?)`)"
    image = (
        f"PathRegexp(`^{quoted}/{_ID}/_next/image$`)"
        f" && QueryRegexp(`url`, `^/([^/]|$)`) && !QueryRegexp(`url`, `^{quoted}/`)"
    )
    return {
        "host-events": _router(f"{any_host} && PathPrefix(`/_drafterd/`)", _HOST_EVENTS),
        "host-any": _router(any_host, _HOST_ANY),
        "events": _router(f"PathRegexp(`^{quoted}/{_ID}/_drafterd/`)", _EVENTS),
        "image": _router(image, _IMAGE, SERVICE, ("guard", "image")),
        "stray": _router(f"{from_draft} && !PathPrefix(`{prefix}/`)", _STRAY),
        "drafts-any": _router(f"PathPrefix(`{prefix}/`)", _DRAFTS_ANY),
        "anything": _router("PathPrefix(`/`)", _ANYTHING) | _public_certificate(settings),
    }


def _public_certificate(settings: RouteSettings) -> dict[str, Any]:
    """One router asks for the public host's certificate, which counts for all of them: no rule names that host."""
    wanted = {"certResolver": RESOLVER, "domains": [{"main": settings.public_host}]}
    return {"tls": wanted} if settings.acme else {}


def _shared_middlewares(settings: RouteSettings) -> dict[str, Any]:
    quoted = re.escape(settings.path_prefix)
    # Next's own header for its inner requests: from outside it walks past an application's guard.
    # What a visitor says about itself, or about a prefix, would be taken for ours, in any spelling.
    told = ("For", "Host", "Port", "Prefix", "Proto", "Server")
    lies = ("X-Middleware-Subrequest", "X-Forwarded-Prefix", "Forwarded", *(f"X_Forwarded_{name}" for name in told))
    cleaned = dict.fromkeys(lies, "")
    if settings.scheme:
        cleaned["X-Forwarded-Proto"] = settings.scheme
    # One origin for all path addresses: no draft may take its neighbours' pages or storage over.
    tamed = {"Referrer-Policy": "same-origin", "Service-Worker-Allowed": "", "Clear-Site-Data": ""}
    unlisted = {"X-Robots-Tag": "noindex"}
    encoded = settings.path_prefix.replace("/", "%2F")
    image = rf"^https?://[^/]+({quoted}/({_ID})/_next/image\?)(.*&)?url=(?:%2F|%2f|/)(.*)$"
    return {
        "fallback": _errors("/_drafterd/fallback?status={originalStatus}&url={url}"),
        "policy": {"headers": {"customRequestHeaders": cleaned, "customResponseHeaders": tamed | unlisted}},
        "policy-indexed": {"headers": {"customRequestHeaders": cleaned, "customResponseHeaders": tamed}},
        "guard": {"headers": {"customRequestHeaders": cleaned, "customResponseHeaders": unlisted}},
        "guard-indexed": {"headers": {"customRequestHeaders": cleaned}},
        # Relative addresses of a page would go astray without the slash.
        "slash": {"redirectRegex": {"regex": rf"^https?://[^/]+({quoted}/{_ID})(\?.*)?$", "replacement": "${1}/${2}"}},
        "strip": {"stripPrefixRegex": {"regex": [f"^{quoted}/{_ID}"]}},
        "image": {"redirectRegex": {"regex": image, "replacement": f"${{1}}${{3}}url={encoded}%2F${{2}}%2F${{4}}"}},
    }


def _transport(settings: RouteSettings) -> dict[str, Any]:
    """How servers are asked. Node closes an idle connection after 5 s: we must be first, or meet it closing."""
    timeouts = {
        "dialTimeout": "1s",
        "responseHeaderTimeout": f"{settings.response_timeout:g}s",
        "idleConnTimeout": "4s",
    }
    return {"maxIdleConnsPerHost": 32, "forwardingTimeouts": timeouts}


def _certificate(settings: RouteSettings) -> dict[str, str]:
    """Without one of ours Traefik makes a new one at every change: most of a change's time."""
    return {"certFile": str(settings.certificate), "keyFile": str(settings.key or settings.certificate)}


def _router(rule: str, priority: int, service: str = SERVICE, middlewares: tuple[str, ...] = ()) -> dict[str, Any]:
    router: dict[str, Any] = {"rule": rule, "service": service, "priority": priority, "entryPoints": [ENTRY_POINT]}
    return router | {"middlewares": list(middlewares)} if middlewares else router


def _url(address: Address) -> str:
    return f"http://{authority(address)}"


def authority(address: Address) -> str:
    """`host:port` as it stands in a URL, IPv6 in brackets; raises `ProxyRejected` for what is no address."""
    if address.port in _PORTS and _HOST.fullmatch(address.host):
        return str(address)
    try:
        return f"[{ipaddress.IPv6Address(address.host)}]:{address.port}"
    except ValueError as error:
        raise ProxyRejected(f"{str(address)!r} is no address that a route can lead to") from error

"""The way into protected drafts: the check that the proxy asks for, the sign-in page, and links.

The proxy asks at `/_drafterd/auth?draft=<id>` about each request to a protected draft's server, and
gives the visitor our answer unless it is a yes. What the daemon answers itself it checks itself.
"""

import ipaddress
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import web

from drafterd.domain.errors import BadName
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.reconcile.gate import Gate, Grant, TooManyTries
from drafterd.web.answers import COMMON, page, wants_page
from drafterd.web.pages import render_edge
from drafterd.web.places import OURS, Place
from drafterd.web.problems import problem_response

COOKIE = "drafterd_access"
AUTH = "/_drafterd/auth"
ENTER = f"{OURS}enter"
SHARE = f"{OURS}share/"

_FORM = "application/x-www-form-urlencoded"
_FORM_MAX = 8192
_PATH_MAX = 4096
_PLAIN = re.compile(r"/[\x21-\x5b\x5d-\x7e]*", re.ASCII)
"""No control characters, which browsers skip, and no backslash, which they take for a slash."""
_NETWORK = 64
"""Bits of an IPv6 address that tell one customer from another."""
_READING = frozenset({"GET", "HEAD"})
_WRONG = "That is not the password."
_ENDED = "This link has expired or was taken back."
_LOCKED: Mapping[str, object] = {"events": "", "refresh": 0, "method": "GET", "state": "locked"}


class Entrance:
    """Answers instead of a protected draft until a visitor was let in.

    Args:
        https: Whether visitors come by https, as far as the configuration says.
    """

    def __init__(self, gate: Gate, *, https: bool) -> None:
        self._gate = gate
        self._https = https

    def is_protected(self, draft: DraftId) -> bool:
        """Whether only some may visit it."""
        return self._gate.is_protected(draft)

    def admits(self, request: web.Request, draft: DraftId) -> bool:
        """Whether this visitor may see the draft."""
        return self._gate.admits(draft, _ours(request))

    async def auth(self, request: web.Request) -> web.StreamResponse:
        """What the proxy asks: 204 with the cookies that the draft may see, or what the visitor gets instead."""
        try:
            draft = parse_draft_id(request.query.get("draft", ""))
        except BadName:
            return problem_response(HTTPStatus.NOT_FOUND, "no-such-draft", "name a draft", headers=COMMON)
        if self.admits(request, draft):
            kept = _others(request)
            return web.Response(status=HTTPStatus.NO_CONTENT, headers={**COMMON, **({"Cookie": kept} if kept else {})})
        reading = request.headers.get("X-Forwarded-Method", "GET") in _READING
        raw = request.headers.get("X-Forwarded-Uri", "") if reading else ""
        base = self._gate.base(draft)
        return self._ask(request, draft, to=raw.removeprefix(base) if raw.startswith(f"{base}/") else "/")

    async def answer(self, request: web.Request, place: Place) -> web.StreamResponse | None:
        """What a visitor of the draft's own address gets instead of it; None: go on."""
        if place.rest.startswith(SHARE):
            return self._redeem(request, place)
        if place.rest == ENTER:
            return await self._enter(request, place)
        if self.admits(request, place.draft):
            return None
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        return self._ask(request, place.draft, to=f"{place.rest}{query}" if request.method in _READING else "/")

    def _redeem(self, request: web.Request, place: Place) -> web.StreamResponse:
        grant = self._gate.redeem(place.draft, unquote(place.rest.removeprefix(SHARE)))
        if grant is None and not self.admits(request, place.draft):
            return self._ask(request, place.draft, to="/", wrong=_ENDED)
        return self._let_in(request, place, grant, "/")

    async def _enter(self, request: web.Request, place: Place) -> web.StreamResponse:
        if request.method != "POST" or not self._gate.is_protected(place.draft):
            return self._let_in(request, place, None, "/")
        fields = await _form(request)
        to = fields.get("to", "/")
        try:
            grant = await self._gate.sign_in(place.draft, fields.get("password", ""), _visitor(request))
        except TooManyTries as error:
            wrong = f"Too many tries. Try again in {error.wait} s."
            return self._ask(request, place.draft, to=to, wrong=wrong, wait=error.wait)
        if grant is None:
            return self._ask(request, place.draft, to=to, wrong=_WRONG)
        return self._let_in(request, place, grant, to)

    def _let_in(self, request: web.Request, place: Place, grant: Grant | None, to: str) -> web.Response:
        """To where the visitor wanted to go, never out of the draft."""
        headers = {**COMMON, "Location": f"{place.base}{inside(to)}", "Referrer-Policy": "no-referrer"}
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)
        if grant is not None:
            response.set_cookie(
                COOKIE,
                grant.cookie,
                path=place.base or "/",
                max_age=max(0, grant.ends - int(time.time())),
                httponly=True,
                samesite="Lax",
                secure=self._https or request.headers.get("X-Forwarded-Proto", "") == "https",
            )
        return response

    def _ask(
        self, request: web.Request, draft: DraftId, *, to: str, wrong: str = "", wait: int = 0
    ) -> web.StreamResponse:
        """401 with the page to sign in at; 429 for who has to wait."""
        status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED
        headers = {"WWW-Authenticate": f'Cookie realm="{draft}"'} if not wait else {"Retry-After": str(wait)}
        enter = f"{self._gate.base(draft)}{ENTER}"
        password = self._gate.has_password(draft)
        if not wants_page(request):
            hint = f"send the form field `password` to {enter}, or open a link" if password else "open a link"
            return problem_response(
                status,
                "too-many-tries" if wait else "not-let-in",
                wrong or f"the draft {draft} is protected",
                hint=hint,
                headers={**COMMON, "Vary": "Accept", **headers},
            )
        text = render_edge(
            "enter.html",
            draft=draft,
            password=password,
            enter=enter,
            to=inside(to),
            wrong=wrong,
            home=f"{self._gate.base(draft)}/",
            **_LOCKED,
        )
        return page(status, text, headers, form_action="'self'")


def inside(to: str) -> str:
    """A path below a draft's address as it was asked for, or "/": for what could lead out of the draft."""
    path = to.partition("?")[0].partition("#")[0]
    steps = unquote(path).replace("\\", "/").split("/")
    leaves = path.startswith("//") or any(step in {".", ".."} for step in steps)
    ours = path.startswith(OURS)
    return "/" if leaves or ours or len(to) > _PATH_MAX or not _PLAIN.fullmatch(to) else to


def _ours(request: web.Request) -> list[str]:
    """The values of our cookie: there may be several, as others can set one of that name for a whole site."""
    return [value for name, value in _cookies(request) if name == COOKIE]


def _others(request: web.Request) -> str:
    """The visitor's cookies without ours, as they came."""
    return "; ".join(f"{name}={value}" if name else value for name, value in _cookies(request) if name != COOKIE)


def _cookies(request: web.Request) -> list[tuple[str, str]]:
    """Every cookie as it stands in the headers; Python's own parser drops all of them where one is odd."""
    parts = [part.strip() for header in request.headers.getall("Cookie", []) for part in header.split(";")]
    pairs = [part.partition("=") for part in parts if part]
    # Bytes that are no UTF-8 could not be sent on.
    return [(name.strip(), value) if equals else ("", name) for name, equals, value in pairs if _is_text(name + value)]


def _is_text(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of the sign-in form; none of what is too large or no form."""
    if request.content_type != _FORM or (request.content_length or 0) > _FORM_MAX:
        return {}
    fields = await request.post()
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _visitor(request: web.Request) -> str:
    """Whose tries are counted together: an address, of IPv6 the network that one customer has."""
    hops = request.headers.getall("X-Forwarded-For", [])
    address = ",".join(hops).rpartition(",")[2].strip() if hops else request.remote or ""
    try:
        ip = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, _NETWORK), strict=False))
    return str(ip)

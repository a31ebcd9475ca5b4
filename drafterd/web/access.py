"""Who may do what: the token, the one-time code, the cookie, the `Host` and `Origin` checks.

A running draft shares the loopback with us, so loopback is no trust. The cookie is bound to the
paths of the status page and the API, so that browsers do not send it along to a draft's address. It
is no wall against a draft's own server: one that listens on another port of the same host may serve
these very paths, and receives it. Only a sandbox keeps a draft from such a port.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from drafterd.domain.errors import ConfigError
from drafterd.files import read_regular, write_atomic
from drafterd.web.problems import HttpProblem

COOKIE = "drafterd"
COOKIE_PATHS = ("/drafts", "/api/v1")
CODE_LIFE = 600.0
"""Seconds in which a one-time code must be used."""
SESSION_LIFE = 7 * 24 * 3600
"""Seconds for which the cookie is taken."""

_TOKEN_MIN = 16
_TOKEN_FILE_MAX = 4096
_CODES_MAX = 16
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Need(StrEnum):
    """What a request must bring."""

    NOTHING = "nothing"
    LOOPBACK = "loopback"
    """a connection from this machine, or the token"""
    TOKEN = "token"  # noqa: S105 - the word, no secret


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request.

    Attributes:
        trusted: Came by the unix socket, or with the token or the cookie.
        local: Came from this machine, through no proxy.
    """

    trusted: bool
    local: bool

    def may(self, need: Need) -> bool:
        """Whether the visitor brings what is needed."""
        return need is Need.NOTHING or self.trusted or (need is Need.LOOPBACK and self.local)


class Access:
    """The token and what follows from it.

    Args:
        token_file: Made at the first start, mode 0600.
        allowed_hosts: Names, with or without a port, by which the API may be called.

    Raises:
        ConfigError: The token file holds nothing that could be a token.
    """

    def __init__(
        self, token_file: Path, allowed_hosts: Collection[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._token = _load_token(token_file)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._clock = clock
        self._codes: dict[str, float] = {}

    def accepts(self, token: str) -> bool:
        """Whether `token` is the token, compared in constant time."""
        return _equal(token, self._token)

    def new_code(self) -> str:
        """A code for the status page's address, good for one use within ten minutes."""
        now = self._clock()
        live = {code: end for code, end in self._codes.items() if end > now}
        code = secrets.token_urlsafe(24)
        self._codes = {**dict(list(live.items())[-_CODES_MAX + 1 :]), code: now + CODE_LIFE}
        return code

    def exchange(self, code: str) -> str | None:
        """The cookie's value for a code, or None: unknown, used or too old."""
        found = [known for known in self._codes if _equal(known, code)]
        if not found or self._codes.pop(found[0]) <= self._clock():
            return None
        ends = int(self._clock()) + SESSION_LIFE
        return f"{ends}.{self._sign(ends)}"

    def visitor(self, request: web.Request) -> Visitor:
        """Who sent the request.

        Raises:
            HttpProblem: The `Host` is not one of ours, the token is wrong, or a changing request
                with the cookie does not come from our own pages.
        """
        self.check_host(request)
        if _by_unix_socket(request):
            return Visitor(trusted=True, local=True)
        local = _from_here(request)
        bearer = _bearer(request)
        if bearer is not None:
            if not self.accepts(bearer):
                raise unauthorised("the token is wrong")
            return Visitor(trusted=True, local=local)
        cookie = self._session_valid(request.cookies.get(COOKIE, ""))
        if cookie and request.method not in _READING:
            _check_origin(request)
        return Visitor(trusted=cookie, local=local)

    def _sign(self, ends: int) -> str:
        return hmac.new(self._token.encode(), f"session {ends}".encode(), hashlib.sha256).hexdigest()

    def _session_valid(self, value: str) -> bool:
        ends, _, signature = value.partition(".")
        if not (ends.isascii() and ends.isdigit()) or len(ends) > len("99999999999"):
            return False
        known = _equal(signature, self._sign(int(ends)))
        return known and int(ends) > self._clock()

    def check_host(self, request: web.Request) -> None:
        """Raise `HttpProblem` for a name that is not ours: another site's that was led here."""
        host = request.headers.get("Host", "")
        if _by_unix_socket(request) or host.lower() in self._hosts or host_name(host) in self._hosts:
            return
        raise HttpProblem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "host-not-allowed",
            "this server does not answer for that host name",
            hint="add the name to allowed_hosts in the configuration",
        )


def unauthorised(detail: str) -> HttpProblem:
    """The answer for what needs the token."""
    return HttpProblem(
        HTTPStatus.UNAUTHORIZED,
        "token-needed",
        detail,
        hint="send 'Authorization: Bearer <token>' with what the file <state>/token holds, or use the unix socket",
        headers={"WWW-Authenticate": 'Bearer realm="drafterd"'},
    )


def set_session(response: web.StreamResponse, value: str) -> None:
    """Give the browser the cookie, once for each of the paths that need it."""
    for path in COOKIE_PATHS:
        response.headers.add(
            "Set-Cookie", f"{COOKIE}={value}; Path={path}; Max-Age={SESSION_LIFE}; HttpOnly; SameSite=Strict"
        )


def host_name(host: str) -> str:
    """The name in a `Host` header: lower case, without port and final dot, brackets of IPv6 kept."""
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return name.lower().rstrip(".")


def is_loopback(address: str) -> bool:
    """Whether an IP address, in any spelling, is this machine's loopback."""
    try:
        ip = ipaddress.ip_address(address.strip().strip("[]"))
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _equal(given: str, known: str) -> bool:
    """Compared in constant time; headers may hold bytes that are no UTF-8."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), known.encode(errors="surrogateescape"))


def _load_token(path: Path) -> str:
    try:
        token = read_regular(path, limit=_TOKEN_FILE_MAX).decode("ascii", "replace").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(32)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, f"{token}\n".encode(), mode=0o600)
    if len(token) < _TOKEN_MIN or not token.isascii() or not token.isprintable():
        raise ConfigError(f"{path} holds no usable token", hint="delete the file: a new one is made at the start")
    return token


def _by_unix_socket(request: web.Request) -> bool:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    return connection is not None and connection.family == socket.AF_UNIX


def _from_here(request: web.Request) -> bool:
    """From the loopback and through no proxy, whose own address would be the loopback too."""
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via"))
    return not forwarded and is_loopback(request.remote or "")


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _check_origin(request: web.Request) -> None:
    origin = urlsplit(request.headers.get("Origin", ""))
    if origin.scheme in {"http", "https"} and origin.netloc.lower() == request.host.lower():
        return
    raise HttpProblem(
        HTTPStatus.FORBIDDEN, "origin-mismatch", "a change with the cookie must come from drafterd's own pages"
    )

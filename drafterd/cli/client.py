"""Asks the daemon: HTTP over its unix socket, or over TCP with the token.

The standard library's client, because a command that answers in a moment must not spend it on imports.
"""

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from drafterd.cli.failures import Code, CommandFailed, Refused, Unreachable
from drafterd.domain.errors import DrafterdError
from drafterd.domain.names import parse_draft_id

SYSTEM_SOCKET = Path("/run/drafterd/drafterd.sock")
OWN_STATE = ".drafterd"
_SOCKET = "run/drafterd.sock"
_TOKEN_MAX = 4096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TIMEOUT = 30.0
_NO_DAEMON = "start it with `drafterd up`, or name it with --socket, --url or DRAFTERD_URL"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the daemon is asked.

    Attributes:
        path: Its unix socket, or None: by TCP.
        token: Sent with each request, or "".
    """

    path: Path | None = None
    scheme: str = "http"
    host: str = "localhost"
    port: int | None = None
    token: str = ""

    def __str__(self) -> str:
        """As it is told to people."""
        return str(self.path) if self.path else f"{self.scheme}://{self.host}:{self.port}"

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        if self.path is not None:
            return _UnixConnection(self.path, timeout)
        kind = http.client.HTTPSConnection if self.scheme == "https" else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._path))
        except BaseException:
            self.sock.close()
            raise


def find(url: str | None, unix_socket: Path | None, token_file: Path | None) -> tuple[Target, ...]:
    """The daemons to try, in order: as named, else the one of this folder, else the system's.

    Raises:
        CommandFailed: The URL or the token file cannot be used.
    """
    if unix_socket is not None:
        return (Target(path=unix_socket),)
    if url and url.startswith("unix:"):
        return (Target(path=Path(url.removeprefix("unix:").replace("//", "", 1))),)
    if url:
        return (_by_url(url, token_file),)
    state = Path(os.environ.get("DRAFTERD_STATE") or OWN_STATE)
    return (Target(path=state / _SOCKET), Target(path=SYSTEM_SOCKET))


def _by_url(url: str, token_file: Path | None) -> Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.username:
        raise CommandFailed(
            f"{url!r} names no daemon", hint="write http://127.0.0.1:8740 or unix:///path", exit_code=Code.USAGE
        )
    port = port if port is not None else {"http": 80, "https": 443}[parts.scheme]
    token = _token(token_file, local=parts.hostname in _LOOPBACK)
    return Target(scheme=parts.scheme, host=parts.hostname, port=port, token=token)


def _token(file: Path | None, *, local: bool) -> str:
    """The token of `file`; without one, that of the daemon of this folder, told to this machine only."""
    own = Path(os.environ.get("DRAFTERD_STATE") or OWN_STATE) / "token"
    chosen = file or (own if local and os.access(own, os.R_OK) else None)
    if chosen is None:
        return ""
    try:
        with chosen.open("rb") as opened:
            token = opened.read(_TOKEN_MAX).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"the token file {chosen} cannot be read: {error}", exit_code=Code.USAGE) from error
    if not token.isprintable() or not token:
        raise CommandFailed(f"the token file {chosen} holds no token", exit_code=Code.USAGE)
    return token


class Client:
    """One daemon. The first of `targets` that answers is taken."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets

    @classmethod
    def open(cls, url: str | None, unix_socket: Path | None, token_file: Path | None) -> Self:
        """The daemon that the options name."""
        return cls(find(url, unix_socket, token_file))

    def get(self, path: str, query: Mapping[str, object] | None = None, *, timeout: float = _TIMEOUT) -> Any:
        """The JSON at a path. Raises `Refused`, `Unreachable`."""
        return self.ask("GET", path, query=query, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        timeout: float = _TIMEOUT,
        allowed: frozenset[int] = frozenset(),
    ) -> Any:
        """Send a request and return its JSON, or None for an empty answer. Raises `Refused`, `Unreachable`."""
        with self.stream(method, path, query=query, body=body, timeout=timeout, allowed=allowed) as answer:
            raw = answer.read()
        return _json(raw) if raw else None

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
        allowed: frozenset[int] = frozenset(),
    ) -> Iterator[http.client.HTTPResponse]:
        """The open answer to a request.

        Args:
            timeout: Longest silence, seconds.
            allowed: Statuses of errors that the caller reads itself.

        Raises:
            Refused: The daemon answered with another error.
            Unreachable: No daemon answers.
        """
        given = {"Accept": "application/json", **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            given["Content-Type"] = "application/json"
        where = f"{path}?{urlencode(query)}" if query else path
        connection, answer = self._send(method, where, data, given, timeout)
        try:
            if answer.status >= http.client.BAD_REQUEST and answer.status not in allowed:
                raise _refused(answer.status, answer.read())
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the daemon stopped answering: {_reason(error)}", hint="ask again") from error
        finally:
            connection.close()

    def _send(
        self, method: str, where: str, data: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        failures: list[str] = []
        for target in self._targets:
            connection = target.connect(timeout)
            token = {"Authorization": f"Bearer {target.token}"} if target.token else {}
            try:
                connection.connect()
                self._targets = (target,)
                connection.request(method, where, body=data, headers={**headers, **token})
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                failures.append(f"{target} ({_reason(error)})")
        raise Unreachable(f"no daemon answers at {', nor at '.join(failures)}", hint=_NO_DAEMON)


def draft_path(draft: str, *rest: object) -> str:
    """The API's path of a draft. Raises `BadName`: what is no id never becomes part of a path."""
    return "/".join(["/api/v1/drafts", parse_draft_id(draft), *map(str, rest)])


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise CommandFailed("what answers there is not drafterd", hint="check --url") from error


def _refused(status: int, raw: bytes) -> DrafterdError:
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "code" not in document:
        return CommandFailed(f"what answers there is not drafterd (it said {status})", hint="check --url")
    summary = str(document.get("detail") or document.get("title"))
    return Refused(status, str(document["code"]), summary, hint=str(document.get("hint") or ""))


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

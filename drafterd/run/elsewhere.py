"""Finds where a starting server answers that does not listen on the port it was given.

It is known by its process: only what the instance's own processes listen on counts. A server may open
several ports one after another, so that a place is believed only after a moment in which nothing new came.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from drafterd import files
from drafterd.domain.model import Address
from drafterd.run.probe import Answer, ask

PERIOD = 1.0
GRACE = 3.0
_SLOWER = 1.3
_LONGEST_PERIOD = 4.0
_PATIENCE = 3.0
_LARGEST = 1_000
_HIGHEST = 65_535
_IPV4 = 4
_LOOPBACK = "127.0.0.1"
_DEBUGGERS = range(9229, 9240)
"""Node's own debugger answers HTTP, and is no server of anybody's."""
_LAST_LINES = 25
_TAKEN = (
    re.compile(r"EADDRINUSE\b[^\n]{0,200}?:(\d{1,5})\b(?!\S*:\d)"),
    re.compile(r"\b[Pp]ort (\d{1,5}) is (?:already )?(?:in use|taken|occupied|being used)"),
    re.compile(r"\bIs port (\d{1,5}) in use\?"),
)

Place = tuple[str, int]
"""The address and port that a process listens on."""


class Search:
    """The search for one instance's server, from its start to its first answer.

    Args:
        given: Where it should listen.
        known: Where it was found at an earlier start: believed at its first answer.
        path: What is asked for.
        reserved: Ports that belong to somebody else.
    """

    def __init__(
        self, given: Address, *, known: Address | None, path: str, reserved: Callable[[], Collection[int]]
    ) -> None:
        self._given = given
        self._known = known
        self._path = path
        self._reserved = reserved
        self._seen: dict[Place, float] = {}
        self._period = PERIOD
        self._next = time.monotonic() + PERIOD
        self._taken: int | None = None

    async def known(self) -> Address | None:
        """Where it was found before, if it answers there again."""
        if self._known is None or self._known.port in self._reserved():
            return None
        return self._known if await self._answers(self._known) else None

    def is_due(self) -> bool:
        """Whether it is time to look at its processes."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._period
        self._period = min(self._period * _SLOWER, _LONGEST_PERIOD)
        return True

    async def among(self, places: Iterable[Place]) -> Address | None:
        """The one of these places where it answers HTTP; None: none yet, or more than one."""
        now = time.monotonic()
        found = reachable(places, self._given, self._reserved())
        self._seen = {place: self._seen.get(place, now) for each in found.values() for place in each}
        if found:
            self._period = PERIOD
        if not found or now - max(self._seen.values()) < GRACE:
            return None
        answers = [first for each in found.values() if (first := await self._first([*each])) is not None]
        return answers[0] if len(answers) == 1 else None

    def wanted(self, log: Sequence[str]) -> int | None:
        """The port of its own that the server, which has ended, said twice in a row is taken; or None."""
        before, self._taken = self._taken, taken_port(log, self._given)
        return self._taken if before == self._taken else None

    async def _first(self, addresses: Sequence[Place]) -> Address | None:
        for each in (Address(*place) for place in addresses):
            if await self._answers(each):
                return each
        return None

    async def _answers(self, address: Address) -> bool:
        return await ask(address, self._path, patience=_PATIENCE) is Answer.HTTP


def reachable(places: Iterable[Place], given: Address, reserved: Collection[int]) -> Mapping[int, tuple[Place, ...]]:
    """By port, the addresses by which this machine reaches what listens there, the best first.

    Left out are ports of others, debuggers, and what listens on addresses of the network only. Nothing at
    all where the given address itself is listened on.
    """
    found: dict[int, set[str]] = {}
    for host, port in places:
        for each in _loopback(host):
            if (each, port) == (given.host, given.port):
                return {}
            if port not in reserved and port not in _DEBUGGERS:
                found.setdefault(port, set()).add(each)
    return {port: tuple((host, port) for host in sorted(hosts, key=_rank)) for port, hosts in sorted(found.items())}


def _rank(host: str) -> tuple[bool, str]:
    return host != _LOOPBACK, host


def _loopback(host: str) -> tuple[str, ...]:
    """The loopback addresses that lead to a listener on `host`."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return (_LOOPBACK,) if address.version == _IPV4 else (_LOOPBACK, "::1")
    return (str(address),) if address.is_loopback else ()


def taken_port(log: Sequence[str], given: Address) -> int | None:
    """The port that a server wanted and somebody else has, as its last lines say; None for the given one."""
    for line in reversed(log[-_LAST_LINES:]):
        for pattern in _TAKEN:
            if found := pattern.search(line):
                return int(found[1]) if int(found[1]) != given.port else None
    return None


def remember(file: Path, address: Address) -> None:
    """Keep where a server was found, for a daemon that starts anew. Raises `OSError`."""
    files.write_atomic(file, json.dumps({"host": address.host, "port": address.port}).encode(), mode=0o600)


def remembered(file: Path) -> Address | None:
    """Where a server was found; None if it was not, or that cannot be read."""
    try:
        content = json.loads(files.read_regular(file, limit=_LARGEST))
        host, port = str(content["host"]), int(content["port"])
        return Address(host, port) if ipaddress.ip_address(host).is_loopback and 0 < port <= _HIGHEST else None
    except (OSError, ValueError, LookupError, TypeError):
        return None

"""The network of builds: what they reach, and the words that fence them in. Started for each step: `fence.main`.

Names that are let through are looked up out here, by us; inside they are known by a file of hosts.
"""

import asyncio
import ipaddress
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import psutil

import drafterd
from drafterd.domain.model import Address
from drafterd.fence.plan import Hole, Plan, to_word

# Apart from the daemon's own imports and settings: a start costs each step time.
_START = "import sys; sys.path.append(sys.argv.pop(1)); from drafterd.fence.main import main; main(sys.argv[1:])"
_ROOT = Path(drafterd.__file__).parents[1]

CLOSED: tuple[str, ...] = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "168.63.129.16/32",  # Azure's, for the machines in it
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""What is nobody's on the internet. Addresses of the other kind, with colons, lead nowhere at all."""

_NAMESERVERS_MAX = 3
_WITH_DOTS = 4
_DNS = 53
_DNS_INSIDE = "127.0.0.{}"
_DNS_FIRST = 53
_LOOK_UP_WITHIN = 3.0
_KNOWN_FOR = 60.0
_UNKNOWN_FOR = 10.0
_BUILD = "build"


class Reach(StrEnum):
    """How far builds reach."""

    INTERNET = "internet"
    REGISTRY = "registry"
    """no further than the registry"""
    OFF = "off"
    """the build itself reaches nothing; what installs dependencies reaches the registry"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator wants builds to reach. Whatever it is, not this machine and its networks.

    Attributes:
        registry: Where dependencies come from: the registry and the proxies on the way to it.
        allowed: What else is reached, wherever it lies.
    """

    reach: Reach = Reach.INTERNET
    registry: tuple[Address, ...] = ()
    allowed: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """What is needed for a fence, as it was found here.

    Attributes:
        program: `slirp4netns`; empty where the internet is not wanted.
        user_namespace: Whether one is made first: we are not root.
    """

    program: str
    user_namespace: bool


@dataclass(frozen=True, slots=True)
class Fenced:
    """A command in its network, and the files of names that it sees.

    Attributes:
        words: They stand before the command's.
        files: Texts by the place where they are seen.
    """

    words: tuple[str, ...]
    files: Mapping[str, str]


NO_FENCE = Fenced((), {})
"""The machine's own network."""


class Fence:
    """Gives each step of a build a network of its own."""

    def __init__(self, wish: Wish, way: Way) -> None:
        self._wish = wish
        self._way = way
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    @property
    def meaning(self) -> str:
        """What builds reach, for people."""
        return _MEANING[self._wish.reach]

    async def around(self, step: str) -> Fenced:
        """What stands around a step of this name."""
        wish = self._wish
        named = (*wish.allowed, *(() if wish.reach is Reach.OFF and step == _BUILD else wish.registry))
        found = await asyncio.gather(*map(self._look_up, dict.fromkeys(place.host for place in named)))
        own = await asyncio.to_thread(own_addresses)
        resolv = await asyncio.to_thread(_text, Path("/etc/resolv.conf"))
        hosts = await asyncio.to_thread(_text, Path("/etc/hosts"))
        return fenced(
            replace(wish, registry=named, allowed=()), self._way, dict(found), own, resolv=resolv, hosts=hosts
        )

    async def _look_up(self, host: str) -> tuple[str, tuple[str, ...]]:
        """The addresses of a name; none where it has none, or where nobody says so in time."""
        until, addresses = self._known.get(host, (0.0, ()))
        if time.monotonic() < until:
            return host, addresses
        try:
            async with asyncio.timeout(_LOOK_UP_WITHIN):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a timeout too
            found = []
        addresses = tuple(dict.fromkeys(str(item[4][0]) for item in found if "%" not in str(item[4][0])))
        # Inside, the other kind of address leads nowhere: clients would only lose time with it.
        addresses = tuple(address for address in addresses if ":" not in address) or addresses
        self._known[host] = (time.monotonic() + (_KNOWN_FOR if addresses else _UNKNOWN_FOR), addresses)
        return host, addresses


def fenced(
    wish: Wish, way: Way, found: Mapping[str, Sequence[str]], own: Iterable[str], *, resolv: str = "", hosts: str = ""
) -> Fenced:
    """The words and files for a step that reaches the internet, or not, and `wish.registry`.

    Args:
        found: Addresses by name.
        own: The machine's addresses.
        resolv: The machine's resolv.conf.
        hosts: The machine's file of hosts.
    """
    closed = (*CLOSED, *(f"{address}/32" for address in own))
    internet = wish.reach is Reach.INTERNET
    holes, names = [], []
    for place in wish.registry:
        for address in found.get(place.host, ()):
            if internet and not _led_nowhere(address, closed):
                continue
            holes.append(Hole(address, place.port, address, place.port))
            names.append(f"{address} {place.host}")
    servers = nameservers(resolv) if internet else []
    for number, server in enumerate(servers):
        inside = _DNS_INSIDE.format(_DNS_FIRST + number)
        holes += [Hole(inside, _DNS, server, _DNS, datagrams=datagrams) for datagrams in (True, False)]
    plan = Plan(
        user_namespace=way.user_namespace,
        program=way.program if internet else "",
        closed=closed,
        holes=tuple(dict.fromkeys(holes)),
    )
    return Fenced(
        words=(*_python(), to_word(plan)),
        files={
            "/etc/hosts": "".join(f"{line}\n" for line in dict.fromkeys(names)) + hosts,
            "/etc/resolv.conf": _resolv(resolv, len(servers)),
        },
    )


def _python() -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", _START, str(_ROOT))


def _led_nowhere(address: str, closed: Iterable[str]) -> bool:
    """Whether an address is not what it is outside: closed, the loopback's, or of the kind with colons."""
    found = ipaddress.ip_address(address)
    return (
        found.version != _WITH_DOTS or found.is_loopback or any(found in ipaddress.ip_network(each) for each in closed)
    )


def nameservers(resolv: str) -> list[str]:
    """The servers that a resolv.conf names, as the system's library reads it: three at most, else this machine."""
    found = []
    for line in resolv.splitlines():
        match line.split():
            case ["nameserver", server, *_] if _is_address(server):
                found.append(server)
    return found[:_NAMESERVERS_MAX] or ["127.0.0.1"]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _resolv(resolv: str, servers: int) -> str:
    """The machine's own settings, asked of us."""
    kept = [line for line in resolv.splitlines() if line.split()[:1] in (["search"], ["domain"], ["options"])]
    return "".join(
        f"{line}\n"
        for line in [*(f"nameserver {_DNS_INSIDE.format(_DNS_FIRST + number)}" for number in range(servers)), *kept]
    )


def own_addresses() -> tuple[str, ...]:
    """This machine's addresses of the kind with dots, the loopback's left out: inside that is another."""
    found = {
        item.address
        for items in psutil.net_if_addrs().values()
        for item in items
        if item.family is socket.AF_INET and not item.address.startswith("127.")
    }
    return tuple(sorted(found))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


_MEANING = {
    Reach.INTERNET: "builds reach the internet, and nothing of this machine and its networks",
    Reach.REGISTRY: "builds reach the registry, and nothing else",
    Reach.OFF: "installs reach the registry, and builds nothing",
}

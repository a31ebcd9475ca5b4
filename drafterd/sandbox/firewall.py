"""The firewall around running drafts, for a daemon that is root: rules of the kernel keyed on the users they run as.

One table of ours in nftables, replaced whole in one step. It holds for the users of this installation's
instances and for nobody else; what answers them (the proxy's requests) passes in any case.
"""

import asyncio
import hashlib
import ipaddress
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog

from drafterd.domain.errors import ConfigError, RuntimeUnavailable
from drafterd.domain.model import Address
from drafterd.sandbox.network import CLOSED, nameservers

_log = structlog.get_logger(__name__)

MEANING = "drafts reach the internet, the proxy and what `run.allow` names, and nothing else of this machine's networks"
"""What the rules let through, for people."""

_CLOSED_SIX = ("::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "fc00::/7", "fe80::/10", "ff00::/8")
_TIMEOUT = 10.0
_EVERY = 30.0
"""Seconds after which the rules are put there anew: names get other addresses, and others flush tables."""
_DNS = 53
_SIX = 6
_ERROR_MAX = 300
_LOOK_UP_WITHIN = 3.0
_MISSING = "there is no nft: install the package nftables"


@dataclass(frozen=True, slots=True)
class Guest:
    """An instance that the rules hold for.

    Attributes:
        user: Who it runs as, and nobody else does.
        ports: What it listens on, and may call itself.
    """

    user: int
    ports: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """What all drafts reach of this machine and its networks.

    Attributes:
        places: Addresses and ports of TCP.
        local: Ports of this machine, whatever its address: the proxy's.
        names: Servers that are asked for names.
    """

    places: frozenset[tuple[str, int]] = frozenset()
    local: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()


def table_of(state: Path) -> str:
    """The name of an installation's table."""
    return f"drafterd_{hashlib.blake2b(os.fsencode(state), digest_size=6).hexdigest()}"


def removal(table: str) -> str:
    """The text that takes the table away, whether or not it is there."""
    return f"table inet {table} {{}}\ndelete table inet {table}\n"


def rules(table: str, guests: Collection[Guest], openings: Openings) -> str:
    """The text that puts the table in the place of the one that is there."""
    own = sorted({f"{guest.user} . {port}" for guest in guests for port in guest.ports})
    four, six = _by_kind((f"{address} . {port}", address) for address, port in openings.places)
    ask_four, ask_six = _by_kind((address, address) for address in openings.names)
    return "".join(
        (
            removal(table),
            f"table inet {table} {{\n",
            _set("users", "meta skuid", sorted({str(guest.user) for guest in guests})),
            _set("own", "meta skuid . tcp dport", own),
            _set("local", "tcp dport", sorted(map(str, openings.local))),
            _set("places4", "ip daddr . tcp dport", four),
            _set("places6", "ip6 daddr . tcp dport", six),
            _set("names4", "ip daddr", ask_four),
            _set("names6", "ip6 daddr", ask_six),
            _CHAINS.format(four=", ".join(CLOSED), six=", ".join(_CLOSED_SIX), dns=_DNS),
            "}\n",
        )
    )


# What has no user (the kernel's own answers) is not led into the chain, and passes.
_CHAINS = """\
  chain draft {{
    ct state established,related accept
    oif "lo" meta skuid . tcp dport @own accept
    oif "lo" tcp dport @local accept
    ip daddr . tcp dport @places4 accept
    ip6 daddr . tcp dport @places6 accept
    ip daddr @names4 meta l4proto {{ tcp, udp }} th dport {dns} accept
    ip6 daddr @names6 meta l4proto {{ tcp, udp }} th dport {dns} accept
    oif "lo" meta l4proto tcp reject with tcp reset
    oif "lo" reject
    ip daddr {{ {four} }} reject
    ip6 daddr {{ {six} }} reject
  }}
  chain output {{
    type filter hook output priority filter; policy accept;
    meta skuid @users jump draft
  }}
"""


def _set(name: str, kind: str, elements: Collection[str]) -> str:
    held = f" elements = {{ {', '.join(elements)} }};" if elements else ""
    return f"  set {name} {{ typeof {kind};{held} }}\n"


def _by_kind(items: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The texts of addresses with dots, and of those with colons; each beside its address."""
    found: tuple[list[str], list[str]] = ([], [])
    for text, address in sorted(items):
        found[ipaddress.ip_address(address).version == _SIX].append(text)
    return found


class Firewall:
    """Keeps the rules of one installation in the kernel. Its methods block, but for `run`.

    Args:
        nft: The program.
        allowed: What drafts reach wherever it lies; names are looked up every now and then.
        local: Ports of this machine that drafts reach.
        guests: All instances that there are.
    """

    def __init__(
        self,
        state: Path,
        nft: str,
        *,
        allowed: tuple[Address, ...],
        local: frozenset[int],
        guests: Callable[[], Iterable[Guest]],
    ) -> None:
        self._table = table_of(state)
        self._nft = nft
        self._allowed = allowed
        self._local = local
        self._guests = guests
        self._new: dict[int, tuple[float, Guest]] = {}
        self._addresses: Mapping[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def admit(self, guest: Guest) -> None:
        """Take in an instance that is about to be started. Raises `RuntimeUnavailable` if the rules cannot be set."""
        with self._lock:
            self._new[guest.user] = time.monotonic(), guest
        self.put()

    def put(self) -> None:
        """Put the rules for all instances there. Raises `RuntimeUnavailable`."""
        with self._lock:
            known = {guest.user: guest for guest in self._guests()}
            # Until what is kept of it on disk tells of it too; it may also never have been started.
            late = time.monotonic() - 2 * _EVERY
            self._new = {user: (at, guest) for user, (at, guest) in self._new.items() if at > late}
            guests = [*known.values(), *(guest for _, guest in self._new.values())]
            said = _fed(self._nft, rules(self._table, guests, self._openings()))
        if said is not None:
            raise RuntimeUnavailable(f"the firewall around drafts cannot be set: {said}", hint="see `drafterd doctor`")

    def remove(self) -> None:
        """Take the table away."""
        if (said := _fed(self._nft, removal(self._table))) is not None:
            _log.warning("firewall.left", table=self._table, reason=said)

    async def run(self) -> None:
        """Keep the rules up to date until cancelled."""
        while True:
            try:
                await self.look_up()
                await asyncio.to_thread(self.put)
            except RuntimeUnavailable as error:
                _log.warning("firewall.not_set", reason=error.summary)
            await asyncio.sleep(_EVERY)

    async def look_up(self) -> None:
        """Find the addresses of what is allowed by name."""
        self._addresses = {host: await _looked_up(host) for host in {place.host for place in self._allowed}}

    def _openings(self) -> Openings:
        places = {(address, place.port) for place in self._allowed for address in self._addresses.get(place.host, ())}
        try:
            resolv = Path("/etc/resolv.conf").read_text("utf-8", errors="replace")
        except OSError:
            resolv = ""
        return Openings(places=frozenset(places), local=self._local, names=frozenset(nameservers(resolv)))


async def _looked_up(host: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(_LOOK_UP_WITHIN):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a timeout too
        return ()
    return tuple(dict.fromkeys(str(item[4][0]) for item in found if "%" not in str(item[4][0])))


def nft() -> str:
    """The program that sets rules, tried here.

    Raises:
        ConfigError: There is none, or it may set none.
    """
    program = shutil.which("nft", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if program is None:
        raise ConfigError(_MISSING)
    if (said := _tried(program, os.geteuid())) is not None:
        raise ConfigError(f"nft cannot set rules here: {said}")
    return program


@cache
def _tried(program: str, _user: int) -> str | None:
    """Why rules of our kind cannot be set, or None: they can."""
    table = f"drafterd_try_{os.getpid()}"
    guests = [Guest(_user_of_nobody(), frozenset({1}))]
    openings = Openings(
        places=frozenset({("127.0.0.1", 1), ("::1", 1)}), local=frozenset({1}), names=frozenset({"127.0.0.53", "::1"})
    )
    return _fed(program, rules(table, guests, openings) + removal(table))


def _user_of_nobody() -> int:
    return (1 << 31) - 2


def _fed(program: str, text: str) -> str | None:
    """Feed a text to nft, which does all of it or nothing; what it said, if that failed."""
    try:
        done = subprocess.run([program, "-f", "-"], input=text.encode(), capture_output=True, timeout=_TIMEOUT)  # noqa: PLW1510 - looked at below
    except (OSError, subprocess.SubprocessError) as error:
        return " ".join(str(error).split())[:_ERROR_MAX]
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").splitlines()
    return (lines[0].strip() if lines else f"exit code {done.returncode}")[:_ERROR_MAX]

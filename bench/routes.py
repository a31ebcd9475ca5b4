"""How long a new route takes to its first proxied 200, and how many requests go through, beside other proxies.

`drafterd` counts from the rename of the routes file; beside it `directory`, one file per draft and no
certificate, the same Traefik. jupyterhub-traefik-proxy and configurable-http-proxy count from their own
call, as `call_ms` does for ours. All take turns in one run. `published_ms` is what the daemon waits for.
Requests per second need `wrk` and `nginx`; with them are measured a route written by hand in a Next.js app,
which is what drafterd replaces, and the same in a bare Node server.
"""

import asyncio
import contextlib
import http.client
import http.server
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import Goal, finish, peers, say, throughput
from bench.ways import DEADLINE, Directory, Drafterd, DrafterdNginx, Ours, Way, draft_of, memory_mb
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId

SIZES = (10, 100, 1000, 5000)
FEW = 1000
"""So many drafts are enough for `directory`, whose files take minutes to be read beyond."""
RUNS = 9
BODY = b"the draft itself"
LIVE_MS = {10: 15, 100: 25, 1000: 150}
"""Goals with Traefik, by the number of drafts."""
OVER_HUB, OVER_ROUTE = 0.5, 3.0
NGINX_OVER_ROUTE, NGINX_MANY_OVER_ROUTE = 6.0, 4.0
"""Goals with nginx: while it keeps connections to the drafts, and beyond."""
_OURS = "drafterd"
_HUB = "jupyterhub-traefik-proxy"
_NGINX = "drafterd-nginx"
_ROUTE = "next-route"
_BY_HAND = (_ROUTE, "node-route")

Rates = dict[str, dict[str, float]]
"""Requests per second, by the number of drafts and the way."""


def main(json: bool) -> int:
    """Measure every size; print tables, and the object where it is wanted."""
    sys.setswitchinterval(0.0005)  # prober, servers and publisher share one interpreter
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        installed = Installed(Path(name))
        with serving(_Draft) as backend, serving(_Draft) as fresh, serving(_Edge) as edge:
            for size in SIZES:
                say(f"{size} drafts, {RUNS} changes each way ...")
                found[str(size)] = asyncio.run(measure(size, backend, fresh, edge, installed))
        rates = None
        if has_tools():
            rates = {str(size): asyncio.run(requests(size, installed)) for size in SIZES}
    show(found, rates)
    result = told(found, rates)
    return finish(result, runs=RUNS, as_json=json, goals=goals(result))


def has_tools() -> bool:
    """Whether requests per second can be measured; says what is missing."""
    missing = throughput.missing()
    if missing:
        say(f"Requests per second are left out: install {' and '.join(missing)}.")
    return not missing


class Installed:
    """The other proxies, as far as they can be had."""

    def __init__(self, folder: Path) -> None:
        say("Installing the other proxies ...")
        self.hub = peers.install_hub_proxy(folder / "hub")
        self.node = peers.install_node_proxy(folder / "node")
        self.route = peers.install_next_route(folder / "route")
        for name, place in ((_HUB, self.hub), (peers.NodeProxy.name, self.node), (_ROUTE, self.route)):
            if place is None:
                say(f"{name} could not be installed and is left out.")


@dataclass
class Found:
    """Seconds by way, one value per change."""

    live: dict[str, list[float]] = field(default_factory=dict)
    call: dict[str, list[float]] = field(default_factory=dict)
    published: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)


def told(found: dict[str, Found], rates: Rates | None) -> dict[str, Any]:
    """The object."""
    call = {size: _medians(each.call) for size, each in found.items()}
    over = {size: round(ways[_OURS] / ways[_HUB], 3) for size, ways in call.items() if _HUB in ways}
    return {
        "live_ms": {size: _medians(each.live) for size, each in found.items()},
        "call_ms": call,
        "call_over_hub": over,
        "published_ms": {size: _medians(each.published) for size, each in found.items()},
        "memory_mb": {size: each.memory for size, each in found.items()},
        "requests_per_second": rates,
        "requests_over_next_route": rates and _over(rates, _ROUTE),
        "requests_over_node_route": rates and _over(rates, _BY_HAND[1]),
    }


def _over(rates: Rates, other: str) -> Rates:
    """Ours as multiples of another's."""
    return {
        size: {name: round(each[name] / each[other], 2) for name in (_OURS, _NGINX) if name in each}
        for size, each in rates.items()
        if other in each
    }


def goals(result: Mapping[str, Any]) -> list[Goal]:
    """What the figures should come to, as far as they could be measured."""
    found = [
        Goal(f"live_ms {_OURS} {size}", result["live_ms"][str(size)][_OURS], most) for size, most in LIVE_MS.items()
    ]
    found += [
        Goal(f"call_over_hub {size}", result["call_over_hub"][str(size)], OVER_HUB)
        for size in LIVE_MS
        if str(size) in result["call_over_hub"]
    ]
    for size, each in (result["requests_over_next_route"] or {}).items():
        few = int(size) <= FEW
        least = {_NGINX: NGINX_OVER_ROUTE if few else NGINX_MANY_OVER_ROUTE, **({_OURS: OVER_ROUTE} if few else {})}
        found += [
            Goal(f"requests {name} {size}", each[name], limit, least=True)
            for name, limit in least.items()
            if name in each
        ]
    return found


def show(found: dict[str, Found], rates: Rates | None) -> None:
    """Tables for people."""
    say(f"{'drafts':>7} {'way':>26} {'live ms':>9} {'from call':>9} {'MB':>7} {'requests/s':>11}")
    for size, each in found.items():
        for name in each.live:
            rate = rates[size].get(name, 0) if rates else 0
            live, call = _median(each.live[name]), _median(each.call[name])
            say(f"{size:>7} {name:>26} {live:>9.1f} {call:>9.1f} {each.memory[name]:>7.0f} {rate or '':>11}")
        for name in ("direct", *_BY_HAND):
            if rates and name in rates[size]:
                say(f"{size:>7} {name:>26} {'':>9} {'':>9} {'':>7} {rates[size][name]:>11}")
        for name, seconds in each.published.items():
            say(f"{size:>7} {f'{name}, confirmed':>26} {'':>9} {_median(seconds):>9.1f}")


def _medians(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: _median(each) for name, each in values.items()}


def _median(seconds: list[float]) -> float:
    """In milliseconds."""
    return round(statistics.median(seconds) * 1000, 2)


@contextlib.asynccontextmanager
async def ways(folder: Path, edge: Address, size: int, installed: Installed) -> AsyncIterator[Sequence[Way]]:
    """All that there are for so many drafts, started."""

    def own(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    with contextlib.ExitStack() as stack:
        ours = Drafterd(own("drafterd"), edge)
        stack.enter_context(ours.started())
        started: list[Way] = [ours]
        if size <= FEW:
            other = Directory(own("directory"), edge)
            stack.enter_context(other.started())
            started.append(other)
        if not throughput.missing(("nginx",)):
            with_nginx = DrafterdNginx(own("drafterd-nginx"), edge)
            stack.enter_context(with_nginx.started())
            started.append(with_nginx)
        if installed.hub is not None:
            hub = peers.HubProxy(own("hub"), installed.hub)
            stack.enter_context(hub.started())
            started.append(hub)
        if installed.node is not None:
            node = peers.NodeProxy(own("node"), installed.node)
            stack.enter_context(node.started())
            started.append(node)
        try:
            yield started
        finally:
            for way in started:
                if isinstance(way, Ours):
                    await way.close()


async def measure(size: int, backend: Address, fresh: Address, edge: Address, installed: Installed) -> Found:
    """Add a route to `fresh` to a table of `size`, each way in turn, and take it out again."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        async with ways(Path(name), edge, size, installed) as all_ways:
            for way in all_ways:
                await way.fill(size, backend)
                await asyncio.to_thread(wait_for, way.web, draft_of(size - 1))
                found.live[way.name], found.call[way.name] = [], []
            for run in range(RUNS):
                for way in all_ways:
                    await _one_change(found, way, DraftId(f"new-{run}"), fresh)
            for way in all_ways:
                found.memory[way.name] = memory_mb(way.pid)
                if isinstance(way, Ours):
                    found.published[way.name] = way.published
    return found


async def _one_change(found: Found, way: Way, draft: DraftId, fresh: Address) -> None:
    """One new draft, live and gone."""
    begun = time.perf_counter()
    seen, placed = await asyncio.gather(asyncio.to_thread(wait_for, way.web, draft), way.add(draft, fresh))
    found.live[way.name].append(seen - placed)
    found.call[way.name].append(seen - begun)
    await way.remove(draft)
    await asyncio.to_thread(wait_for, way.web, draft, gone=True)


async def requests(size: int, installed: Installed) -> dict[str, float]:
    """Requests per second to the last of `size` drafts, each way in turn."""
    say(f"{size} drafts, requests per second ...")
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name, contextlib.ExitStack() as stack:
        backend = stack.enter_context(throughput.fast_server())
        by_hand = {"node-route": stack.enter_context(peers.node_route(Path(name), backend))}
        if installed.route is not None:
            by_hand[_ROUTE] = stack.enter_context(peers.next_route(installed.route, backend))
        async with ways(Path(name), backend, size, installed) as all_ways:
            for way in all_ways:
                await way.fill(size, backend)
                await asyncio.to_thread(wait_for, way.web, draft_of(size - 1))
            for route in by_hand.values():
                await asyncio.to_thread(wait_for, route, draft_of(0), slash=False)
            webs = {"direct": backend, **{way.name: way.web for way in all_ways}, **by_hand}
            first = draft_of(0)
            drafts = {name: first if name in by_hand else draft_of(size - 1) for name in webs}
            return await asyncio.to_thread(throughput.measure, webs, drafts)


def wait_for(web: Address, draft: DraftId, *, gone: bool = False, slash: bool = True) -> float:
    """Ask every millisecond over one connection until the draft answers, or does not; returns when it did."""
    deadline = time.monotonic() + DEADLINE
    connection = http.client.HTTPConnection(web.host, web.port, timeout=5)
    with contextlib.closing(connection):
        while time.monotonic() < deadline:
            try:
                connection.request("GET", f"/api/draft/{draft}{'/' * slash}", headers={"Host": "localhost"})
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.02)
                continue
            served = response.status == http.HTTPStatus.OK and body == BODY
            if served is not gone:
                return time.perf_counter()
            time.sleep(0.001)
    raise TimeoutError(f"{draft} did not change within {DEADLINE} s")


class _Draft(http.server.BaseHTTPRequestHandler):
    """Every draft's server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    status = http.HTTPStatus.OK

    def do_GET(self) -> None:
        """Say who we are."""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Edge(_Draft):
    """The daemon's stand-in: no such draft."""

    status = http.HTTPStatus.NOT_FOUND


@contextlib.contextmanager
def serving(handler: type[_Draft]) -> Iterator[Address]:
    """A server on the loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield Address("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

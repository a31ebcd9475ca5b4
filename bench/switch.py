"""Update after update under constant requests, streams and web sockets, with both proxies: what is lost; and rollbacks.

The draft is a plain node server, so that an update is quick. Visitors are strict: see `visitors.py`. A
stream may end with the server that began it, but not before the drain is over: else it counts as cut. A
neighbour's streams are held through all updates of the draft: Traefik must hold them for ever, nginx ends
those of a worker that was reloaded, once the drain is over. Rollbacks are timed apart: see `rollbacks.py`.
Ends with 1 where a goal was missed.
"""

import argparse
import asyncio
import json as json_text
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import Goal, finish, rollbacks, say
from bench.visitors import SERVER, visitors
from drafterd.domain.model import Address
from tests.builders import eventually
from tests.server import Server

OPTIONS = "[--updates N] [--proxy traefik|nginx|both]"
UPDATES = 100
PROXIES = ("traefik", "nginx")
DRAFT, NEIGHBOUR = "switched", "neighbour"
DRAIN = 30.0
KEPT = 4
"""Visitors who keep their connection."""
GOALS: Mapping[str, Mapping[str, float]] = {
    "traefik": {"failed": 0, "reset": 0, "streams_cut": 0, "neighbour_ended": 0, "rollback_ms": rollbacks.GOAL_MS},
    # A reload closes each idle connection once, and one request may be on its way over it.
    "nginx": {"failed": 0, "reset_per_update": KEPT, "streams_cut": 0, "rollback_ms": rollbacks.GOAL_MS},
}
"""At most; `rollback_ms` is of the slowest."""
_TOLD_EVERY = 10
_EARLY = 2.0
"""A stream that ends so shortly before the drain is over was ended by it: we see a switch a little late."""


def main(json: bool, arguments: list[str]) -> int:
    """Measure; print a table, and the object where it is wanted."""
    words = argparse.ArgumentParser(prog="switch")
    words.add_argument("--updates", type=int, default=UPDATES, help="with each proxy; 0: only the rollbacks")
    words.add_argument("--proxy", choices=[*PROXIES, "both"], default="both")
    given = words.parse_args(arguments)
    kinds = PROXIES if given.proxy == "both" else (given.proxy,)
    found = {kind: asyncio.run(measure(given.updates, kind)) for kind in kinds}
    names = dict.fromkeys(name for each in found.values() for name in each)
    say(f"{'':>24}" + "".join(f"{kind:>12}" for kind in kinds))
    for name in names:
        say(f"{name:>24}" + "".join(f"{found[kind].get(name, ''):>12}" for kind in kinds))
    return finish(together(found), runs=1, as_json=json, goals=list(goals(found)))


def together(found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The object: sums over the proxies, of times the worst, and all of each."""
    sums = {
        name: sum(each.get(name, 0) for each in found.values()) for name in ("updates", "requests", "failed", "reset")
    }
    worst = {name: max(each.get(name, 0.0) for each in found.values()) for name in ("p99_ms", "rollback_ms")}
    return {**sums, **worst, "proxies": found}


def goals(found: Mapping[str, Mapping[str, float]]) -> Iterator[Goal]:
    """What was measured of what each proxy should come to."""
    for kind, each in found.items():
        for name, most in GOALS[kind].items():
            if name in each:
                yield Goal(f"{kind} {name}", each[name], most)


async def measure(updates: int, kind: str) -> dict[str, float]:
    """All updates, then the rollbacks, with one kind of proxy."""
    switched = await measure_updates(updates, kind) if updates else {}
    back = await rollbacks.measure(kind)
    return {**switched, "rollback_ms": max(back.values()), **back}


async def measure_updates(updates: int, kind: str) -> dict[str, float]:
    """What the visitors of a draft and of its neighbour see."""
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        ours = Server(Path(name) / "server", drain=f"{DRAIN:g}s")
        ours.config["proxy"]["kind"] = kind
        async with ours as server:
            for draft in (NEIGHBOUR, DRAFT):
                await update(server, draft, 1)
            proxy = Address("127.0.0.1", int(server.proxy.rpartition(":")[2]))
            took, replaced = list[float](), list[tuple[str, float]]()
            async with (
                visitors(proxy, f"/api/draft/{NEIGHBOUR}/", each=0) as beside,
                visitors(proxy, f"/api/draft/{DRAFT}/", each=KEPT) as seen,
            ):
                for number in range(2, updates + 2):
                    took.append(await update(server, DRAFT, number))
                    replaced.append((word(number - 1), time.monotonic()))
                    if number % _TOLD_EVERY == 0:
                        told = f"{seen.requests} requests, {len(seen.failed)} failed, {seen.reset} reset"
                        say(f"{kind:>8} {number} updates, {told}")
                last = server.state / "instances" / f"{DRAFT}.r{updates}.json"
                await eventually(lambda: not last.exists(), within=3 * DRAIN, every=0.5)
            for failure in dict.fromkeys((*seen.failed, *beside.failed)):
                say(f"failed: {failure}")
            reset = seen.reset + beside.reset
            return {
                "updates": updates,
                "requests": seen.requests + beside.requests,
                "failed": len(seen.failed) + len(beside.failed),
                "reset": reset,
                "reset_per_update": round(reset / updates, 3),
                "p99_ms": round(statistics.quantiles(seen.seconds, n=100)[98] * 1000, 1),
                "p50_ms": round(statistics.median(seen.seconds) * 1000, 1),
                "update_p50_ms": round(statistics.median(took) * 1000),
                "streams": seen.streams,
                "neighbour_streams": beside.streams,
                "neighbour_ended": len(beside.ended),
                "streams_cut": len(seen.cut(replaced, DRAIN - _EARLY)) + len(beside.short(DRAIN - _EARLY)),
            }


def word(number: int) -> str:
    """What an update says."""
    return f"word-{number}"


async def update(server: Server, draft: str, number: int) -> float:
    """Drop the next version; seconds until it serves."""
    begun = time.perf_counter()
    package = json_text.dumps({"name": draft, "scripts": {"start": "node server.js"}})
    source = SERVER.replace("WORD", json_text.dumps(word(number)))
    server.drop(draft, {"package.json": package, "server.js": source})

    async def serves() -> bool:
        return (await server.draft(draft)).get("serving") == f"r{number}"

    await eventually(serves, within=60, every=0.02)
    return time.perf_counter() - begun

"""Update after update of a draft under constant requests, streams and web sockets: what is lost, and how long it takes.

The draft is a plain node server, so that an update is quick. Visitors are strict: see `visitors.py`. A
stream may end with the server that began it, but not before the drain is over: else it counts as cut.
After the updates it is rolled back and forth, and timed from the request to the first answer of the release.
"""

import argparse
import asyncio
import json as json_text
import statistics
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from bench import finish, say
from bench.visitors import SERVER, Seen, visitors
from drafterd.domain.model import Address
from tests.builders import eventually
from tests.server import Server

OPTIONS = "[--updates N] [--proxy traefik|nginx]"
UPDATES = 100
ROLLBACKS = 10
DRAFT = "switched"
DRAIN = 30.0
_TOLD_EVERY = 10
_EARLY = 2.0
"""A stream that ends so shortly before the drain is over was ended by it: we see a switch a little late."""


def main(json: bool, arguments: list[str]) -> int:
    """Measure; print a table, and the object where it is wanted."""
    words = argparse.ArgumentParser(prog="switch")
    words.add_argument("--updates", type=int, default=UPDATES)
    words.add_argument("--proxy", choices=["traefik", "nginx"], default="traefik")
    given = words.parse_args(arguments)
    result = asyncio.run(measure(given.updates, given.proxy))
    for name, value in result.items():
        say(f"{name:>20} {value:>10}")
    return finish(result, runs=1, as_json=json)


async def measure(updates: int, kind: str) -> dict[str, float]:
    """All updates, then the rollbacks."""
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        ours = Server(Path(name) / "server", drain=f"{DRAIN:g}s")
        ours.config["proxy"]["kind"] = kind
        async with ours as server:
            await update(server, 1)
            proxy = Address("127.0.0.1", int(server.proxy.rpartition(":")[2]))
            async with visitors(proxy, f"/api/draft/{DRAFT}/") as seen:
                took, replaced = [], {}
                for number in range(2, updates + 2):
                    took.append(await update(server, number))
                    replaced[word(number - 1)] = time.monotonic()
                    if number % _TOLD_EVERY == 0:
                        say(
                            f"{number} updates, {seen.requests} requests, {len(seen.failed)} failed, {seen.reset} reset"
                        )
                cut = [why for why, at in seen.ended if at - replaced.get(why, at) < DRAIN - _EARLY]
                back = [await roll_back(server, seen, updates + 1 - turn) for turn in (1, 0) * (ROLLBACKS // 2)]
                cold = await roll_back_cold(server, seen, updates - 1)
            for failure in dict.fromkeys(seen.failed):
                say(f"failed: {failure}")
            return {
                "updates": updates,
                "requests": seen.requests,
                "failed": len(seen.failed),
                "reset": seen.reset,
                "p99_ms": round(statistics.quantiles(seen.seconds, n=100)[98] * 1000, 1),
                "p50_ms": round(statistics.median(seen.seconds) * 1000, 1),
                "streams": seen.streams,
                "streams_cut": len(cut),
                "update_p50_ms": round(statistics.median(took) * 1000),
                "rollback_p50_ms": round(statistics.median(back) * 1000),
                "rollback_max_ms": round(max(back) * 1000),
                "rollback_cold_ms": round(cold * 1000),
            }


def word(number: int) -> str:
    """What an update says."""
    return f"word-{number}"


async def update(server: Server, number: int) -> float:
    """Drop the next version; seconds until it serves."""
    begun = time.perf_counter()
    package = json_text.dumps({"name": DRAFT, "scripts": {"start": "node server.js"}})
    source = SERVER.replace("WORD", json_text.dumps(word(number)))
    server.drop(DRAFT, {"package.json": package, "server.js": source})
    await eventually(lambda: serves(server, number), within=60, every=0.02)
    return time.perf_counter() - begun


async def serves(server: Server, number: int) -> bool:
    """Whether the release of an update serves."""
    return (await server.draft(DRAFT)).get("serving") == f"r{number}"


async def roll_back_cold(server: Server, seen: Seen, number: int) -> float:
    """Go to a release that does not run any more."""
    spec = server.state / "instances" / f"{DRAFT}.r{number}.json"
    await eventually(lambda: not spec.exists(), within=3 * DRAIN, every=0.5)
    return await roll_back(server, seen, number)


async def roll_back(server: Server, seen: Seen, number: int) -> float:
    """Go to another release; seconds until the first visitor gets it."""
    before, begun = seen.words.get(word(number), 0), time.perf_counter()
    status, _ = await server.call("POST", f"/api/v1/drafts/{DRAFT}/rollback", json={"release": f"r{number}"})
    if status != HTTPStatus.ACCEPTED:
        raise RuntimeError(f"the rollback was answered with {status}")
    await eventually(lambda: seen.words.get(word(number), 0) > before, within=60, every=0.002)
    seconds = time.perf_counter() - begun
    await eventually(lambda: serves(server, number), within=60, every=0.02)
    return seconds

"""Ten drafts with the same dependencies dropped at once: how long until all are live, and what others feel of it.

Beside each burst, in turn, a bare shell doing the three commands, which would do them ten times one after the
other. Both have an npm cache that one run has warmed; no burst finds the dependencies of an earlier one. All the
time a running draft and the daemon's API are asked at a fixed rate, whether or not the last answer has come: a
stall counts for every question that fell into it. A quiet while before is what it is compared with.
"""

import asyncio
import contextlib
import json as json_text
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from bench import Goal, finish, say
from bench.first_drop import DEADLINE, bare, drop, first_page, make_source, medians
from tests.builders import eventually
from tests.server import Server

DRAFTS = 10
BURSTS = 3
QUIET = 15.0
"""Seconds of the quiet while."""
EVERY = 0.1
"""Seconds between two questions to the running draft, and to the API."""
_SERVER = "require('http').createServer((q, r) => r.end('neighbour')).listen(process.env.PORT, process.env.HOSTNAME)"


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    found = asyncio.run(measure())
    makespan, alone = statistics.median(found.makespan), statistics.median(found.bare)
    first = statistics.median(found.first)
    over = round(makespan / (alone * DRAFTS), 3)
    times = round(_p95(found.busy.draft) / _p95(found.quiet.draft), 2)
    api = round(_p95(found.busy.api), 4)
    result = {
        "makespan_over_serial_bare": over,
        "running_p95_over_quiet": times,
        "api_p95_seconds": api,
        "makespan_seconds": round(makespan, 2),
        "bare_seconds": round(alone, 2),
        "first_live_seconds": round(first, 2),
        "each_further_seconds": round((makespan - first) / (DRAFTS - 1), 2),
        "running_p95_seconds": round(_p95(found.busy.draft), 4),
        "build_steps": medians(found.steps),
    }
    for name, value in result.items():
        say(f"{name:>26} {value}")
    goals = [
        Goal("makespan_over_serial_bare", over, 0.5),
        Goal("running_p95_over_quiet", times, 3.0),
        Goal("api_p95_seconds", api, 0.05),
    ]
    return finish(result, runs=BURSTS, as_json=json, goals=goals)


class Times:
    """Seconds until each answer."""

    def __init__(self) -> None:
        self.draft: list[float] = []
        self.api: list[float] = []


@dataclass
class Found:
    """Seconds, one value per burst or bare run; the answers of all bursts together.

    Attributes:
        steps: Of every build in a burst but the first, which installs.
    """

    makespan: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    steps: list[Mapping[str, float]] = field(default_factory=list)
    quiet: Times = field(default_factory=Times)
    busy: Times = field(default_factory=Times)


async def measure() -> Found:
    """The quiet while, then bursts and the bare shell in turn."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        source = make_source(root / "source")
        async with Server(root / "server") as server, aiohttp.ClientSession() as session:
            await bare(root / "bare", session, source)
            await drop(server, session, source)
            await _neighbour(server)
            async with _asking(server, found.quiet):
                await asyncio.sleep(QUIET)
            for _ in range(BURSTS):
                await _burst(server, session, source, found)
                found.bare.append((await bare(root / "bare", session, source))[0])
                say(f"ten drafts {found.makespan[-1]:.1f} s, one bare {found.bare[-1]:.1f} s")
    return found


async def _burst(server: Server, session: aiohttp.ClientSession, source: Path, found: Found) -> None:
    """Ten drafts from their drop until the last is live; then they go away."""
    shutil.rmtree(server.state / "dependencies", ignore_errors=True)
    async with _asking(server, found.busy):
        begun = time.perf_counter()
        drafts = drop_all(server, source)
        ends = await asyncio.gather(*(live(session, server, draft) for draft in drafts))
    found.makespan.append(max(ends) - begun)
    found.first.append(min(ends) - begun)
    steps = [await _steps(server, draft) for draft in drafts]
    found.steps += sorted(steps, key=lambda each: each["install"])[:-1]
    await _remove(server, drafts)


async def _remove(server: Server, drafts: Sequence[str]) -> None:
    """Take drafts away, and wait until nothing is left of what was made of them."""
    for draft in drafts:
        await server.call("DELETE", f"/api/v1/drafts/{draft}?purge=source")
    for draft in drafts:
        await eventually(partial(_gone, server.state / "drafts" / draft / "releases"), within=60, every=0.25)


def _gone(path: Path) -> bool:
    return not path.exists()


async def _steps(server: Server, draft: str) -> Mapping[str, float]:
    _, builds = await server.call("GET", f"/api/v1/drafts/{draft}/builds")
    steps: Mapping[str, float] = builds["items"][0]["steps"]
    return steps


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


async def _neighbour(server: Server) -> None:
    """A draft that runs already."""
    waiting = server.root / "neighbour"
    waiting.mkdir()
    (waiting / "package.json").write_text(json_text.dumps({"name": "n", "scripts": {"start": "node server.js"}}))
    (waiting / "server.js").write_text(_SERVER)
    waiting.rename(server.drafts / "neighbour")
    await server.until("neighbour", "ready", within=60)


@contextlib.asynccontextmanager
async def _asking(server: Server, times: Times) -> AsyncIterator[None]:
    """Ask the neighbour and the API until the block ends."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        token = (server.state / "token").read_text().strip()
        ways: tuple[tuple[str, dict[str, str], list[float]], ...] = (
            (f"{server.proxy}/api/draft/neighbour", {}, times.draft),
            (f"{server.api}/api/v1/drafts", {"Authorization": f"Bearer {token}"}, times.api),
        )
        tasks = [group.create_task(_ask(session, url, headers, into)) for url, headers, into in ways]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _ask(session: aiohttp.ClientSession, url: str, headers: dict[str, str], into: list[float]) -> None:
    """One question at each tick, each timed from its tick."""

    async def one(due: float) -> None:
        async with session.get(url, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{url} answered {answer.status}")
        into.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        due = time.perf_counter()
        while True:
            group.create_task(one(due))
            due += EVERY
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


def drop_all(server: Server, source: Path) -> list[str]:
    """Ten copies, all in place within a moment."""
    drafts = [f"burst-{number}-{time.monotonic_ns()}" for number in range(DRAFTS)]
    for draft in drafts:
        shutil.copytree(source, server.root / draft)
        (server.root / draft / ".draft-ready").touch()
    for draft in drafts:
        (server.root / draft).rename(server.drafts / draft)
    return drafts


async def live(session: aiohttp.ClientSession, server: Server, draft: str) -> float:
    await eventually(lambda: _is_ready(server, draft), within=DEADLINE, every=0.25)
    return await first_page(session, f"{server.proxy}/api/draft/{draft}", lambda: None)


async def _is_ready(server: Server, draft: str) -> bool:
    """Answers when it is, or after a while: asking all the time would be a load of its own."""
    status, found = await server.call("GET", f"/api/v1/drafts/{draft}", params={"wait": "ready", "timeout": "20"})
    if status == 200 and found["state"] == "failed":
        raise RuntimeError(f"{draft} failed: {found['problem']}")
    return bool(status == 200 and found["state"] == "ready")

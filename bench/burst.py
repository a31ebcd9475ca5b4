"""Ten drafts with the same dependencies dropped at once: how long until all are live, and what others feel of it.

Beside it: one bare shell doing the three commands, which would do them ten times one after the other. A static and
a running draft are asked all the time; their answers and those of the daemon's API are compared with a quiet while.
"""

import asyncio
import contextlib
import json as json_text
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from bench import finish, say
from bench.first_drop import DEADLINE, bare, first_page, make_source
from tests.builders import eventually
from tests.server import Server

DRAFTS = 10
BARE_RUNS = 3
QUIET = 15.0
"""Seconds of the quiet while."""
EVERY = 0.1
"""Seconds between two questions to the running draft, and to the API."""
GOALS = {"over_bare": 0.5, "requests_over_quiet": 3.0, "api_p95_ms": 50.0, "disk_mb": 1200}
_SERVER = "require('http').createServer((q, r) => r.end('neighbour')).listen(process.env.PORT, process.env.HOSTNAME)"


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    result = asyncio.run(measure())
    for name, value in result.items():
        say(f"{name:>20} {value:>10}" + (f"   (goal {GOALS[name]})" if name in GOALS else ""))
    return finish({**result, "goals": GOALS}, runs=1, as_json=json)


async def measure() -> dict[str, float]:
    """The quiet while, the burst, the bare shell."""
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        source = make_source(root / "source")
        async with Server(root / "server") as server, aiohttp.ClientSession() as session:
            await bare(root / "bare", session, source)  # warms its cache
            await _neighbour(server)
            async with _asking(server) as quiet:
                await asyncio.sleep(QUIET)
            async with _asking(server) as busy:
                begun = time.perf_counter()
                drafts = _drop_all(server, source)
                ends = await asyncio.gather(*(_live(session, server, draft) for draft in drafts))
            makespan = max(ends) - begun
            disk = _disk(server.state)
            alone = [(await bare(root / "bare", session, source))[0] for _ in range(BARE_RUNS)]
    bare_seconds = statistics.median(alone) * DRAFTS
    return {
        "makespan_seconds": round(makespan, 2),
        "first_live_seconds": round(min(ends) - begun, 2),
        "bare_seconds": round(bare_seconds, 2),
        "over_bare": round(makespan / bare_seconds, 3),
        "quiet_p95_ms": round(_p95(quiet.draft), 2),
        "burst_p95_ms": round(_p95(busy.draft), 2),
        "requests_over_quiet": round(_p95(busy.draft) / _p95(quiet.draft), 2),
        "api_p95_ms": round(_p95(busy.api), 2),
        "disk_mb": round(disk / 1e6),
    }


class _Times:
    """Milliseconds of each answer."""

    def __init__(self) -> None:
        self.draft: list[float] = []
        self.api: list[float] = []


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
async def _asking(server: Server) -> AsyncIterator[_Times]:
    """Ask the neighbour and the API until the block ends."""
    times = _Times()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        token = (server.state / "token").read_text().strip()
        ways: tuple[tuple[str, dict[str, str], list[float]], ...] = (
            (f"{server.proxy}/api/draft/neighbour", {}, times.draft),
            (f"{server.api}/api/v1/drafts", {"Authorization": f"Bearer {token}"}, times.api),
        )
        tasks = [group.create_task(_ask(session, url, headers, into)) for url, headers, into in ways]
        try:
            yield times
        finally:
            for task in tasks:
                task.cancel()


async def _ask(session: aiohttp.ClientSession, url: str, headers: dict[str, str], into: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        async with session.get(url, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{url} answered {answer.status}")
        into.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(EVERY)


def _drop_all(server: Server, source: Path) -> list[str]:
    """Ten copies, all in place within a moment."""
    drafts = [f"burst-{number}" for number in range(DRAFTS)]
    for draft in drafts:
        shutil.copytree(source, server.root / draft)
        (server.root / draft / ".draft-ready").touch()
    for draft in drafts:
        (server.root / draft).rename(server.drafts / draft)
    return drafts


async def _live(session: aiohttp.ClientSession, server: Server, draft: str) -> float:
    await eventually(lambda: _is_ready(server, draft), within=DEADLINE, every=0.25)
    return await first_page(session, f"{server.proxy}/api/draft/{draft}", lambda: None)


async def _is_ready(server: Server, draft: str) -> bool:
    """Answers when it is, or after a while: asking all the time would be a load of its own."""
    status, found = await server.call("GET", f"/api/v1/drafts/{draft}", params={"wait": "ready", "timeout": "30"})
    if status == 200 and found["state"] == "failed":
        raise RuntimeError(f"{draft} failed: {found['problem']}")
    return bool(status == 200 and found["state"] == "ready")


def _disk(state: Path) -> int:
    """What the state takes, npm's own cache aside; a file with several names counts once."""
    seen: dict[int, int] = {}
    for path in state.rglob("*"):
        if path.is_relative_to(state / "cache"):
            continue
        with contextlib.suppress(OSError):
            known = path.lstat()
            seen[known.st_ino] = known.st_blocks * 512
    return sum(seen.values())

"""How long from the drop of a folder to its first page, beside `npm install && npm run build && npm start`.

Both take the same source (the sample draft with the start script that people write), the same Node and
turns in one run; every run has a folder of its own without `node_modules` and `.next`. Each way has its
own npm cache, warmed by one run that does not count, so that the registry's mood is not measured; npm's
audit is off for both for the same reason. drafterd's time runs from the folder's rename into place, with
`.draft-ready` in it (the settle time is set aside), to the first 200 through the proxy.
"""

import asyncio
import contextlib
import json as json_text
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench import Goal, finish, say
from drafterd import resources
from drafterd.build.environment import of_daemon
from drafterd.toolchain import Toolchain
from tests.builders import eventually, free_port
from tests.server import Server

RUNS = 5
EVERY = 0.1
"""Seconds between two questions for the page, for both: often enough, and no load."""
DEADLINE = 600.0
GOAL = 1.10
START = "next start"
MARK = "/_next/static/"
"""Stands in the sample's page, and in none of drafterd's own."""


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    found = asyncio.run(measure())
    steps = {way: medians(runs) for way, runs in found.steps.items()}
    ours, bare = (statistics.median(found.seconds[way]) for way in ("drafterd", "bare"))
    for way, seconds in (("drafterd", ours), ("bare", bare)):
        each = ", ".join(f"{name} {value:.2f}" for name, value in steps[way].items())
        say(f"{way:>8} {seconds:7.2f} s   ({each})")
    say(f"   ratio {ours / bare:7.2f}")
    over = round(ours / bare, 3)
    result = {
        "drafterd_seconds": round(ours, 3),
        "bare_seconds": round(bare, 3),
        "over_bare": over,
        "steps": steps,
    }
    goals = [Goal("over_bare", over, GOAL)]
    return finish(result, runs=RUNS, as_json=json, goals=goals)


@dataclass
class Found:
    """Seconds, one value per run, and where they went."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"drafterd": [], "bare": []})
    steps: dict[str, list[Mapping[str, float]]] = field(default_factory=lambda: {"drafterd": [], "bare": []})

    def add(self, way: str, seconds: float, steps: Mapping[str, float]) -> None:
        """Note one run; what no step accounts for (fix, queue, start, route) is `rest`."""
        self.seconds[way].append(seconds)
        self.steps[way].append({**steps, "rest": seconds - sum(steps.values())})


def medians(runs: list[Mapping[str, float]]) -> dict[str, float]:
    """Of each step."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


async def measure() -> Found:
    """Both ways in turn; who begins changes from run to run."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        source = make_source(root / "source")
        async with Server(root / "server") as server, aiohttp.ClientSession() as session:
            ways: dict[str, Callable[[], Awaitable[tuple[float, Mapping[str, float]]]]] = {
                "drafterd": lambda: first(server, session, source),
                "bare": lambda: bare(root / "bare", session, source),
            }
            for run in range(RUNS + 1):
                for way in sorted(ways, reverse=run % 2 == 1):
                    seconds, steps = await ways[way]()
                    say(f"{way:>8} {seconds:7.2f} s" + ("" if run else "   (warms the cache, does not count)"))
                    if run:
                        found.add(way, seconds, steps)
    return found


def make_source(folder: Path) -> Path:
    """The sample with a start script: drafterd could do without, npm could not."""
    sample = resources.folder("etc") / "sample"
    shutil.copytree(sample, folder, ignore=shutil.ignore_patterns("node_modules", ".next", ".env*"))
    package = json_text.loads((folder / "package.json").read_text())
    package["scripts"]["start"] = START
    (folder / "package.json").write_text(json_text.dumps(package, indent=2))
    return folder


async def first(server: Server, session: aiohttp.ClientSession, source: Path) -> tuple[float, Mapping[str, float]]:
    """A draft whose dependencies no earlier one had."""
    shutil.rmtree(server.state / "dependencies", ignore_errors=True)
    return await drop(server, session, source)


async def drop(server: Server, session: aiohttp.ClientSession, source: Path) -> tuple[float, Mapping[str, float]]:
    """One draft of a new name, and its end: nothing of it is left when the next run begins."""
    draft = f"draft-{time.monotonic_ns()}"
    waiting = server.root / draft
    shutil.copytree(source, waiting)
    (waiting / ".draft-ready").touch()
    begun = time.perf_counter()
    waiting.rename(server.drafts / draft)
    seconds = await first_page(session, f"{server.proxy}/api/draft/{draft}", lambda: None) - begun
    _, builds = await server.call("GET", f"/api/v1/drafts/{draft}/builds")
    steps = next(iter(builds["items"]))["steps"]
    await server.call("DELETE", f"/api/v1/drafts/{draft}")
    await eventually(lambda: not (server.state / "drafts" / draft / "releases").exists(), within=60, every=EVERY)
    (server.drafts / draft).rename(waiting)  # in one go: a folder that vanishes by and by is a changing source
    shutil.rmtree(waiting)
    return seconds, steps


async def bare(root: Path, session: aiohttp.ClientSession, source: Path) -> tuple[float, Mapping[str, float]]:
    """The three commands in a new folder, with an npm cache that stays."""
    folder = root / "draft"
    toolchain = Toolchain.find(root / "toolchain")
    port = free_port()
    environment = {
        **of_daemon(),
        "PATH": toolchain.path,
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "CI": "1",
        "PORT": str(port),
        "NEXT_TELEMETRY_DISABLED": "1",
        "npm_config_cache": str(root / "cache"),
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_replace_registry_host": "always",
    }
    shutil.copytree(source, folder)
    steps: dict[str, float] = {}
    begun = time.perf_counter()
    for step, words in (("install", ("install",)), ("build", ("run", "build"))):
        before = time.perf_counter()
        async with command(toolchain.npm, words, folder, environment) as process:
            code = await asyncio.wait_for(process.wait(), DEADLINE)
        if code != 0:
            raise RuntimeError(f"npm {' '.join(words)} ended with {code}:\n{(root / 'output.log').read_text()}")
        steps[step] = time.perf_counter() - before
    async with command(toolchain.npm, ("start",), folder, environment) as process:

        def ended() -> str | None:
            return None if process.returncode is None else f"npm start ended:\n{(root / 'output.log').read_text()}"

        seconds = await first_page(session, f"http://127.0.0.1:{port}/", ended) - begun
    shutil.rmtree(folder)
    return seconds, steps


@contextlib.asynccontextmanager
async def command(
    npm: Path, words: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One npm command in a process group of its own, of which nothing is left afterwards."""
    with (folder.parent / "output.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            npm, *words, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)


async def first_page(session: aiohttp.ClientSession, url: str, ended: Callable[[], str | None]) -> float:
    """Ask until the draft's own page comes; returns when it did."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=30)) as answer:
                if answer.status == 200 and MARK in await answer.text():
                    return time.perf_counter()
        if why := ended():
            raise RuntimeError(why)
        await asyncio.sleep(EVERY)
    raise TimeoutError(f"{url} did not answer within {DEADLINE:.0f} s")

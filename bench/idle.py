"""What the daemon costs while 200 drafts run and nobody does anything: memory, CPU, a reconcile pass.

The drafts are plain node servers, so that 200 of them fit into a machine, with as many files as a small
project has, because the walk of the folders is most of what an idle daemon does. All are built and served
by a real `drafterd up`; when they have been quiet so long that the watcher calls them quiet, the daemon's
process is watched for a while in which nothing asks it anything. Then it is killed and its house is put
together in this process, around the same drafts as they go on running, so that passes can be asked for
and timed: from all drafts being due to the last look, everything real.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import Goal, finish, say
from drafterd import logs
from drafterd.config import Config
from drafterd.daemon.house import House
from drafterd.daemon.lifetime import single_instance
from drafterd.reconcile.loop import RESYNC
from drafterd.watch.watcher import LIVELY_FOR
from tests.builders import eventually
from tests.server import Server, node_server

DRAFTS = 200
BATCH = 25
FILES = 30
WATCHED = 4.0 * RESYNC
"""Seconds; a multiple of the resync, so that whole ones are in it."""
PASSES = 15
PAUSE = 1.2
"""Seconds between passes: what supervisord said last is too old by then, as it is at a resync."""
DEADLINE = 300.0


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    logs.configure(terminal=False, level=logging.ERROR)
    used, passes = asyncio.run(measure())
    look = statistics.median(passes) * 1000
    say(f"{DRAFTS} drafts: {used}, a pass takes {look:.1f} ms (longest {max(passes) * 1000:.1f})")
    result = {
        "drafts": DRAFTS,
        "rss_bytes": used.rss,
        "cpu_percent": round(used.cpu, 3),
        "reconcile_pass_ms": round(look, 2),
    }
    goals = [
        Goal("rss_bytes", used.rss, 120_000_000),
        Goal("cpu_percent", round(used.cpu, 3), 2.0),
        Goal("reconcile_pass_ms", round(look, 2), 150.0),
    ]
    return finish(result, runs=PASSES, as_json=json, goals=goals)


@dataclass(frozen=True)
class Used:
    """Resident bytes, percent of a core."""

    rss: int
    cpu: float

    def __str__(self) -> str:
        return f"{self.rss / 1e6:.1f} MB, {self.cpu:.2f} % of a core"


async def measure() -> tuple[Used, list[float]]:
    """Bring all drafts up, wait for quiet, watch; then time passes."""
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        server = Server(Path(name) / "server")
        first = server.config["ports"]["first"]
        server.config["ports"] = {"first": first, "last": first + DRAFTS + BATCH}
        async with server:
            await drop_all(server)
            say(f"just dropped: {await watch(server, RESYNC)}")
            await asyncio.sleep(LIVELY_FOR)
            used = await watch(server, WATCHED)
            await server.kill()
            passes = await timed_passes(Config.load(server.root / "drafterd.yaml"))
            await server.start()  # it is the one that can end all those drafts in good order
            return used, passes


async def drop_all(server: Server) -> None:
    """Bring the drafts up, some at a time."""
    begun = time.monotonic()
    for number in range(0, DRAFTS, BATCH):
        count = min(number + BATCH, DRAFTS)
        for draft in range(number, count):
            server.drop(f"draft-{draft:03}", files())

        async def all_ready(count: int = count) -> bool:
            _, status = await server.call("GET", "/api/v1/status")
            return bool(status["states"].get("ready", 0) == count)

        await eventually(all_ready, within=DEADLINE, every=0.5)
    say(f"{DRAFTS} drafts are up after {time.monotonic() - begun:.0f} s")


def files() -> dict[str, str]:
    """A server without dependencies among as many files as a small project has."""
    others = {f"lib/part{number % 5}/file{number}.js": "export const one = 1;\n" for number in range(FILES)}
    return {**node_server(), **others}


async def watch(server: Server, seconds: float) -> Used:
    """Leave the daemon alone and see what it uses."""
    assert server.process is not None
    daemon = psutil.Process(server.process.pid)
    begun, before = time.monotonic(), daemon.cpu_times()
    await asyncio.sleep(seconds)
    after, elapsed = daemon.cpu_times(), time.monotonic() - begun
    busy = after.user + after.system - before.user - before.system
    return Used(rss=daemon.memory_info().rss, cpu=100 * busy / elapsed)


async def timed_passes(config: Config) -> list[float]:
    """Seconds of each pass over the drafts that a killed daemon left running."""
    with single_instance(config.layout()):
        house = House(config)
        try:
            await house.publisher.adopt()
            async with asyncio.TaskGroup() as tasks:
                works = (house.runtime.run(), house.publisher.run(), house.loop.run())
                running = [tasks.create_task(work) for work in works]
                await eventually(lambda: all_idle(house), within=DEADLINE, every=0.5)
                passes = [await one_pass(house) for _ in range(PASSES)]
                for task in running:
                    task.cancel()
            return passes
        finally:
            await house.proxy.close()
            house.close()


def all_idle(house: House) -> bool:
    """Whether every draft is served and nothing is to be done."""
    reports = house.control.drafts()
    return len(reports) == DRAFTS and len(house.queue) == 0 and all(report.state == "ready" for report in reports)


async def one_pass(house: House) -> float:
    """From all drafts being due to the last look at one."""
    await asyncio.sleep(PAUSE)
    known, turns, begun = house.watcher.known(), house.loop.turns, time.perf_counter()
    for draft in known:
        house.queue.add(draft)
    await eventually(lambda: house.loop.turns >= turns + DRAFTS, every=0.0005)
    return time.perf_counter() - begun

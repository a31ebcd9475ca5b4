"""`kill -9` of the daemon at every step of a build and of a switch, then a restart.

It converges, nothing runs twice, no orphan is left, and a serving draft answers all along.
"""

import asyncio
import contextlib
import json

import aiohttp
import psutil
import pytest

from tests.builders import eventually
from tests.server import Server, node_server

pytestmark = pytest.mark.timeout(180)

STEPS = ("step:snapshot", "step:install", "step:build", "step:pack")
FIRST = ("fix-", "fix", "enqueue-", "enqueue", *STEPS, "start-", "start", "promote-", "promote", "route-", "route")
SWITCH = (*FIRST, "stop-", "stop")


def draft(text):
    """A node server with a dependency of its own and a build, so that every step has something to do."""
    files = node_server(text)
    package = json.loads(files["package.json"])
    package["scripts"]["build"] = "node -e \"require('fs').writeFileSync('built', 'x')\""
    package["dependencies"] = {"part": "file:./part"}
    part = json.dumps({"name": "part", "version": "1.0.0"})
    return {**files, "package.json": json.dumps(package), "part/package.json": part}


def instances(server):
    """The running servers of drafts, by instance; the proxy runs as `_traefik` beside them."""
    found = []
    for process in server.processes():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() != "bwrap":  # the walls bear the mark too
                found.append(process.environ().get("DRAFTERD_INSTANCE", "_"))
    return sorted(name for name in found if not name.startswith("_"))


async def converged(server, text, release):
    async def done():
        report = await server.draft("a")
        return report.get("serving") == release and report["state"] == "ready" and report["work"] == "none"

    await eventually(done, within=60, every=0.1)
    assert (await server.visit("/api/draft/a/"))[:2] == (200, f"{text} /")
    await eventually(lambda: instances(server) == [f"a.{release}"], within=20)
    _, queue = await server.call("GET", "/api/v1/queue")
    assert queue["items"] == []


@pytest.mark.parametrize("moment", FIRST)
async def test_killed_during_a_first_build(tmp_path, moment):
    async with Server(tmp_path) as server:
        server.drop("a", draft("one"))
        await server.start_deadly(moment)
        await server.ended()

        await server.start()

        release = (await server.until("a", "ready", within=60))["serving"]
        assert release in ("r1", "r2")  # r2 where the first build was interrupted
        await converged(server, "one", release)


@pytest.mark.parametrize("moment", SWITCH)
async def test_killed_during_a_switch(tmp_path, moment):
    async with Server(tmp_path) as server:
        server.drop("a", draft("one"))
        await server.until("a", "ready", within=60)
        async with watched(server) as failures:
            await server.kill()
            server.drop("a", {"server.js": node_server("two")["server.js"]})
            await server.start_deadly(moment)
            await server.ended()
            await server.start()
            await eventually(lambda: says(server, "two /"), within=60, every=0.1)
        assert failures == []

        async def serving():
            report = await server.draft("a")
            return report["serving"] if report.get("serving") in ("r2", "r3") else None

        await converged(server, "two", await eventually(serving, within=60))


async def says(server, text):
    return (await server.visit("/api/draft/a/"))[1] == text


@contextlib.asynccontextmanager
async def watched(server):
    """Ask the draft again and again meanwhile; yields what went wrong."""
    failures, asked = [], []

    async def ask(session):
        while True:
            try:
                async with session.get(f"{server.proxy}/api/draft/a/") as answer:
                    text = await answer.text()
                    asked.append(text)
                    if answer.status != 200 or text not in ("one /", "two /"):
                        failures.append(f"{answer.status} {text[:200]}")
            except aiohttp.ClientError as error:
                failures.append(repr(error))
            await asyncio.sleep(0.02)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ask(session))
        yield failures
        task.cancel()
    assert len(asked) > 20


async def test_the_ledger_is_lost_while_a_draft_serves(tmp_path):
    async with Server(tmp_path) as server:
        server.drop("a", draft("one"))
        before = await server.until("a", "ready", within=60)
        async with watched(server) as failures:
            await server.kill()
            for file in server.state.glob("drafterd.db*"):
                file.unlink()
            await server.start()
            after = await server.until("a", "ready")
        assert failures == []
        assert (after["serving"], after["port"]) == (before["serving"], before["port"])
        assert after["instance"]["pid"] == before["instance"]["pid"]
        assert after["releases"] == before["releases"]


async def test_everything_is_killed_at_once_as_by_a_power_cut(tmp_path):
    async with Server(tmp_path) as server:
        server.drop("a", draft("one"))
        await server.until("a", "ready", within=60)
        await server.kill()
        for process in server.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # walls end with whoever made them
                process.kill()
        await eventually(lambda: server.processes() == [], within=10)
        await server.start()
        await converged(server, "one", "r1")

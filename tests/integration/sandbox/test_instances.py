"""Instances inside the walls, under a real supervisord: they serve, hear TERM, and leave nothing."""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from drafterd.daemon.settings import places
from drafterd.domain.model import InstanceSpec, InstanceStatus, Limits
from drafterd.run.usage import usage
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.probe import strongest
from drafterd.sandbox.walls import Level
from drafterd.toolchain import Toolchain
from tests.builders import eventually
from tests.integration.run.conftest import World, a_world, fetch
from tests.processes import alive

LEVELS = [Level.FULL, *([Level.NO_USERNS] if os.geteuid() == 0 else [])]

SERVER = """
const fs = require('fs');
const server = require('http').createServer((request, response) => {
  fs.writeFileSync('visited', 'x');
  response.end(process.cwd());
});
server.listen(process.env.PORT, process.env.HOSTNAME);
process.on('SIGTERM', () => {
  server.close();
  setTimeout(() => { fs.writeFileSync('drained', 'x'); process.exit(0); }, 200);
});
require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
"""


@pytest.fixture(params=LEVELS)
async def world(request) -> AsyncIterator[World]:
    machine = strongest().machine
    if machine is None:
        pytest.skip(strongest().reason)
    async with a_world() as world:
        toolchain = Toolchain.find(world.layout.toolchain)
        walls = BubblewrapSandbox(places(world.layout, toolchain), replace(machine, level=request.param))
        world.wrap = walls.wrap
        await world.begin()
        yield world


def _spec(world: World, code: str = SERVER, limits: Limits | None = None) -> InstanceSpec:
    node = world.layout.toolchain / "node"
    spec = world.spec(argv=(str(node), "server.js"), limits=limits)
    app = world.layout.release(spec.draft, spec.release) / "app"
    app.mkdir(parents=True)
    (app / "server.js").write_text(code)
    return replace(spec, cwd=str(app), environment={**spec.environment, "PATH": f"{node.parent}:/usr/bin:/bin"})


async def test_it_serves_drains_and_leaves_nothing(world):
    spec = _spec(world)
    app = Path(spec.cwd)
    await world.runtime.start(spec)
    ready = await world.until(spec.id, InstanceStatus.READY)
    assert await fetch(spec.address) == spec.cwd
    assert (app / "visited").exists()
    assert ready.pid is not None
    assert usage()[ready.pid] > 20_000_000
    await world.runtime.stop(spec.id)
    assert (app / "drained").exists()
    assert world.marked() == frozenset()


async def test_a_server_that_ignores_term_is_killed_with_all_it_started(world):
    spec = _spec(world, SERVER.replace("server.close();", "return;"))
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    await world.runtime.stop(spec.id)
    assert not (Path(spec.cwd) / "drained").exists()
    assert world.marked() == frozenset()


async def test_supervisord_killed_takes_its_instances_along(world):
    spec = _spec(world)
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    assert world.supervisord.pid is not None
    inside = [psutil.Process(pid) for pid in world.marked()]
    assert len(inside) >= 3
    os.kill(world.supervisord.pid, signal.SIGKILL)
    await eventually(lambda: not alive(inside))


async def test_a_server_that_dies_is_told_as_without_walls(world):
    spec = _spec(world, "console.log('no luck'); process.exit(7)")
    await world.runtime.start(spec)
    failed = await world.until(spec.id, InstanceStatus.FAILED, within=40)
    assert failed.problem is not None
    assert failed.problem.code == "exited"
    assert "7" in failed.problem.summary
    assert failed.problem.tail[-1].endswith("no luck")


async def test_a_fork_bomb_is_ended_whole(world):
    bomb = (
        SERVER
        + """
    const { spawn } = require('child_process');
    setInterval(() => { for (let n = 0; n < 20; n++) spawn('sleep', ['600']).on('error', () => {}); }, 20);
    """
    )
    spec = _spec(world, bomb, Limits(processes=40))
    await world.runtime.start(spec)
    failed = await world.until(spec.id, InstanceStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "too-many-processes"
    assert world.marked() == frozenset()

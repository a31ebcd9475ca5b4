"""Control groups for real, where this machine has them for us: what looks at /proc would miss, the kernel does not."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Exceeded, Step, Wrapped
from drafterd.domain.model import InstanceStatus, Limits
from drafterd.layout import Layout
from drafterd.sandbox import SANDBOXES
from drafterd.sandbox.groups import groups_of, kills
from drafterd.sandbox.places import Places
from drafterd.sandbox.plain import PlainSandbox
from tests.builders import eventually
from tests.integration.run.conftest import SERVER, World, a_world, fetch
from tests.processes import alive, naming

CHECKOUT = Path(__file__).parents[3]
MEGABYTE = 1 << 20
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(groups_of(Path("/")) is None, reason="no control groups can be made here")


class Ground:
    """One installation whose builds have groups."""

    def __init__(self, root: Path, name: str) -> None:
        self.layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
        found = groups_of(self.layout.state)
        assert found is not None
        self.groups = found
        self.sandbox = SANDBOXES[name](Places(layout=self.layout), groups=found)
        self.source = self.layout.state / "drafts/a/builds/1/src"
        self.source.mkdir(parents=True, exist_ok=True)
        self.lines: list[bytes] = []

    def folders(self) -> list[Path]:
        """What is there of our groups."""
        return [path for base in self.groups._bases() if base.exists() for path in base.iterdir() if path.is_dir()]

    async def run(self, *argv: str, within: float = 30, **limits: int):
        step = Step(
            name="build",
            argv=argv,
            cwd=self.source,
            environment={"PATH": "/usr/bin:/bin"},
            timeout=within,
            grace=5,
            limits=Limits(**limits),
        )
        return await self.sandbox.run(step, on_line=self.lines.append, on_start=lambda _: None)


@pytest.fixture(params=sorted(SANDBOXES))
def ground(request, root):
    try:
        made = Ground(root, request.param)
    except ConfigError as error:
        pytest.skip(error.summary)
    made.sandbox.prepare()
    yield made
    assert made.folders() == []
    made.groups.close()
    assert not any(base.exists() for base in made.groups._bases())


async def test_what_takes_memory_in_no_time_is_told_all_the_same(ground):
    # Too fast for anybody who looks four times a second.
    outcome = await ground.run(PYTHON, "-c", "bytearray(300 << 20)", memory=100 * MEGABYTE)
    assert outcome.exceeded is Exceeded.MEMORY
    assert not outcome.ok


async def test_a_step_that_gets_over_the_death_of_a_child_is_ended(ground):
    eat = f"{PYTHON} -c 'bytearray(300 << 20)'; echo survived; sleep 60"
    outcome = await ground.run("/bin/sh", "-c", eat, memory=100 * MEGABYTE)
    assert outcome.exceeded is Exceeded.MEMORY
    assert outcome.seconds < 20


async def test_exit_codes_signals_and_term_are_as_without(ground):
    assert (await ground.run("/bin/sh", "-c", "exit 7", memory=100 * MEGABYTE)).code == 7
    assert (await ground.run("/bin/sh", "-c", "kill -9 $$", memory=100 * MEGABYTE)).signal == signal.SIGKILL
    script = "trap 'echo heard; exit 5' TERM; echo up; sleep 60 & wait"
    outcome = await ground.run("/bin/sh", "-c", script, within=1.5)
    assert (outcome.timed_out, outcome.code) == (True, 5)
    assert ground.lines == [b"up", b"heard"]


async def test_a_command_that_is_not_there_is_an_error(ground):
    with pytest.raises(FileNotFoundError):
        await ground.run("/usr/bin/not-there")


async def test_nothing_leaves_a_group_not_even_with_another_name(ground):
    outcome = await ground.run("/bin/sh", "-c", "env -i setsid sleep 76581 & sleep 0.3; exit 0")
    assert outcome.ok
    await eventually(lambda: not naming("76581"), within=5)


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.integration.sandbox.test_groups import Ground
asyncio.run(Ground(Path(sys.argv[1]), "plain").run("/bin/sh", "-c", "env -i setsid sleep 76582 & touch begun; sleep 60"))
"""


async def test_what_a_killed_daemon_left_is_swept_at_the_next_start(tmp_path):
    ground = Ground(tmp_path, "plain")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=CHECKOUT) as daemon:  # noqa: ASYNC220 - it is waited for in bounds
        try:
            await eventually((ground.source / "begun").exists, within=30)
            members = [
                psutil.Process(int(line))
                for path in ground.folders()
                for line in (path / "cgroup.procs").read_text().split()
            ]
            assert len(members) >= 2
        finally:
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait(10)
            ground.groups.sweep()
    assert ground.folders() == []
    assert not alive(members)
    ground.groups.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        found = groups_of(world.layout.state)
        assert found is not None
        world.wrap = PlainSandbox(groups=found).wrap
        await world.begin()
        yield world
    found.close()
    assert not any(base.exists() for base in found._bases())


async def test_a_server_that_the_kernel_kills_is_given_up_for_its_memory(world):
    eater = SERVER.replace(
        'if self.path == "/crash"', 'if self.path == "/eat": bytearray(300 << 20)\n        if self.path == "/crash"'
    )
    spec = world.spec(eater, limits=Limits(memory=100 * MEGABYTE))
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    wrapped: Wrapped = world.wrap(spec)
    assert len(wrapped.groups) == 2 or (Path(wrapped.groups[0]) / "pids.max").exists()
    assert (Path(wrapped.groups[0]) / "cgroup.procs").read_text().split()
    assert kills(wrapped.groups) == 0

    async def eaten() -> bool:
        with contextlib.suppress(OSError):
            await fetch(spec.address, "/eat")
        return kills(wrapped.groups) > 0

    await eventually(eaten, within=20, every=0.7)
    failed = await world.until(spec.id, InstanceStatus.FAILED, within=40)
    assert failed.problem is not None
    assert failed.problem.code == "out-of-memory"
    roomy = replace(spec, limits=Limits(memory=800 * MEGABYTE))
    await world.runtime.start(roomy)
    await world.until(spec.id, InstanceStatus.READY)
    await world.runtime.stop(spec.id)
    await eventually(lambda: not any(map(os.path.exists, wrapped.groups)), within=10)


async def test_what_a_server_hid_ends_with_it(world):
    hidden = "import subprocess; subprocess.run(['setsid', '--fork', 'env', '-i', 'sleep', '76583'])\n"
    spec = world.spec(hidden + SERVER)
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    assert naming("76583")
    await world.runtime.stop(spec.id)
    assert not naming("76583")

"""Our own supervisord: started, adopted, started anew, ended with all that it runs."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drafterd.domain.errors import ConfigError, RuntimeUnavailable
from drafterd.domain.model import InstanceStatus
from drafterd.domain.names import InstanceId
from drafterd.run import configuration, processes
from drafterd.run.drain import drain
from drafterd.run.managed import ManagedSupervisord
from drafterd.run.orphans import end_orphans, keep_ended
from drafterd.run.programs import Programs, ProgramState
from tests.builders import eventually
from tests.integration.run.conftest import SERVER, SUPERVISORD, World

FORK = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(1000)
"""
STUBBORN_SERVER = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN){SERVER}"
SLEEPER = (sys.executable, "-c", "import time; time.sleep(1000)")
STUBBORN = (sys.executable, "-c", FORK)


@contextlib.asynccontextmanager
async def watching(supervisord: ManagedSupervisord) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(supervisord.watch())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def another(world: World, programs: dict[str, tuple[str, ...]], *, plugin: bool = True) -> ManagedSupervisord:
    """What the next daemon on the same state makes."""
    return ManagedSupervisord(
        layout=world.layout, executable=SUPERVISORD, programs=programs, max_awake=20, plugin=plugin
    )


async def pid_of(world: World, name: str) -> int:
    programs = Programs(world.layout.supervisor_socket)

    async def running() -> int:
        program = await programs.one(name)
        return program.pid if program and program.state in (ProgramState.STARTING, ProgramState.RUNNING) else 0

    pid: int = await eventually(running)
    return pid


async def test_a_second_daemon_adopts_the_living_one(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    first = await world.until(spec.id, InstanceStatus.READY)
    second = another(world, {})
    await second.ensure()
    assert second.pid == world.supervisord.pid
    assert (await world.until(spec.id, InstanceStatus.READY)).pid == first.pid


async def test_always_on_programs_are_started_changed_and_removed_alone(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    draft = await world.until(spec.id, InstanceStatus.READY)
    await another(world, {"one": SLEEPER, "two": SLEEPER}).ensure()
    one, two = await pid_of(world, "one"), await pid_of(world, "two")
    await another(world, {"one": SLEEPER, "two": (*SLEEPER, "changed")}).ensure()
    assert await pid_of(world, "one") == one
    assert await pid_of(world, "two") != two
    await another(world, {"one": SLEEPER}).ensure()
    assert set(await Programs(world.layout.supervisor_socket).all()) == {"one", spec.id}
    assert (await world.until(spec.id, InstanceStatus.READY)).pid == draft.pid
    assert set(await world.runtime.observe()) == {spec.id}


async def test_a_dead_one_is_started_anew_with_its_programs_and_without_orphans(world: World):
    supervisord = another(world, {"one": STUBBORN})
    await supervisord.ensure()
    one = await pid_of(world, "one")
    await eventually(lambda: len(world.marked("_one")) == 2)
    first = supervisord.pid
    assert first is not None
    async with watching(supervisord):
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: supervisord.pid not in (None, first), within=15)
        assert await pid_of(world, "one") != one
    await eventually(lambda: len(world.marked("_one")) == 2)
    assert not processes.alive(one)


async def test_a_stop_leaves_nothing(world: World):
    supervisord = another(world, {"one": STUBBORN})
    await supervisord.ensure()
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    await eventually(lambda: len(world.marked("_one")) == 2)
    pid = supervisord.pid
    assert pid is not None
    await world.end()
    await supervisord.stop()
    assert not world.marked()
    assert not processes.alive(pid)
    await supervisord.stop()


async def test_a_start_after_a_stop_shows_the_instance_stopped(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    await world.supervisord.stop()

    async def unavailable() -> bool:
        try:
            await world.runtime.observe()
        except RuntimeUnavailable:
            return True
        return False

    await eventually(unavailable)
    await world.supervisord.ensure()
    seen = await world.until(spec.id, InstanceStatus.STOPPED)
    assert seen.address == spec.address
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)


async def test_a_stranger_on_the_socket_is_not_adopted(world: World):
    other = world.layout.run.parent / "other"
    stranger = dataclasses.replace(world.layout, run=other)
    other.mkdir()
    stranger.supervisor_socket.symlink_to(world.layout.supervisor_socket)
    managed = ManagedSupervisord(layout=stranger, executable=SUPERVISORD, programs={}, max_awake=5)
    with pytest.raises(RuntimeUnavailable, match="another supervisord"):
        await managed.ensure()


async def test_paths_that_cannot_work_are_refused(world: World):
    long = dataclasses.replace(world.layout, run=world.layout.run / ("x" * 90))
    with pytest.raises(ConfigError, match="longer than"):
        await ManagedSupervisord(layout=long, executable=SUPERVISORD, programs={}, max_awake=5).ensure()
    quote = dataclasses.replace(world.layout, run=world.layout.run / 'a"b')
    with pytest.raises(ConfigError, match="cannot stand"):
        await ManagedSupervisord(layout=quote, executable=SUPERVISORD, programs={}, max_awake=5).ensure()


async def test_folders_with_odd_names_work(world: World):
    folder = world.layout.run.parent / "a b%c(d)"
    odd = dataclasses.replace(world.layout, run=folder / "r", state=folder / "s", logs=folder / "l")
    (folder / "s").mkdir(parents=True)
    there = World(
        layout=odd, supervisord=ManagedSupervisord(layout=odd, executable=SUPERVISORD, programs={}, max_awake=5)
    )
    await there.supervisord.ensure()
    try:
        await there.begin()
        spec = there.spec()
        await there.runtime.start(spec)
        await there.until(spec.id, InstanceStatus.READY)
        assert {file.name for file in odd.logs.iterdir()} >= {"supervisord.log", f"{spec.id}.log"}
    finally:
        await there.end()
        await there.supervisord.stop()


async def test_a_supervisord_that_cannot_start_says_why(world: World):
    await world.end()
    await world.supervisord.stop()
    missing = ManagedSupervisord(layout=world.layout, executable=Path("/nowhere"), programs={}, max_awake=5)
    with pytest.raises(RuntimeUnavailable, match="cannot be started"):
        await missing.ensure()
    (world.layout.programs / "broken.conf").write_text("[program:broken]\ncommand=%(nothing)s\n")
    managed = ManagedSupervisord(layout=world.layout, executable=SUPERVISORD, programs={}, max_awake=5)
    (world.layout.programs / "x.r1.conf").write_text("[program:x.r1]\ncommand=%(nothing)s\n")
    with pytest.raises(RuntimeUnavailable, match="nothing"):
        await managed.ensure()
    (world.layout.programs / "x.r1.conf").unlink()
    await managed.ensure()
    await managed.stop()


async def test_orphans_of_another_state_are_left_alone(world: World, tmp_path: Path):
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    assert end_orphans(tmp_path, supervisord=None) == frozenset()
    assert end_orphans(world.layout.state, supervisord=world.supervisord.pid) == frozenset()
    assert world.marked(spec.id)


async def test_what_an_earlier_one_left_is_ended_also_where_others_run_it(world: World):
    spec, left = world.spec(STUBBORN_SERVER), world.spec(STUBBORN_SERVER, draft="left")
    await world.runtime.start(left)
    await world.until(left.id, InstanceStatus.READY)
    (orphan,) = world.marked(left.id)
    first = world.supervisord.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: not processes.alive(first))
    (world.layout.programs / f"{left.id}.conf").unlink()
    # Started by an administrator: it ends nothing of the one before it.
    argv = (str(SUPERVISORD), "-n", "-c", str(configuration.configuration_path(world.layout)))
    other = await asyncio.create_subprocess_exec(*argv, env=os.environ | dict(configuration.plugin_environment()))
    tidying = asyncio.get_running_loop().create_task(keep_ended(world.layout))

    async def answers() -> bool:
        with contextlib.suppress(RuntimeUnavailable):
            return await Programs(world.layout.supervisor_socket).supervisor_pid() == other.pid
        return False

    try:
        await eventually(answers)
        await world.runtime.start(spec)
        await world.until(spec.id, InstanceStatus.READY)
        await eventually(lambda: not processes.alive(orphan))
        assert world.marked(spec.id)
    finally:
        tidying.cancel()
        await world.end()
        other.terminate()
        await other.wait()


async def test_a_drain_ends_all_programs_at_once_and_then_itself(world: World):
    await world.supervisord.ensure()
    runtime = await world.begin()
    names = [f"demo{number}" for number in range(5)]
    for name in names:
        await runtime.start(world.spec(draft=name))
    for name in names:
        await world.until(InstanceId(f"{name}.r1"), InstanceStatus.READY)
    await world.end()
    pid = world.supervisord.pid
    assert pid is not None
    began = asyncio.get_running_loop().time()
    assert await drain(world.layout.supervisor_socket)
    assert asyncio.get_running_loop().time() - began < len(names), "one after another, each takes a second"
    assert not processes.alive(pid)
    assert not world.marked()
    assert await drain(world.layout.supervisor_socket), "nobody there is fine"


async def test_a_drain_that_takes_too_long_says_so(world: World):
    await world.supervisord.ensure()
    deaf = ("/usr/bin/env", "--ignore-signal=TERM", *SLEEPER)
    await another(world, {"deaf": deaf}).ensure()
    pid = await pid_of(world, "deaf")
    status = Path(f"/proc/{pid}/status")
    await eventually(lambda: _ignores_term(status.read_text()))
    assert not await drain(world.layout.supervisor_socket, within=0.1)


def _ignores_term(status: str) -> bool:
    (line,) = (line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1))

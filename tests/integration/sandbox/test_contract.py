"""What every sandbox must do, run against each of them."""

import asyncio

import psutil
import pytest

from drafterd.domain.interfaces import Step
from drafterd.sandbox import SANDBOXES
from tests.builders import eventually


@pytest.fixture(params=sorted(SANDBOXES))
def sandbox(request):
    return SANDBOXES[request.param]()


def _step(script: str, cwd, **options) -> Step:
    return Step(
        name="build",
        argv=("/bin/sh", "-c", script),
        cwd=cwd,
        environment={"PATH": "/usr/bin:/bin", "ONLY": "this"},
        timeout=options.pop("timeout", 20.0),
        **options,
    )


async def test_a_step_runs_where_and_with_what_it_was_given(sandbox, tmp_path):
    lines: list[bytes] = []
    started: list[int] = []
    outcome = await sandbox.run(
        _step("pwd; echo $ONLY; echo x > made; exit 3", tmp_path), on_line=lines.append, on_start=started.append
    )
    assert (outcome.code, outcome.ok) == (3, False)
    assert lines[-1] == b"this"
    assert (tmp_path / "made").exists()
    assert len(started) == 1
    assert not psutil.pid_exists(started[0])


async def test_the_deadline_ends_everything(sandbox, tmp_path):
    step = _step("trap '' TERM; sleep 60 & sleep 60", tmp_path, timeout=0.2, grace=0.2)
    outcome = await sandbox.run(step, on_line=lambda _: None, on_start=lambda _: None)
    assert outcome.timed_out
    assert not outcome.ok
    assert outcome.seconds < 10


async def test_cancelling_ends_everything_first(sandbox, tmp_path):
    started: list[int] = []
    async with asyncio.TaskGroup() as group:
        step = _step("sleep 60 & sleep 60", tmp_path)
        task = group.create_task(sandbox.run(step, on_line=lambda _: None, on_start=started.append))
        await eventually(lambda: started)
        task.cancel()
    assert not psutil.pid_exists(started[0])


async def test_output_is_bounded(sandbox, tmp_path):
    lines: list[bytes] = []
    step = _step("yes | head -c 1000000", tmp_path, output_max=10_000)
    await sandbox.run(step, on_line=lines.append, on_start=lambda _: None)
    assert sum(map(len, lines)) < 11_000

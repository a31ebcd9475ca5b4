"""Children that do not want to end, and what is left of them: nothing."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from drafterd import process
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import Limits
from drafterd.lines import LINE_MAX
from tests.builders import eventually

SH = "/bin/sh"


async def _sh(script: str, tmp_path: Path, lines: list[bytes] | None = None, **options) -> Outcome:
    said = [] if lines is None else lines
    environment = {"PATH": "/usr/bin:/bin", **options.pop("environment", {})}
    return await process.run(
        [SH, "-c", script],
        cwd=tmp_path,
        environment=environment,
        timeout=options.pop("timeout", 20.0),
        on_line=said.append,
        **options,
    )


def _pid_in(path: Path) -> int | None:
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text else None


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_lines_of_both_streams_arrive_in_order(tmp_path):
    lines: list[bytes] = []
    outcome = await _sh("echo one; echo two >&2; printf three", tmp_path, lines)
    assert outcome.ok
    assert outcome.code == 0
    assert lines == [b"one", b"two", b"three"]


async def test_a_line_arrives_while_the_child_runs(tmp_path):
    lines: list[bytes] = []
    go = tmp_path / "go"
    async with asyncio.TaskGroup() as group:
        run = group.create_task(_sh(f"echo begun; while [ ! -e {go} ]; do sleep 0.01; done", tmp_path, lines))
        await eventually(lambda: lines == [b"begun"])
        assert not run.done()
        go.touch()
    assert run.result().ok


async def test_the_environment_is_whole_and_there_is_no_input(tmp_path, monkeypatch):
    monkeypatch.setenv("OPERATORS_TOKEN", "secret")
    lines: list[bytes] = []
    await _sh("env; cat; echo read", tmp_path, lines, environment={"ONLY": "this"})
    names = {line.split(b"=")[0] for line in lines}
    assert b"ONLY" in names
    assert b"OPERATORS_TOKEN" not in names
    assert lines[-1] == b"read"


async def test_the_exit_code_and_the_signal_are_told_apart(tmp_path):
    assert (await _sh("exit 3", tmp_path)).code == 3
    killed = await _sh("kill -9 $$", tmp_path)
    assert killed.code is None
    assert killed.signal == signal.SIGKILL
    assert not killed.timed_out


async def test_a_child_that_ignores_term_is_killed_after_the_grace(tmp_path):
    began = time.monotonic()
    outcome = await _sh("trap '' TERM; echo x; while :; do sleep 0.05; done", tmp_path, timeout=0.3, grace=0.3)
    assert outcome.timed_out
    assert outcome.signal == signal.SIGKILL
    assert 0.6 <= time.monotonic() - began < 5


async def test_a_child_that_ends_at_term_keeps_its_exit_code(tmp_path):
    outcome = await _sh("trap 'exit 7' TERM; while :; do sleep 0.02; done", tmp_path, timeout=0.3, grace=5)
    assert outcome.timed_out
    assert outcome.code == 7


async def test_a_background_child_that_holds_the_pipe_neither_hangs_us_nor_survives(tmp_path):
    began = time.monotonic()
    lines: list[bytes] = []
    outcome = await _sh("(trap '' TERM HUP; sleep 60) & echo $! > child; echo done", tmp_path, lines)
    assert outcome.ok
    assert lines == [b"done"]
    assert time.monotonic() - began < 5
    assert not _alive(int((tmp_path / "child").read_text()))


async def test_a_child_in_a_session_of_its_own_is_found_by_its_mark(tmp_path):
    program = "import os,time; os.fork() and os._exit(0); os.setsid(); open('child','w').write(str(os.getpid())); time.sleep(60)"
    script = f'{sys.executable} -c "{program}"; while [ ! -s child ]; do sleep 0.01; done'
    try:
        assert (await _sh(script, tmp_path, environment={process.MARK: f"test:{tmp_path}"})).ok
        child = int((tmp_path / "child").read_text())
        await eventually(lambda: not _alive(child))
    finally:
        process.sweep(f"test:{tmp_path}".__eq__)


async def test_cancelling_ends_the_whole_group_first(tmp_path):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_sh("sleep 60 & echo $! > child; sleep 60", tmp_path))
        child = await eventually(lambda: _pid_in(tmp_path / "child"))
        task.cancel()
    assert task.cancelled()
    assert not _alive(child)


async def test_cancelling_twice_ends_the_grace(tmp_path):
    async with asyncio.TaskGroup() as group:
        script = "trap '' TERM; echo $$ > child; while :; do sleep 0.05; done"
        task = group.create_task(_sh(script, tmp_path, grace=60))
        child = await eventually(lambda: _pid_in(tmp_path / "child"))
        task.cancel()
        await asyncio.sleep(0)
        assert _alive(child)
        began = time.monotonic()
        task.cancel()
    assert time.monotonic() - began < 5
    assert not _alive(child)


async def test_a_flood_is_cut_and_drained_and_leaves_the_loop_free(tmp_path):
    lines: list[bytes] = []
    worst = 0.0

    async def pulse() -> None:
        nonlocal worst
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before)

    async with asyncio.TaskGroup() as group:
        beat = group.create_task(pulse())
        outcome = await _sh("yes | head -c 30000000; echo end", tmp_path, lines, output_max=100_000, timeout=60)
        beat.cancel()
    assert outcome.ok
    assert lines[-1] == b"[more than 100000 bytes of output: the rest is left out]"
    assert len(lines) < 3000
    assert worst < 1.0


async def test_a_flood_of_short_lines_leaves_others_their_turns(tmp_path):
    lines: list[bytes] = []
    most = 0

    async def others() -> None:
        nonlocal most
        while True:
            before = len(lines)
            await asyncio.sleep(0)
            most = max(most, len(lines) - before)

    async with asyncio.TaskGroup() as group:
        beside = group.create_task(others())
        assert (await _sh("yes '' | head -n 30000; echo end", tmp_path, lines)).ok
        beside.cancel()
    assert (len(lines), lines[-1]) == (30_001, b"end")
    assert most <= 1024


async def test_what_is_slow_to_take_is_taken_slowly(tmp_path):
    spent = 0.0

    def line(_line: bytes) -> None:
        nonlocal spent
        began = time.monotonic()
        while time.monotonic() - began < 0.0002:
            pass
        spent += time.monotonic() - began

    began = time.monotonic()
    await process.run(
        [SH, "-c", "seq 1 1500"], cwd=tmp_path, environment={"PATH": "/usr/bin:/bin"}, timeout=60, on_line=line
    )
    assert time.monotonic() - began > 2 * spent


async def test_a_long_line_is_cut(tmp_path):
    lines: list[bytes] = []
    await _sh("head -c 100000 /dev/zero | tr '\\0' x; echo; echo next", tmp_path, lines)
    assert lines[0].startswith(b"x" * LINE_MAX)
    assert len(lines[0]) < LINE_MAX + 100
    assert lines[1] == b"next"


async def test_limits_and_niceness_reach_the_child(tmp_path):
    lines: list[bytes] = []
    go = tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.01; done; ulimit -n; ulimit -f; nice; [ ! -e /proc/self/autogroup ] || cat /proc/self/autogroup"
    limits = Limits(open_files=123, file_size=51200)
    async with asyncio.TaskGroup() as group:
        group.create_task(_sh(script, tmp_path, lines, limits=limits, niceness=7, on_start=lambda _: go.touch()))
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert lines[:3] == [b"123", b"100", b"%d" % (mine + 7)]
    # Where the kernel shares processors among sessions; elsewhere there is no such line.
    assert [line.rpartition(b" ")[2] for line in lines[3:]] in ([], [b"%d" % (mine + 7)])


async def test_a_command_that_is_not_there_is_an_error_and_leaks_nothing(tmp_path):
    before = _open_files()
    with pytest.raises(FileNotFoundError):
        await process.run(["/no/such"], cwd=tmp_path, environment={}, timeout=1, on_line=print)
    with pytest.raises(FileNotFoundError):
        await process.run([SH, "-c", ":"], cwd=tmp_path / "gone", environment={}, timeout=1, on_line=print)
    assert (await _sh("exit 0", tmp_path)).ok
    assert _open_files() == before


async def test_an_error_at_the_start_leaves_no_child(tmp_path):
    seen: list[int] = []

    def fail(pid: int) -> None:
        seen.append(pid)
        raise OSError("cannot be recorded")

    with pytest.raises(OSError, match="recorded"):
        await _sh("sleep 60", tmp_path, on_start=fail)
    assert not _alive(seen[0])


async def test_a_group_is_known_again_by_number_and_start(tmp_path):
    async with asyncio.TaskGroup() as group:
        started: list[int] = []
        run = group.create_task(_sh("sleep 60", tmp_path, on_start=started.append))
        await eventually(lambda: started)
        leader = process.identify(started[0])
        assert leader is not None
        assert not process.end_group(process.Identity(leader.pid, leader.started - 1))
        assert _alive(leader.pid)
        assert process.end_group(leader)
        outcome = await run
    assert outcome.signal == signal.SIGKILL
    assert not process.end_group(leader)
    assert process.identify(leader.pid) is None

"""What every sandbox must do, run against each of them."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from drafterd import process
from drafterd.domain.errors import ConfigError, SandboxFailed
from drafterd.domain.interfaces import Exceeded, Step
from drafterd.domain.model import Limits
from drafterd.layout import Layout
from drafterd.sandbox import SANDBOXES, disk
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.network import Fence, Reach, Way, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import strongest, way_out
from tests.builders import eventually
from tests.processes import naming


def _named(param: tuple[str, Reach | None]) -> str:
    return "-".join(filter(None, param))


@pytest.fixture(
    params=[*((name, None) for name in sorted(SANDBOXES)), *(("bubblewrap", reach) for reach in Reach)],
    ids=_named,
)
def sandbox(request, root):
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    name, reach = request.param
    try:
        made = SANDBOXES[name](Places(layout=layout), Wish(reach=reach) if reach else None)
    except ConfigError as error:
        pytest.skip(error.summary)
    if reach and "builds share the network" in made.isolation:
        pytest.skip(made.isolation)
    made.prepare()
    return made


UNFENCED = pytest.mark.parametrize("sandbox", [(name, None) for name in sorted(SANDBOXES)], indirect=True, ids=_named)
"""For what the network has no part in."""


@pytest.fixture
def folder(root):
    """The folder of a build's own."""
    made = root / "state" / "drafts" / "a" / "builds" / "1" / "src"
    made.mkdir(parents=True)
    return made


def _step(script: str, cwd: Path, **options) -> Step:
    return Step(
        name="build",
        argv=("/bin/sh", "-c", script),
        cwd=cwd,
        environment={"PATH": "/usr/bin:/bin", "ONLY": "this", process.MARK: f"test:{cwd}"},
        timeout=options.pop("timeout", 20.0),
        **options,
    )


async def _run(sandbox, step: Step, lines: list[bytes] | None = None, started: list[int] | None = None):
    said = [] if lines is None else lines
    groups = [] if started is None else started
    outcome = await sandbox.run(step, on_line=said.append, on_start=groups.append)
    await eventually(lambda: not _marked(step), within=2)  # killed; the kernel may still be at it
    return outcome


def _marked(step: Step) -> list[int]:
    """Processes of a step that are still there, however far they went."""
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get(process.MARK) == step.environment[process.MARK]:
                found.append(each.pid)
        except (psutil.Error, OSError):
            continue
    return found


async def test_a_step_runs_where_and_with_what_it_was_given(sandbox, folder):
    lines: list[bytes] = []
    started: list[int] = []
    outcome = await _run(sandbox, _step("pwd; env; echo $ONLY; echo x > made; exit 3", folder), lines, started)
    assert (outcome.code, outcome.ok) == (3, False)
    assert lines[0] == bytes(folder)
    assert lines[-1] == b"this"
    assert {line.partition(b"=")[0] for line in lines[1:-1]} <= {b"PATH", b"ONLY", b"PWD", b"OLDPWD", b"DRAFTERD_MARK"}
    assert (folder / "made").exists()
    assert len(started) == 1
    assert not psutil.pid_exists(started[0])


async def test_a_signal_is_told_from_an_exit_code(sandbox, folder):
    outcome = await _run(sandbox, _step("kill -9 $$", folder))
    assert (outcome.code, outcome.signal) == (None, signal.SIGKILL)
    for code in (1, 77, 125, 128, 190, 255):
        outcome = await _run(sandbox, _step(f"exit {code}", folder))
        assert (outcome.code, outcome.signal) == (code, None)
    # Walls cannot tell them apart, so that without walls they are told alike too.
    outcome = await _run(sandbox, _step("exit 130", folder))
    assert (outcome.code, outcome.signal) == (None, signal.SIGINT)


async def test_a_fence_that_cannot_be_made_is_no_failure_of_the_command(folder, root):
    machine = strongest().machine
    if machine is None or way_out(machine, Reach.OFF).way is None:
        pytest.skip("there are no fences here")
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    fence = Fence(Wish(reach=Reach.INTERNET), Way(program="/usr/bin/false", user_namespace=os.geteuid() != 0))
    sandbox = BubblewrapSandbox(Places(layout=layout), machine, fence)
    with pytest.raises(SandboxFailed, match="could not be made: the network of this build could not be made"):
        await sandbox.run(_step("echo ran > ran", folder), on_line=lambda _: None, on_start=lambda _: None)
    assert not (folder / "ran").exists()


async def test_a_command_that_is_not_there_is_an_error(sandbox, folder):
    step = Step(name="build", argv=("/usr/bin/not-there",), cwd=folder, environment={}, timeout=5)
    with pytest.raises(FileNotFoundError):
        await sandbox.run(step, on_line=lambda _: None, on_start=lambda _: None)


async def test_term_comes_first_and_is_heard(sandbox, folder):
    lines: list[bytes] = []
    script = "trap 'echo draining; sleep 0.2; echo drained; exit 5' TERM; echo up; sleep 60 & wait"
    outcome = await _run(sandbox, _step(script, folder, timeout=1.0, grace=10.0), lines)
    assert lines == [b"up", b"draining", b"drained"]
    assert (outcome.timed_out, outcome.code) == (True, 5)
    assert outcome.seconds < 8


async def test_the_deadline_ends_everything(sandbox, folder):
    step = _step("trap '' TERM; setsid sleep 60 & sleep 60 & sleep 60", folder, timeout=0.5, grace=0.2)
    outcome = await _run(sandbox, step)
    assert outcome.timed_out
    assert not outcome.ok
    assert outcome.seconds < 10


async def test_cancelling_ends_everything_first(sandbox, folder):
    started: list[int] = []
    step = _step("setsid sleep 60 & sleep 60 & echo up; sleep 60", folder)
    lines: list[bytes] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sandbox.run(step, on_line=lines.append, on_start=started.append))
        await eventually(lambda: lines)
        task.cancel()
    assert not psutil.pid_exists(started[0])
    await eventually(lambda: not _marked(step), within=2)  # killed; the kernel may still be at it


async def test_what_is_left_in_the_background_ends_with_the_step(sandbox, folder):
    outcome = await _run(sandbox, _step("setsid sleep 60 & sleep 60 & exit 0", folder))
    assert outcome.ok
    assert outcome.seconds < 10


HIDDEN = "env -i setsid --fork sleep 7657{0} >/dev/null 2>&1; "
"""Out of the group, with no mark, and its parent gone."""


@pytest.mark.parametrize(
    ("number", "then", "options"),
    [(1, "exit 0", {}), (2, "sleep 60", {"timeout": 0.7}), (3, "kill -9 $$", {}), (4, "yes", {"flood_max": 3_000_000})],
    ids=["ends", "hangs", "dies", "floods"],
)
@UNFENCED
async def test_what_hides_ends_with_the_step(sandbox, folder, number, then, options):
    lines: list[bytes] = []
    script = f"{HIDDEN.format(number)} echo up; {then}"
    await _run(sandbox, _step(script, folder, **{"grace": 0.2, "output_max": 10_000, **options}), lines)
    assert lines[0] == b"up"
    await eventually(lambda: not naming(f"7657{number}"), within=2)


@UNFENCED
async def test_what_hides_counts_and_is_ended_by_a_limit(sandbox, folder):
    eater = "x = bytearray(200_000_000); import time; time.sleep(76575)"
    script = f"env -i setsid --fork /usr/bin/python3 -c '{eater}'; sleep 60"
    outcome = await _run(sandbox, _step(script, folder, limits=Limits(memory=100_000_000)))
    assert outcome.exceeded is Exceeded.MEMORY
    await eventually(lambda: not naming("76575"), within=2)


async def test_output_is_bounded(sandbox, folder):
    lines: list[bytes] = []
    outcome = await _run(sandbox, _step("yes | head -c 1000000", folder, output_max=10_000), lines)
    assert outcome.ok
    assert sum(map(len, lines)) < 11_000


async def test_a_flood_ends_the_step(sandbox, folder):
    lines: list[bytes] = []
    outcome = await _run(sandbox, _step("yes", folder, output_max=10_000, flood_max=3_000_000), lines)
    assert outcome.exceeded is Exceeded.OUTPUT
    assert sum(map(len, lines)) < 11_000


async def test_memory_counts_for_all_processes_together(sandbox, folder):
    eater = "x = bytearray(120_000_000); import time; time.sleep(60)"
    script = f"for i in 1 2 3; do /usr/bin/python3 -c '{eater}' & done; wait"
    outcome = await _run(sandbox, _step(script, folder, limits=Limits(memory=300_000_000)))
    assert outcome.exceeded is Exceeded.MEMORY
    assert not outcome.ok


async def test_a_fork_bomb_is_ended(sandbox, folder):
    # One that goes on when the kernel refuses, and that is slow enough for a machine without walls.
    script = "import subprocess, time\nwhile True:\n try: subprocess.Popen(['sleep', '60'])\n except OSError: time.sleep(0.05)"
    step = _step(f'/usr/bin/python3 -c "{script}"', folder, limits=Limits(processes=60))
    outcome = await _run(sandbox, step)
    assert outcome.exceeded is Exceeded.PROCESSES
    assert outcome.seconds < 15


async def test_a_file_grows_only_so_far(sandbox, folder):
    outcome = await _run(
        sandbox, _step("sleep 0.3; head -c 9000000 /dev/zero > big", folder, limits=Limits(file_size=1_000_000))
    )
    assert not outcome.ok
    assert (folder / "big").stat().st_size <= 1_000_000


async def test_a_disk_filler_is_ended(sandbox, folder):
    script = "i=0; while :; do i=$((i+1)); head -c 5000000 /dev/zero > f$i; sleep 0.05; done"
    outcome = await _run(sandbox, _step(script, folder, disk_max=20_000_000))
    assert outcome.exceeded is Exceeded.DISK


FILLS = "mkdir -p {place}; i=0; while :; do i=$((i+1)); head -c 2000000 /dev/zero > {place}/f$i; sleep 0.05; done"
HIDES = "exec 3>hidden; rm hidden; while :; do head -c 2000000 /dev/zero >&3; sleep 0.05; done"


@UNFENCED
async def test_what_has_no_name_any_more_counts(sandbox, folder):
    outcome = await _run(sandbox, _step(HIDES, folder, disk_max=20_000_000))
    assert outcome.exceeded is Exceeded.DISK


@pytest.fixture
def small_disk(root):
    """Everything that is made lies on 200 MB, of which 70 are left."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", root], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    root.chmod(0o755)
    (root / "much").write_bytes(bytes(130 << 20))
    yield root
    subprocess.run(["umount", "--lazy", root], check=True)


@pytest.mark.parametrize("writes", [FILLS.format(place="."), HIDES], ids=["seen", "hidden"])
@UNFENCED
async def test_who_fills_the_disk_is_ended_before_it_is_full_and_nobody_else(small_disk, sandbox, folder, writes):
    beside = folder.parents[3] / "b" / "builds" / "1" / "src"
    beside.mkdir(parents=True)
    least = [1 << 40]

    async def look() -> None:
        while True:
            least[0] = min(least[0], disk.free(small_disk))
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        modest = group.create_task(_run(sandbox, _step("while [ ! -e go ]; do echo x >> y; sleep 0.1; done", beside)))
        outcome = await _run(sandbox, _step(writes, folder, disk_max=10 << 30))
        looking.cancel()
        (beside / "go").touch()
    assert outcome.exceeded is Exceeded.FULL
    assert least[0] > 0
    assert modest.result().ok


async def test_a_group_and_its_limits_are_no_business_of_ours(sandbox, folder):
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    lines: list[bytes] = []
    await _run(sandbox, _step("sleep 0.3; nice", folder), lines)
    assert int(lines[0]) == mine + 10
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])

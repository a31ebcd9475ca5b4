"""`kill -9` of the daemon at each step of a build, and a full disk."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from drafterd import process
from drafterd.build import commands
from drafterd.domain.model import BuildStatus, Kind, Recipe
from drafterd.domain.names import DraftId
from tests.builders import eventually
from tests.integration.build.world import HELLO, World, layout_in

CHECKOUT = Path(__file__).parents[3]
RECIPE = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist")

# The draft says which processes of its own are at work, ignores TERM, and goes on when told so. One of
# its processes has left the group, one has cleared its environment.
WORK = """
const fs = require('fs');
process.on('SIGTERM', () => {});
const { spawn } = require('child_process');
const [step, root] = process.argv.slice(2);
const idle = (options) => spawn('sleep', ['60'], { stdio: 'ignore', ...options });
const pids = [process, idle({ detached: true }), idle({ env: {} })].map((child) => child.pid);
fs.writeFileSync(`${root}/${step}.tmp`, pids.join(' '));
fs.renameSync(`${root}/${step}.tmp`, `${root}/${step}`);
setInterval(() => {
  if (!fs.existsSync(`${root}/go-${step}`)) return;
  fs.mkdirSync('dist', { recursive: true });
  fs.writeFileSync('dist/index.html', 'done');
  process.exit(0);
}, 20);
"""


def _files(root: Path) -> dict[str, str]:
    scripts = {"install": f"node work.js install {root}", "build": f"node work.js build {root}"}
    return {"package.json": json.dumps({"name": "x", "version": "1.0.0", "scripts": scripts}), "work.js": WORK}


@contextmanager
def _daemon(root: Path, die_at: str = "", prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    argv = [*prefix, sys.executable, "-m", "tests.integration.build.daemon", str(root), die_at]
    child = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        with child:
            yield child
            if child.poll() is None:
                child.kill()
    finally:
        process.sweep(lambda mark: mark.startswith(commands.mark_prefix(layout_in(root))))


def _go(root: Path) -> None:
    for step in ("install", "build"):
        (root / f"go-{step}").touch()


def _want(root: Path, **recipes: Recipe) -> None:
    facts = {
        name: {
            "kind": recipe.kind,
            "install": recipe.install,
            "build": recipe.build,
            "static_root": recipe.static_root,
        }
        for name, recipe in recipes.items()
    }
    (root / "wanted.json").write_text(json.dumps(facts))


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def _converges(root: Path, *, number: int) -> None:
    """A new daemon finds the build interrupted, nothing left of it, and builds it once more."""
    async with World(root, sandbox="plain").running() as world:
        key = world.drop({}, RECIPE)
        await eventually(lambda: world.last().status is BuildStatus.INTERRUPTED)
        await eventually(lambda: not any(world.layout.builds(HELLO).glob("*")))
        _go(root)
        build = await world.build(key)
        assert build.number == number
        assert build.status is BuildStatus.SUCCEEDED
        assert (Path(world.queue.releases(HELLO)[-1].path) / "index.html").read_text() == "done"


@pytest.mark.parametrize("step", ["install", "build"])
async def test_killed_while_a_process_of_the_draft_runs(tmp_path, step):
    world = World(tmp_path, sandbox="plain")
    world.drop(_files(tmp_path), RECIPE)
    _want(tmp_path, hello=RECIPE)
    if step == "build":
        (tmp_path / "go-install").touch()
    with _daemon(tmp_path) as daemon:
        said = await eventually(lambda: (tmp_path / step).exists() and (tmp_path / step).read_text(), within=30)
        pids = [int(word) for word in said.split()]
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait(10)
        assert all(map(_alive, pids)), "the draft's processes outlive the daemon: else this test shows nothing"
        async with World(tmp_path, sandbox="plain").running():
            await eventually(lambda: not any(map(_alive, pids)))
        await _converges(tmp_path, number=2)


@pytest.mark.parametrize("step", ["snapshot", "pack"])
async def test_killed_in_a_step_of_our_own(tmp_path, step):
    world = World(tmp_path, sandbox="plain")
    world.drop(_files(tmp_path), RECIPE)
    _want(tmp_path, hello=RECIPE)
    _go(tmp_path)
    with _daemon(tmp_path, step) as daemon:
        assert daemon.wait(60) == -signal.SIGKILL
    assert not (world.layout.releases(HELLO) / "r1").exists()
    await _converges(tmp_path, number=2)


async def test_killed_after_the_release_was_published_keeps_it_whole(tmp_path):
    world = World(tmp_path, sandbox="plain")
    world.drop(_files(tmp_path), RECIPE)
    _want(tmp_path, hello=RECIPE)
    _go(tmp_path)
    with _daemon(tmp_path, "published") as daemon:
        assert daemon.wait(60) == -signal.SIGKILL
    assert [release.id for release in World(tmp_path, sandbox="plain").queue.releases(HELLO)] == ["r1"]
    await _converges(tmp_path, number=2)


async def test_what_waited_is_built_after_a_kill(tmp_path):
    world = World(tmp_path, sandbox="plain")
    key = world.drop({"index.html": "x"})
    await world.queue.enqueue(HELLO, key)
    again = World(tmp_path, sandbox="plain")  # as after a kill: nothing but the ledger is left
    again.orders.update(world.orders)
    async with again.running():
        assert (await again.ended(1)).status is BuildStatus.SUCCEEDED


def _namespaces() -> bool:
    return subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not _namespaces(), reason="no user namespaces: a small disk cannot be mounted here")
def test_a_full_disk_is_the_machines_to_mend_and_the_queue_goes_on(tmp_path):
    world = World(tmp_path, sandbox="plain")
    drafts = world.layout.state / "drafts"
    drafts.mkdir(parents=True)
    fills = "require('fs').writeFileSync('dist', Buffer.alloc(9000000))"
    world.drop_script(fills, draft=DraftId("fills"))
    world.drop({"index.html": "x" * 9_000_000}, draft=DraftId("large"))
    world.drop({"index.html": "x"}, draft=DraftId("small"))
    built = Recipe(kind=Kind.STATIC, why="test", build=True, static_root="dist")
    static = Recipe(kind=Kind.STATIC, why="test")
    _want(tmp_path, fills=built, large=static, small=static)
    mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    with _daemon(tmp_path, "", ("unshare", "-Urm", "sh", "-c", mount, str(drafts))) as daemon:
        said = [json.loads(line) for line in daemon.stdout or () if line.startswith("[")]
        assert daemon.wait(60) == 0
    assert said == [
        ["fills", "failed", "disk-full"],
        ["large", "failed", "disk-full"],
        ["small", "succeeded", None],
    ]

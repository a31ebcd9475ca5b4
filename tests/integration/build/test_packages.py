"""Where the packages of a build come from: waiting for another one, a store that fails, what was downloaded before."""

import json
import time
from contextlib import asynccontextmanager

import pytest

from drafterd.build.commands import Commands
from drafterd.build.log import BuildLog
from drafterd.build.managers import NPM
from drafterd.build.packages import Packages
from drafterd.build.settings import BuildSettings
from drafterd.domain.model import BuildOrder, BuildStatus, Kind, Recipe
from drafterd.domain.names import DraftId
from tests.disks import fill, mounted, mounts
from tests.integration.build.world import HELLO, World

OTHER = DraftId("other")
PACKAGE = json.dumps({"name": "x", "scripts": {"build": "node build.js"}, "dependencies": {"is-odd": "3.0.1"}})
RECIPE = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist")
BUILD = "require('fs').mkdirSync('dist'); require('fs').writeFileSync('dist/index.html', String(require('is-odd')(3)));"


class Room:
    """One build that installs, and does nothing else."""

    def __init__(self, world: World, draft: DraftId) -> None:
        order = BuildOrder(draft=draft, key="k", digest="d", recipe=RECIPE, base_path="", strip="", environment={})
        self.deadline = time.monotonic() + 60
        self.log = BuildLog(world.layout.build_log(draft, 1), limit=1_000_000)
        tools = world.queue._tools
        self.commands = Commands(tools, order, 1, self.log, deadline=self.deadline)
        self.commands.make_folders()
        self.commands.source.mkdir()
        (self.commands.source / "package.json").write_text(PACKAGE)
        self.packages = Packages(tools, order, self.commands, self.log)

    async def install(self):
        return await self.packages.install(NPM.install(locked=False), locked=False, clean=False)


@asynccontextmanager
async def a_build(world, draft=HELLO):
    room = Room(world, draft)
    try:
        yield room
    finally:
        room.packages.close()
        room.log.close()


async def test_who_waits_for_anothers_install_does_not_wait_for_ever_nor_on_its_own_time(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=1))
    async with a_build(world) as first, a_build(world, OTHER) as second:
        assert (await first.install()).ok
        store, key = world.queue._tools.store, first.commands.layer.lower.parent.name
        async with store.turn(key):
            assert (await second.install()).ok
        assert second.commands.layer.lower == first.commands.layer.lower
        assert second.commands.deadline >= second.deadline + 1
    assert "waiting for it" in world.log(1, OTHER)


async def test_turns_that_nobody_takes_are_forgotten(tmp_path):
    store = World(tmp_path).queue._tools.store
    for number in range(100):
        async with store.turn(f"k{number}"):
            assert len(store._turns) == 1
    assert len(store._turns) <= 1


async def test_a_lent_tree_that_is_damaged_is_the_machines_problem_and_installed_anew(tmp_path):
    world = World(tmp_path)
    async with a_build(world) as room:
        await room.install()
        lower = room.commands.layer.lower
        (lower / "is-odd" / "index.js").unlink()
        with pytest.raises(OSError, match="damaged"):
            await room.packages.unlend()
        assert room.commands.layer is None
        assert (await room.install()).ok
        assert (room.commands.packages / "is-odd" / "index.js").exists()


@pytest.mark.skipif(not mounts(), reason="a small disk cannot be mounted here")
async def test_a_disk_that_fills_up_while_a_lent_tree_is_copied_is_told_as_that(tmp_path):
    with mounted(tmp_path / "disk", 20_000) as disk:
        world = World(disk)
        async with a_build(world) as room, a_build(world, OTHER) as other:
            await room.install()
            await other.install()
            filler = fill(disk)
            with pytest.raises(OSError, match="No space left"):
                await room.packages.unlend()
            filler.unlink()
            assert (other.commands.packages / "is-odd" / "index.js").exists(), "others keep what they were lent"
            assert (await room.install()).ok


async def test_what_one_draft_downloaded_another_installs_without_the_registry(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=60, grace=1))
    async with a_build(world) as room:
        await room.install()
        lock = (room.commands.source / "package-lock.json").read_text()
    files = {"package.json": PACKAGE, "package-lock.json": lock, ".npmrc": "offline=true", "build.js": BUILD}
    async with world.running():
        build = await world.build(world.drop(files, RECIPE, draft=OTHER), OTHER)
    assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert {path.stat().st_mode & 0o777 for path in world.layout.downloads.rglob("*") if path.is_file()} == {0o644}

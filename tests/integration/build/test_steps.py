"""What builds share: of two drafts with the same dependencies one is installed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from drafterd.build.settings import BuildSettings
from drafterd.domain.model import BuildStatus, Kind, Recipe
from drafterd.domain.names import DraftId
from tests.builders import eventually
from tests.integration.build.world import HELLO, World

OTHER, THIRD = DraftId("other"), DraftId("third")
TAKEN = "with the packages that an earlier build installed"
PACKAGE = {"name": "one", "scripts": {"build": "node build.js"}, "dependencies": {"is-odd": "3.0.1"}}
BUILD = (
    "const fs = require('fs'); fs.mkdirSync('dist');"
    "fs.writeFileSync('dist/index.html', String(require('is-odd')(3)) + fs.existsSync('node_modules/is-number'));"
)
RECIPE = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, settings=BuildSettings(timeout=120, grace=1, slots=2))


def dropped(world, draft, *, build=BUILD, **changes):
    files = {"package.json": json.dumps(PACKAGE | changes), "build.js": build}
    return world.drop(files, RECIPE, draft=draft)


def page(world, draft):
    (release,) = world.queue.releases(draft)[-1:]
    return (Path(release.path) / "index.html").read_text()


async def test_the_second_draft_takes_what_the_first_installed(world):
    async with world.running():
        first = await world.build(dropped(world, HELLO))
        assert first.status is BuildStatus.SUCCEEDED, first.problem
        second = await world.build(dropped(world, OTHER, name="two", version="2.0.0"), OTHER)
    assert second.status is BuildStatus.SUCCEEDED, second.problem
    assert TAKEN not in world.log(1)
    assert TAKEN in world.log(1, OTHER)
    assert page(world, OTHER) == page(world, HELLO) == "truetrue"


async def test_two_that_come_at_once_are_installed_once(world):
    async with world.running():
        for draft in (HELLO, OTHER):
            await world.queue.enqueue(draft, dropped(world, draft))
        for draft in (HELLO, OTHER):
            build = await world.ended(1, draft, within=90)
            assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert [TAKEN in world.log(1, draft) for draft in (HELLO, OTHER)].count(True) == 1


async def test_a_clean_build_installs_anew(world):
    async with world.running():
        await world.build(dropped(world, HELLO))
        cleaned = await world.build(dropped(world, OTHER), OTHER, clean=True)
    assert cleaned.status is BuildStatus.SUCCEEDED
    assert TAKEN not in world.log(1, OTHER)


async def test_dependencies_without_a_lock_are_resolved_anew_after_a_while(tmp_path):
    settings = BuildSettings(timeout=120, grace=1, dependencies_age=0)
    world = World(tmp_path, settings=settings)
    async with world.running():
        await world.build(dropped(world, HELLO))
        await world.build(dropped(world, OTHER), OTHER)
    assert TAKEN not in world.log(1, OTHER)


async def test_a_build_that_writes_into_its_packages_harms_nobody_else_with_walls(world):
    assert world.sandbox.layered
    async with world.running():
        await harmed(world)
    assert TAKEN in world.log(1, THIRD), "the stored tree never changes"


async def test_a_build_that_writes_into_its_packages_harms_nobody_else_without_walls(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1), sandbox="plain")
    async with world.running():
        await harmed(world)
    assert TAKEN not in world.log(1, THIRD), "the stored tree is not what it was"


async def harmed(world):
    harm = "require('fs').writeFileSync('node_modules/is-odd/index.js', 'module.exports = () => \"harmed\"');"
    await world.build(dropped(world, HELLO))
    build = await world.build(dropped(world, OTHER, build=harm + BUILD), OTHER)
    assert build.status is BuildStatus.SUCCEEDED, build.problem
    await world.build(dropped(world, THIRD), THIRD)
    assert page(world, OTHER) == "harmedtrue"
    assert page(world, THIRD) == "truetrue"


async def test_a_server_keeps_packages_of_its_own(world):
    harm = "require('fs').appendFileSync('node_modules/is-odd/index.js', ' // harmed');"
    server = Recipe(kind=Kind.NODE, why="test", install=True, start=("node", "server.js"))
    files = {"package.json": json.dumps(PACKAGE | {"scripts": {}}), "server.js": "require('is-odd')"}
    async with world.running():
        build = await world.build(world.drop(files, server))
        assert build.status is BuildStatus.SUCCEEDED, build.problem
        (release,) = world.queue.releases(HELLO)
        packages = Path(release.path) / "node_modules" / "is-odd" / "index.js"
        before = packages.read_bytes()
        harmed = await world.build(dropped(world, OTHER, build=harm + BUILD), OTHER)
    assert harmed.status is BuildStatus.SUCCEEDED
    assert TAKEN in world.log(1, OTHER)
    assert packages.read_bytes() == before


async def test_a_repair_of_the_install_is_part_of_what_is_shared(world):
    conflict = {"dependencies": {"react": "19.0.0", "react-test-renderer": "18.3.1"}}
    show = "const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', 'built');"
    async with world.running():
        for draft in (HELLO, OTHER):
            build = await world.build(dropped(world, draft, build=show, **conflict), draft)
            assert build.status is BuildStatus.SUCCEEDED, build.problem
            assert [repair.code for repair in build.repairs] == ["legacy-peers"]
    assert TAKEN in world.log(1, OTHER)


async def test_a_damaged_store_costs_time_only(world):
    async with world.running():
        await world.build(dropped(world, HELLO))
        for path in world.layout.dependencies.rglob("index.js"):
            path.write_text("throw new Error('damaged')")
        build = await world.build(dropped(world, OTHER), OTHER)
    assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert page(world, OTHER) == "truetrue"


async def test_a_store_that_cannot_be_written_costs_time_only(world):
    world.layout.dependencies.parent.mkdir(parents=True, exist_ok=True)
    world.layout.dependencies.write_text("no folder")
    async with world.running():
        build = await world.build(dropped(world, HELLO))
    assert build.status is BuildStatus.SUCCEEDED, build.problem


async def test_the_budget_is_kept(tmp_path):
    world = World(tmp_path, settings=replace(BuildSettings(timeout=120, grace=1), disk_budget=1))
    async with world.running():
        build = await world.build(dropped(world, HELLO))
        assert build.status is BuildStatus.SUCCEEDED
        kept = (world.layout.dependencies, world.layout.downloads)
        await eventually(lambda: not [path for folder in kept for path in folder.rglob("*") if path.is_file()])

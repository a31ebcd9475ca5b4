"""Drafts of other package managers than npm, installed from the real registry."""

import asyncio
import json

import pytest

from drafterd.build.fetch import Shelf
from drafterd.build.managers import parse
from drafterd.build.settings import BuildSettings
from drafterd.domain.model import BuildStatus, Kind, Recipe
from drafterd.domain.names import release_id
from tests.integration.build.world import HELLO, World

BUILD = (
    "const fs = require('fs'); fs.mkdirSync('dist');"
    "fs.writeFileSync('dist/index.html', [require('is-odd')(3), process.env.npm_config_user_agent || process.versions.bun,"
    " ...process.argv.slice(2)].join(' '));"
)
INTEGRITY = "sha512-CQpnWPrDwmP1+SMHXZhtLtJv90yiyVfluGsX5iNCVkrhQtU3TQHsUWPG9wkdk9Lgd5yNpAg9jQEo90CBaXgWMA=="
NUMBER = "sha512-Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg=="

PNPM_LOCK = f"""lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      is-odd:
        specifier: 3.0.1
        version: 3.0.1

packages:

  is-number@6.0.0:
    resolution: {{integrity: {NUMBER}}}
    engines: {{node: '>=0.10.0'}}

  is-odd@3.0.1:
    resolution: {{integrity: {INTEGRITY}}}
    engines: {{node: '>=4'}}

snapshots:

  is-number@6.0.0: {{}}

  is-odd@3.0.1:
    dependencies:
      is-number: 6.0.0
"""
# The registry that it names is not there.
YARN_LOCK = f"""# yarn lockfile v1


is-number@^6.0.0:
  version "6.0.0"
  resolved "https://gone.invalid/npm/is-number/-/is-number-6.0.0.tgz#e6d15ad31fc262887cccf217ae5f9316f81b1995"
  integrity {NUMBER}

is-odd@3.0.1:
  version "3.0.1"
  resolved "https://gone.invalid/npm/is-odd/-/is-odd-3.0.1.tgz#65101baf3727d728b66fa62f50cda7f2d3989601"
  integrity {INTEGRITY}
  dependencies:
    is-number "^6.0.0"
"""


def package(**more):
    return json.dumps({"name": "x", "scripts": {"build": "node build.js"}, "dependencies": {"is-odd": "3.0.1"}} | more)


def recipe(manager):
    return Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist", manager=manager)


async def built(world, files, manager):
    key = world.drop({"package.json": package(), "build.js": BUILD} | files, recipe(manager))
    async with world.running():
        asked = await world.queue.enqueue(HELLO, key)
        return await world.ended(asked.number, within=150)


def page(world):
    return (world.layout.release(HELLO, release_id(1)) / "app" / "index.html").read_text()


@pytest.mark.parametrize(
    ("manager", "files", "agent"),
    [
        ("pnpm@10", {"pnpm-lock.yaml": PNPM_LOCK}, "pnpm/10."),
        ("yarn@1", {"yarn.lock": YARN_LOCK}, "yarn/1."),
        ("yarn@4", {"yarn.lock": ""}, "yarn/4."),
        ("bun@1", {}, "bun/1."),
    ],
)
async def test_the_draft_is_installed_and_built_with_its_own_manager(tmp_path, manager, files, agent):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))

    build = await built(world, files, manager)

    assert build.status is BuildStatus.SUCCEEDED, (build.problem, world.layout.build_log(HELLO, 1).read_text())
    assert page(world).startswith(f"true {agent}")
    assert (world.layout.managers / manager).is_dir()
    # A berry lock without a word does not fit; every other one does.
    assert [repair.code for repair in build.repairs] == (["unusable-lock"] if manager == "yarn@4" else [])
    assert not list(world.layout.state.rglob("home/.local"))


async def test_a_lock_that_does_not_fit_is_resolved_anew(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))

    stale = PNPM_LOCK.replace("specifier: 3.0.1", "specifier: 2.0.0")
    build = await built(world, {"pnpm-lock.yaml": stale}, "pnpm@10")

    assert build.status is BuildStatus.SUCCEEDED, build.problem
    (repair,) = build.repairs
    assert repair.code == "unusable-lock"
    assert "ERR_PNPM_OUTDATED_LOCKFILE" in repair.reason


async def test_a_lock_that_yarn_cannot_read_is_begun_anew(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))

    build = await built(world, {"yarn.lock": f"{YARN_LOCK}<<<<<<< HEAD\n"}, "yarn@1")

    assert build.status is BuildStatus.SUCCEEDED, (build.problem, world.layout.build_log(HELLO, 1).read_text())
    assert [repair.code for repair in build.repairs] == ["unusable-lock"]


async def test_a_draft_that_asks_for_another_node_is_installed_all_the_same(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))

    build = await built(world, {"package.json": package(engines={"node": "12", "pnpm": "3"})}, "pnpm@10")

    assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert [repair.code for repair in build.repairs] == ["any-engine"]


async def test_scripts_find_the_managers_that_they_call(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))
    scripts = {"build": "pnpm run all", "all": "node build.js"}

    build = await built(world, {"package.json": package(scripts=scripts)}, "npm")

    assert build.status is BuildStatus.SUCCEEDED, (build.problem, world.layout.build_log(HELLO, 1).read_text())
    assert page(world).startswith("true pnpm/10.")
    assert build.repairs == ()


async def test_where_a_manager_cannot_be_had_npm_is_used_and_that_is_said(tmp_path, monkeypatch):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))
    # A name that the registry does not have stands for a manager that it does not have.
    monkeypatch.setattr("drafterd.build.managers.Manager.package", "@drafterd/none@0")

    build = await built(world, {"pnpm-lock.yaml": PNPM_LOCK}, "pnpm@10")

    assert build.status is BuildStatus.SUCCEEDED, build.problem
    (repair,) = build.repairs
    assert (repair.code, repair.step) == ("manager-missing", "install")
    assert repair.summary == "pnpm@10 could not be fetched: npm is used"
    assert repair.reason.startswith("npm error code E404")
    assert page(world).startswith("true npm/")


async def test_a_version_that_does_not_exist_gives_way_to_its_major(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))

    build = await built(world, {}, "pnpm@9.9999.0")

    assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert page(world).startswith("true pnpm/9.")
    assert build.repairs == ()


# The shelf


async def test_two_that_need_the_same_one_at_once_fetch_it_once(tmp_path):
    shelf = Shelf(tmp_path / "managers", ("npm",))
    commands = []

    async def run(folder, argv):
        commands.append(argv)
        await asyncio.sleep(0)
        if argv[0] == "npm":
            programs = folder / "node_modules" / ".bin"
            programs.mkdir(parents=True)
            (programs / "pnpm").touch()
        return True

    wanted = parse("pnpm@10")
    found = await asyncio.gather(*(shelf.get(wanted, tmp_path / str(number), run) for number in range(3)))

    assert len([argv for argv in commands if argv[0] == "npm"]) == 1
    assert {item.program for item in found if item} == {
        tmp_path / "managers" / "pnpm@10" / "node_modules" / ".bin" / "pnpm"
    }


async def test_a_start_script_finds_the_manager_that_it_calls(tmp_path):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))
    scripts = {"start": "bun server.ts"}
    start = Recipe(kind=Kind.NODE, why="test", start=("npm", "run", "start"), manager="bun@1")
    key = world.drop({"package.json": json.dumps({"name": "x", "scripts": scripts}), "server.ts": ""}, start)
    async with world.running():
        asked = await world.queue.enqueue(HELLO, key)
        build = await world.ended(asked.number, within=150)
    assert build.status is BuildStatus.SUCCEEDED, build.problem
    app = world.layout.release(HELLO, release_id(1)) / "app"
    link = app / "node_modules" / ".bin" / "bun"
    assert not link.readlink().is_absolute()

    said = await asyncio.create_subprocess_exec(link, "--version", stdout=asyncio.subprocess.PIPE)
    output, _ = await said.communicate()
    assert output.startswith(b"1.")


async def test_what_does_not_run_here_is_not_put_on_the_shelf(tmp_path):
    shelf = Shelf(tmp_path / "managers", ("npm",))

    async def run(_folder, argv):
        return argv[0] == "npm"

    assert await shelf.get(parse("pnpm@10"), tmp_path / "scratch", run) is None
    assert not (tmp_path / "managers").exists()


async def test_a_fetch_that_is_broken_off_leaves_nothing_half_made(tmp_path):
    shelf = Shelf(tmp_path / "managers", ("npm",))
    started = asyncio.Event()

    async def hang(folder, _argv):
        (folder / "node_modules").mkdir()
        started.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(shelf.get(parse("pnpm@10"), tmp_path / "scratch", hang))
        await started.wait()
        task.cancel()
    assert shelf.found(parse("pnpm@10")) is None

    async def run(folder, argv):
        if argv[0] == "npm":
            programs = folder / "node_modules" / ".bin"
            programs.mkdir(parents=True)
            (programs / "pnpm").touch()
        return True

    # The same folder again, as a daemon that was killed finds it.
    assert await shelf.get(parse("pnpm@10"), tmp_path / "scratch", run)

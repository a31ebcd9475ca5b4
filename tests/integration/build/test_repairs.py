"""A step that fails is tried again in another way, and what was done is on record."""

import json

from drafterd.domain.model import BuildStatus, Kind, Recipe
from tests.integration.build.world import BUILT, HELLO, WRITES_DIST, World


async def test_an_invented_package_is_proposed_and_never_installed(tmp_path):
    async with World(tmp_path).running() as world:
        script = "console.error(\"Error: Module not found: Can't resolve 'surely-invented-name'\"); process.exit(1)"
        build = await world.build(world.drop_script(script))
        assert build.status is BuildStatus.FAILED
        assert build.problem is not None
        assert build.repairs == ()
        assert "surely-invented-name" in build.problem.proposals[0]


async def test_a_build_without_room_for_another_try_stays_failed(tmp_path):
    async with World(tmp_path).running() as world:
        says = "console.error('error:0308010C:digital envelope routines::unsupported');"
        build = await world.build(world.drop_script(f"{says} process.exit(1)"))
        assert build.status is BuildStatus.FAILED
        assert [repair.code for repair in build.repairs] == ["old-openssl"]


async def test_the_second_try_gets_what_the_repair_gives(tmp_path):
    async with World(tmp_path).running() as world:
        script = (
            "if (!process.env.NODE_OPTIONS) {"
            "console.error('error:0308010C:digital envelope routines::unsupported'); process.exit(1) }" + WRITES_DIST
        )
        build = await world.build(world.drop_script(script, recipe=BUILT))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["old-openssl"]


TYPES = "app/page.tsx(1,1): error TS2322: no"
CHECKED = Recipe(kind=Kind.STATIC, why="test", build=True, static_root="dist")


def fails_unless(condition: str, said: str) -> str:
    return f"if (!({condition})) {{ console.error({json.dumps(said)}); process.exit(1) }} {WRITES_DIST}"


async def test_a_variable_that_nobody_gave_is_made_up_for_the_build_alone(tmp_path):
    async with World(tmp_path).running() as world:
        said = "Error: Failed to collect page data for /x\nError: the API_TOKEN environment variable is not set"
        key = world.drop_script(fails_unless("process.env.API_TOKEN", said), recipe=BUILT)
        build = await world.build(key)
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["placeholders"]
        assert "API_TOKEN" in build.repairs[0].summary
        (release,) = world.queue.releases(HELLO)
        assert "API_TOKEN" not in release.environment


async def test_a_placeholder_that_visitors_would_see_is_told(tmp_path):
    async with World(tmp_path).running() as world:
        said = "Error: Failed to collect page data for /x\nError: the GREETING environment variable is not set"
        key = world.drop_script(fails_unless("process.env.GREETING", said), recipe=BUILT)
        build = await world.build(key)
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["placeholders", "placeholder-shown"]
        assert "GREETING stands in dist/index.html" in build.repairs[1].summary


async def test_a_repair_that_does_not_help_is_taken_back(tmp_path):
    async with World(tmp_path).running() as world:
        says = "console.error('error:0308010C:digital envelope routines::unsupported'); process.exit(1)"
        build = await world.build(world.drop_script(says))
        assert build.status is BuildStatus.FAILED
        (repair,) = build.repairs
        assert repair.code == "old-openssl"
        assert repair.summary.startswith("in vain")
        assert "taken back" in world.log(1)


async def test_what_only_checks_is_left_out_when_it_is_what_fails(tmp_path):
    def prepare(root, _order):
        if world.prepared[-1] == (True, False):
            (root / "check.js").write_text("")

    world = World(tmp_path)
    world.prepare = prepare
    files = {
        "package.json": json.dumps({"name": "x", "scripts": {"build": "node check.js && node build.js"}}),
        "check.js": f"console.error({json.dumps(TYPES)}); process.exit(2)",
        "build.js": WRITES_DIST,
    }
    async with world.running():
        build = await world.build(world.drop(files, CHECKED))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["without-checks"]


async def test_a_build_that_fails_with_our_edits_is_tried_without_them(tmp_path):
    def prepare(root, _order):
        if world.prepared[-1] == (False, True):
            (root / "build.js").write_text(WRITES_DIST)

    world = World(tmp_path)
    world.prepare = prepare
    async with world.running():
        build = await world.build(world.drop_script("throw new Error('of our own making')", recipe=BUILT))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["without-edits"]


async def test_a_build_without_our_edits_is_not_tried_twice(tmp_path):
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop_script("throw new Error('its own')", recipe=BUILT))
        assert build.status is BuildStatus.FAILED
        assert build.repairs == ()
        assert world.log(1).count("Node.js v") == 1


async def test_a_stale_cache_is_no_reason_to_fail(tmp_path):
    world = World(tmp_path)
    script = (
        "const fs = require('fs'); if (fs.existsSync('.next/cache')) throw new Error('a stale cache');"
        "fs.mkdirSync('.next/cache', { recursive: true }); fs.writeFileSync('.next/cache/x', '');"
        "fs.mkdirSync('out'); fs.writeFileSync('out/index.html', 'made');"
        "fs.writeFileSync('.next/required-server-files.json', JSON.stringify({config: {output: 'export'}}));"
    )
    recipe = Recipe(kind=Kind.NEXT_EXPORT, why="test", build=True, static_root="out")
    files = {
        "package.json": json.dumps({"name": "x", "scripts": {"build": "node make.js"}}),
        "make.js": script,
        "next/package.json": '{"version": "16.0.0"}',
    }

    def prepare(root, _order):
        (root / "node_modules" / "next").mkdir(parents=True, exist_ok=True)
        (root / "node_modules" / "next" / "package.json").write_text('{"version": "16.0.0"}')

    world.prepare = prepare
    async with world.running():
        first = await world.build(world.drop(files, recipe))
        assert first.status is BuildStatus.SUCCEEDED, world.log(1)
        second = await world.build(world.drop({"more.js": ""}, recipe))
        assert second.status is BuildStatus.SUCCEEDED, world.log(2)
        assert [repair.code for repair in second.repairs] == ["fresh-cache"]


async def test_a_repair_in_vain_leaves_the_next_one_what_it_found(tmp_path):
    said = f"console.error({json.dumps(TYPES)}); process.exit(2)"
    files = {
        "package.json": json.dumps({"name": "x", "scripts": {"build": "node check.js && node build.js"}}),
        "check.js": said,
        "build.js": said,
    }
    world, restored = World(tmp_path), []

    def prepare(root, _order):
        source_edits, checks = world.prepared[-1]
        if not checks:
            (root / "package.json").write_text(json.dumps({"name": "x", "scripts": {"build": "node build.js"}}))
        if not source_edits:
            restored.append("check.js" in (root / "package.json").read_text())
            (root / "other.js").write_text("")

    world.prepare = prepare
    async with world.running():
        build = await world.build(world.drop(files, CHECKED))
        assert build.status is BuildStatus.FAILED
        assert [repair.code for repair in build.repairs] == ["without-checks", "without-edits"]
        assert all(repair.summary.startswith("in vain") for repair in build.repairs)
        assert world.prepared == [(True, True), (True, False), (False, True)]
        assert restored == [True]


async def test_what_a_signal_ended_gets_less_memory(tmp_path):
    async with World(tmp_path).running() as world:
        script = "if (!process.env.NODE_OPTIONS) process.kill(process.pid, 'SIGKILL');" + WRITES_DIST
        build = await world.build(world.drop_script(script))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["heap"]


async def test_an_install_that_asks_for_a_variable_gets_one_and_never_the_drafts(tmp_path):
    check = (
        "if (!process.env.API_TOKEN) throw new Error('Missing required environment variable: API_TOKEN');"
        "if (process.env.API_TOKEN.includes('own')) throw new Error('the value of the draft');"
    )
    files = {
        "package.json": json.dumps(
            {"name": "x", "scripts": {"postinstall": "node check.js", "build": "node build.js"}}
        ),
        "check.js": check,
        "build.js": "if (process.env.API_TOKEN !== 'our own') throw new Error('another value');" + WRITES_DIST,
    }
    recipe = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist")
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop(files, recipe, environment={"API_TOKEN": "our own"}))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [(repair.code, repair.step) for repair in build.repairs] == [("placeholders", "install")]


async def test_a_lock_of_another_machine_is_left_out_with_what_it_installed(tmp_path):
    files = {
        "package.json": json.dumps(
            {"name": "x", "scripts": {"postinstall": "node after.js", "build": "node build.js"}}
        ),
        "package-lock.json": json.dumps({"name": "other", "lockfileVersion": 3, "packages": {"": {"name": "x"}}}),
        "after.js": (
            "const fs = require('fs'); fs.mkdirSync('node_modules', { recursive: true });"
            "if (fs.readFileSync('package-lock.json', 'utf8').includes('other')) fs.writeFileSync('node_modules/stale', '');"
        ),
        "build.js": (
            "if (require('fs').existsSync('node_modules/stale')) throw new Error("
            "'Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies');"
            + WRITES_DIST
        ),
    }
    recipe = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist")
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop(files, recipe))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["other-platform"]

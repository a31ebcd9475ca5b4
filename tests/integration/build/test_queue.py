"""The queue at work: order, slots, supersede, cancel, hostile builds."""

import asyncio
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from drafterd.build import release
from drafterd.build.settings import BuildSettings
from drafterd.domain.errors import BadDraft, Busy
from drafterd.domain.model import BuildStatus, Mend, Problem
from drafterd.domain.names import DraftId
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.probe import strongest
from tests.builders import eventually, free_port
from tests.integration.build.world import HELLO, SERVER, STATIC, WRITES_DIST, World

OTHER = DraftId("other")

WAITS = """
const fs = require('fs');
fs.writeFileSync('{flag}.tmp', String(process.pid));
fs.renameSync('{flag}.tmp', '{flag}');
setInterval(() => {{ if (fs.existsSync('{flag}.go')) {{ {then}; process.exit(0) }} }}, 20);
"""


def _waits(flag: Path, then: str = WRITES_DIST) -> str:
    return WAITS.format(flag=flag, then=then)


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


async def _begun(flag: Path) -> int:
    return int(await eventually(lambda: flag.exists() and flag.read_text(), within=30))


async def test_a_static_draft_becomes_a_release(tmp_path):
    async with World(tmp_path).running() as world:
        key = world.drop({"index.html": "<h1>hi", ".git-credentials": "x", ".well-known/a": "b", ".env": "A=1"})
        build = await world.build(key)
        assert build.status is BuildStatus.SUCCEEDED
        assert list(build.steps) == ["snapshot", "pack"]
        (release,) = world.queue.releases(HELLO)
        assert release.id == "r1"
        assert release.key == key
        assert release.static
        assert sorted(_names(release.path)) == [".well-known", "index.html"]
        assert world.queue.current(HELLO) is None
        await world.queue.promote(HELLO, release.id)
        assert world.queue.current(HELLO) == "r1"
        assert world.layout.current(HELLO).readlink() == Path("releases/r1")
        assert HELLO in world.changes


async def test_the_build_script_gets_the_drafts_variables_and_the_log_hides_them(tmp_path):
    async with World(tmp_path).running() as world:
        script = WRITES_DIST + ";console.log('value', process.env.GREETING, process.env.DRAFT_BASE_PATH)"
        key = world.drop_script(script, environment={"GREETING": "a-secret-value"}, base_path="/api/draft/hello")
        build = await world.build(key)
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert list(build.steps) == ["snapshot", "build", "pack"]
        (release,) = world.queue.releases(HELLO)
        assert (Path(release.path) / "index.html").read_text() == "<h1>a-secret-value"
        assert "value [GREETING] /api/draft/hello" in world.log(1)
        assert "a-secret-value" not in world.log(1)


async def test_install_scripts_see_neither_the_draft_nor_the_operator(tmp_path, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk_operator")
    async with World(tmp_path).running() as world:
        scripts = {"install": "node -e \"require('fs').writeFileSync('seen.json', JSON.stringify(process.env))\""}
        manifest = json.dumps({"name": "x", "version": "1.0.0", "scripts": scripts})
        recipe = replace(SERVER, install=True)
        key = world.drop({"package.json": manifest, "server.js": ""}, recipe, environment={"MY_KEY": "my-own-secret"})
        build = await world.build(key)
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        (release,) = world.queue.releases(HELLO)
        seen = json.loads((Path(release.path) / "seen.json").read_text())
        assert seen["CI"] == "1"
        assert seen["HOME"].startswith(str(world.layout.builds(HELLO)))
        assert not {"GROQ_API_KEY", "MY_KEY"} & seen.keys()
        assert release.argv == (str(world.layout.toolchain / "node"), "server.js")


async def test_a_lock_that_npm_refuses_is_no_reason_to_fail(tmp_path):
    async with World(tmp_path).running() as world:
        manifest = {"name": "x", "version": "1.0.0", "dependencies": {"dep": "file:./dep"}}
        files = {
            "package.json": json.dumps(manifest),
            "package-lock.json": json.dumps({"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}),
            "dep/package.json": json.dumps({"name": "dep", "version": "1.0.0"}),
            "server.js": "",
        }
        build = await world.build(world.drop(files, replace(SERVER, install=True)))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert len(build.repairs) == 1
        assert build.repairs[0].code == "unusable-lock"
        assert build.repairs[0].summary in world.log(1)
        (release,) = world.queue.releases(HELLO)
        assert (Path(release.path) / "node_modules" / "dep" / "package.json").exists()


async def test_a_failed_build_says_why_everywhere_and_its_notice_goes_with_the_next_success(tmp_path):
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop_script("console.log('working');\nthrow new Error('no luck at all')"))
        assert build.status is BuildStatus.FAILED
        assert build.step == "build"
        assert build.problem is not None
        assert build.problem.code == "build-failed"
        assert build.problem.summary == "Error: no luck at all"
        assert build.problem.where == "build.js:2"
        assert "working" in build.problem.tail
        assert world.ledger.builds(HELLO)[0] == build
        notice = world.layout.source(HELLO) / ".draft-failed.json"
        said = json.loads(notice.read_text())
        assert (said["code"], said["where"], said["build"]) == ("build-failed", "build.js:2", 1)
        assert (said["draft"], said["kind"], said["repairs"]) == ("hello", "static", [])
        assert "Correct the cause" in said["to_do"]
        assert said["excerpt"] == list(build.problem.excerpt)
        assert build.problem.excerpt == ("  1 | console.log('working');", "> 2 | throw new Error('no luck at all')")
        assert not world.queue.releases(HELLO)
        again = await world.build(world.drop_script(WRITES_DIST))
        assert again.status is BuildStatus.SUCCEEDED
        assert not notice.exists()


async def test_the_notice_is_never_written_through_a_link(tmp_path):
    async with World(tmp_path, sandbox="plain").running() as world:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        key = world.drop_script(_waits(tmp_path / "flag", "throw 1"))
        folder = world.layout.source(HELLO)
        (folder / ".draft-failed.json").symlink_to(outside / "kept")
        asked = await world.queue.enqueue(HELLO, key)
        await _begun(tmp_path / "flag")
        (tmp_path / "flag.go").touch()
        await world.ended(asked.number)
        assert (outside / "kept").read_text() == "kept"
        assert not (folder / ".draft-failed.json").is_symlink()

        (tmp_path / "flag.go").unlink()
        (tmp_path / "flag").unlink()
        asked = await world.queue.enqueue(HELLO, key)
        await _begun(tmp_path / "flag")
        folder.rename(tmp_path / "moved")
        folder.symlink_to(outside)
        (tmp_path / "flag.go").touch()
        await world.ended(asked.number)
        assert [path.name for path in outside.iterdir()] == ["kept"]


async def test_a_build_that_hangs_and_ignores_term_is_ended_with_all_it_started(tmp_path):
    async with World(tmp_path, settings=BuildSettings(timeout=3, grace=0.3), sandbox="plain").running() as world:
        script = f"""
        const {{ spawn }} = require('child_process');
        process.on('SIGTERM', () => {{}});
        const child = spawn('sleep', ['60'], {{ detached: true, stdio: 'ignore' }});
        require('fs').writeFileSync('{tmp_path}/pids', process.pid + ' ' + child.pid);
        console.log('waiting for nothing');
        setInterval(() => {{}}, 1000);
        """
        build = await world.build(world.drop_script(script))
        assert build.status is BuildStatus.TIMED_OUT
        assert build.problem is not None
        assert (build.problem.code, build.problem.step) == ("build-timeout", "build")
        assert build.problem.summary.startswith("the build step was still running when the build's time was over")
        assert "waiting for nothing" in build.problem.tail
        pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
        await eventually(lambda: not any(map(_alive, pids)))


async def test_a_build_that_is_killed_is_told_from_one_that_fails(tmp_path):
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop_script("process.kill(process.pid, 'SIGKILL')"))
        assert build.problem is not None
        assert build.problem.code == "build-killed"
        assert "SIGKILL" in build.problem.summary


async def test_a_flood_of_output_is_capped(tmp_path):
    async with World(tmp_path, settings=BuildSettings(output_max=50_000, timeout=60)).running() as world:
        script = "for (let i = 0; i < 20000; i++) console.log('x'.repeat(100));" + WRITES_DIST
        build = await world.build(world.drop_script(script))
        assert build.status is BuildStatus.SUCCEEDED
        assert len(world.log(1)) < 60_000


@pytest.mark.parametrize(
    ("link", "code"), [("/etc/passwd", "bad-link"), ("../other/secret", "bad-link"), (None, "no-output")]
)
async def test_what_cannot_be_served_is_refused_with_the_reason(tmp_path, link, code):
    async with World(tmp_path).running() as world:
        key = world.drop({"README": "x"}, replace(STATIC, static_root="" if link else "dist"))
        if link:
            (world.layout.source(HELLO) / "link").symlink_to(link)
            key = world.drop({})
        build = await world.build(key)
        assert build.problem is not None
        assert build.problem.code == code
        assert build.status is BuildStatus.FAILED


async def test_a_link_that_the_build_makes_is_not_served(tmp_path):
    async with World(tmp_path).running() as world:
        script = WRITES_DIST + ";require('fs').symlinkSync('/etc', 'dist/etc')"
        build = await world.build(world.drop_script(script))
        assert build.problem is not None
        assert build.problem.code == "bad-link"


async def test_an_output_folder_that_is_a_link_is_not_moved(tmp_path):
    async with World(tmp_path).running() as world:
        outside = tmp_path / "operators"
        outside.mkdir()
        (outside / "file").write_text("x")
        build = await world.build(world.drop_script(f"require('fs').symlinkSync('{outside}', 'dist')"))
        assert build.problem is not None
        assert build.problem.code == "no-output"
        assert (outside / "file").exists()


async def test_a_source_that_is_not_what_was_asked_for_is_superseded_but_not_for_ever(tmp_path):
    async with World(tmp_path).running() as world:
        key = world.drop({"index.html": "one"})
        (world.layout.source(HELLO) / "index.html").write_text("two")
        for _ in range(4):
            build = await world.build(key)
            assert (build.status, build.problem) == (BuildStatus.CANCELLED, None)
        last = await world.build(key)
        assert last.status is BuildStatus.FAILED
        assert last.problem is not None
        assert last.problem.code == "source-unsteady"
        assert last.problem.retry_at is not None


async def test_a_build_nobody_wants_any_more_is_superseded_when_its_turn_comes(tmp_path):
    world = World(tmp_path)
    key = world.drop({"index.html": "one"})
    await world.queue.enqueue(HELLO, key)
    world.want(key="newer")
    async with world.running():
        build = await world.ended(1)
        assert (build.status, build.problem) == (BuildStatus.CANCELLED, None)
        world.orders.clear()
        assert (await world.build(key)).status is BuildStatus.CANCELLED


async def test_a_newer_source_replaces_what_waits_and_ends_what_runs(tmp_path):
    async with World(tmp_path, sandbox="plain").running() as world:
        first = await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        pid = await _begun(tmp_path / "flag")
        assert await world.queue.enqueue(HELLO, first.key) == world.last()
        second = await world.queue.enqueue(HELLO, "key-between")
        third_key = world.drop_script(WRITES_DIST)
        third = await world.queue.enqueue(HELLO, third_key)
        assert await world.queue.enqueue(HELLO, third_key) == third
        assert [build.number for build in (first, second, third)] == [1, 2, 3]
        assert (await world.ended(3)).status is BuildStatus.SUCCEEDED
        assert not _alive(pid)
        assert [(b.number, b.status, b.problem) for b in world.queue.builds(HELLO)] == [
            (3, BuildStatus.SUCCEEDED, None),
            (2, BuildStatus.CANCELLED, None),
            (1, BuildStatus.CANCELLED, None),
        ]
        assert [release.id for release in world.queue.releases(HELLO)] == ["r3"]


async def test_a_clean_build_is_asked_for_of_what_waits_and_of_what_runs(tmp_path):
    async with World(tmp_path, settings=BuildSettings(slots=1, grace=1), sandbox="plain").running() as world:
        first = await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        await _begun(tmp_path / "flag")
        waits = await world.queue.enqueue(OTHER, "k")
        cleaned = await world.queue.enqueue(OTHER, "k", clean=True)
        assert (cleaned.number, cleaned.clean) == (waits.number, True)

        anew = await world.queue.enqueue(HELLO, first.key, clean=True)
        assert (anew.number, anew.clean) == (2, True)
        assert (await world.ended(1)).status is BuildStatus.CANCELLED


async def test_cancelling_waits_until_no_process_is_left_and_keeps_what_was_said(tmp_path):
    async with World(tmp_path, sandbox="plain").running() as world:
        problem = Problem(code="cancelled", summary="cancelled by the operator", mend=Mend.CONFIG)
        await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        await world.queue.enqueue(OTHER, world.drop({"index.html": "x"}, draft=OTHER))
        pid = await _begun(tmp_path / "flag")
        assert [build.draft for build in world.queue.queue()] == [HELLO, OTHER]
        await world.queue.cancel(OTHER, problem=problem)
        assert world.last(OTHER).status is BuildStatus.CANCELLED
        await world.queue.cancel(HELLO, problem=problem)
        assert not _alive(pid)
        assert (world.last().status, world.last().problem) == (BuildStatus.CANCELLED, problem)
        assert not world.queue.queue()
        assert not (world.layout.source(HELLO) / ".draft-failed.json").exists()


async def test_a_build_cancelled_at_once_is_not_left_running(tmp_path):
    async with World(tmp_path).running() as world:
        await world.build(world.drop({"index.html": "x"}))
        await world.queue.enqueue(HELLO, world.drop({"index.html": "y"}))
        await asyncio.sleep(0)  # it has a slot now, and its task has not begun
        assert world.last().status is BuildStatus.QUEUED
        await world.queue.cancel(HELLO)
        assert world.last().status is BuildStatus.CANCELLED
        assert (await world.build(world.orders[HELLO].key)).status is BuildStatus.SUCCEEDED


async def test_slots_bound_what_runs_and_turns_follow_the_asking(tmp_path):
    settings = BuildSettings(slots=2, grace=1)
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        drafts = [DraftId(name) for name in ("a", "b", "c", "d")]
        for draft in drafts:
            script = _waits(tmp_path / draft)
            await world.queue.enqueue(draft, world.drop_script(script, draft=draft))
        await _begun(tmp_path / "a")
        await _begun(tmp_path / "b")
        assert [build.draft for build in world.queue.queue()] == drafts
        running = [build.draft for build in world.queue.queue() if build.status is BuildStatus.RUNNING]
        assert running == drafts[:2]
        (tmp_path / "b.go").touch()
        await _begun(tmp_path / "c")
        assert not (tmp_path / "d").exists()
        for draft in drafts:
            (tmp_path / f"{draft}.go").touch()
        for draft in drafts:
            assert (await world.ended(1, draft)).status is BuildStatus.SUCCEEDED


async def test_one_more_runs_than_there_are_slots_while_many_wait(tmp_path):
    settings = BuildSettings(slots=1, burst_slots=1, grace=1, memory=lambda: (64 << 30, 0.0))
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        drafts = [DraftId(name) for name in ("a", "b", "c", "d", "e")]
        for draft in drafts:
            await world.queue.enqueue(draft, world.drop_script(_waits(tmp_path / draft), draft=draft))
        await _begun(tmp_path / "a")
        await _begun(tmp_path / "b")
        for draft in drafts[:2]:
            (tmp_path / f"{draft}.go").touch()
        await _begun(tmp_path / "c")
        await eventually(lambda: len(world.queue.queue()) == 3)
        assert not (tmp_path / "d").exists(), "two are not many"
        for draft in drafts:
            (tmp_path / f"{draft}.go").touch()
        for draft in drafts:
            assert (await world.ended(1, draft)).status is BuildStatus.SUCCEEDED


async def test_what_a_build_leaves_behind_holds_up_its_own_draft_only(tmp_path, monkeypatch):
    async with World(tmp_path, settings=BuildSettings(slots=1)).running() as world:
        scratch, remove, deleted = world.layout.scratch(HELLO), release.remove, threading.Event()

        def slowly(folder):
            if folder == scratch and folder.exists():
                deleted.wait(30)
            remove(folder)

        monkeypatch.setattr(release, "remove", slowly)
        try:
            await world.queue.enqueue(HELLO, world.drop({"index.html": "one"}))
            await eventually(lambda: world.last().status is BuildStatus.SUCCEEDED, within=20)
            await world.queue.enqueue(HELLO, world.drop({"index.html": "two"}))
            other = await world.build(world.drop({"index.html": "x"}, draft=OTHER), OTHER)
            assert other.status is BuildStatus.SUCCEEDED
            assert [(build.draft, build.status) for build in world.queue.queue()] == [(HELLO, BuildStatus.QUEUED)]
            assert world.queue.held_back(HELLO) == "waits until its build 1 has been cleared away"
        finally:
            deleted.set()
        assert (await world.ended(2)).status is BuildStatus.SUCCEEDED


async def test_what_somebody_looks_at_is_built_first(tmp_path):
    async with World(tmp_path, settings=BuildSettings(slots=1, grace=1), sandbox="plain").running() as world:
        drafts = [DraftId(name) for name in ("a", "b", "c")]
        for draft in drafts:
            await world.queue.enqueue(draft, world.drop_script(_waits(tmp_path / draft), draft=draft))
        await _begun(tmp_path / "a")
        with world.queue.watched(drafts[2]):
            assert [build.draft for build in world.queue.queue()] == ["a", "c", "b"]
            (tmp_path / "a.go").touch()
            await _begun(tmp_path / "c")
        assert not (tmp_path / "b").exists()
        (tmp_path / "c.go").touch()
        (tmp_path / "b.go").touch()
        assert (await world.ended(1, drafts[1])).status is BuildStatus.SUCCEEDED
        assert not world.queue._watched


async def test_a_build_does_nothing_for_the_next_one_while_others_wait(tmp_path):
    async with World(tmp_path, settings=BuildSettings(slots=1)).running() as world:
        tells = f"console.log(`lean [${{process.env.DRAFT_LEAN}}]`);{WRITES_DIST}"
        await world.queue.enqueue(HELLO, world.drop_script(tells))
        await world.queue.enqueue(OTHER, world.drop_script(tells, draft=OTHER))
        for draft, said in ((HELLO, "lean [1]"), (OTHER, "lean []")):
            assert (await world.ended(1, draft)).status is BuildStatus.SUCCEEDED
            assert said in world.queue.log_path(draft, 1).read_text()


async def test_a_further_build_waits_for_memory_and_says_so(tmp_path):
    free = [0]
    settings = BuildSettings(slots=2, grace=1, memory=lambda: (free[0], 0.0))
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        for draft in (HELLO, OTHER):
            await world.queue.enqueue(draft, world.drop_script(_waits(tmp_path / draft), draft=draft))
        await _begun(tmp_path / HELLO)
        assert world.queue.held_back(OTHER).startswith("waits for memory: 0.0 GB are free")
        assert not (tmp_path / OTHER).exists()
        free[0] = 10_000_000_000
        await _begun(tmp_path / OTHER)
        for draft in (HELLO, OTHER):
            (tmp_path / f"{draft}.go").touch()
            assert (await world.ended(1, draft)).status is BuildStatus.SUCCEEDED


async def test_builds_that_begin_together_share_the_memory_that_is_free(tmp_path):
    settings = BuildSettings(slots=8, grace=1, memory=lambda: (2_500_000_000, 0.0))
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        drafts = [DraftId(name) for name in "abcd"]
        for draft in drafts:
            await world.queue.enqueue(draft, world.drop_script(_waits(tmp_path / draft), draft=draft))
        for draft in drafts[:2]:
            await _begun(tmp_path / draft)
        assert [build.status for build in world.queue.queue()] == [BuildStatus.RUNNING] * 2 + [BuildStatus.QUEUED] * 2
        assert "just begun" in world.queue.held_back(drafts[2])
        for draft in drafts:
            (tmp_path / f"{draft}.go").touch()
        for draft in drafts:
            assert (await world.ended(1, draft)).status is BuildStatus.SUCCEEDED


async def test_what_waits_says_why_each_for_itself(tmp_path):
    settings = BuildSettings(slots=2, grace=1)
    third, fourth = DraftId("third"), DraftId("fourth")
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / HELLO)))
        await _begun(tmp_path / HELLO)
        await world.queue.enqueue(third, "k")
        await world.queue.enqueue(fourth, "k")
        assert world.queue.held_back(third) == ""
        assert world.queue.held_back(fourth) == "waits for a free build slot", "one is free, and not for it"
        await world.queue.enqueue(HELLO, "newer")
        assert world.queue.held_back(HELLO) == "waits until its build 1 has ended"
        await world.ended(1)


async def test_a_full_queue_says_so(tmp_path):
    world = World(tmp_path, settings=BuildSettings(queue_max=2))
    await world.queue.enqueue(DraftId("a"), "k")
    await world.queue.enqueue(DraftId("b"), "k")
    with pytest.raises(Busy, match="2 builds wait"):
        await world.queue.enqueue(DraftId("c"), "k")
    assert (await world.queue.enqueue(DraftId("b"), "k2")).status is BuildStatus.QUEUED


async def test_a_folder_removed_in_the_middle_ends_the_build_and_nothing_else(tmp_path):
    async with World(tmp_path, sandbox="plain").running() as world:
        key = world.drop({"index.html": "x"})
        (world.layout.source(HELLO) / "index.html").unlink()
        world.layout.source(HELLO).rmdir()
        assert (await world.build(key)).status is BuildStatus.CANCELLED
        asked = await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        await _begun(tmp_path / "flag")
        world.layout.builds(HELLO).rename(tmp_path / "taken")
        (tmp_path / "flag.go").touch()
        build = await world.ended(asked.number)
        assert build.status is BuildStatus.FAILED
        assert (await world.build(world.drop({"index.html": "y"}, draft=OTHER), OTHER)).status is BuildStatus.SUCCEEDED


async def test_an_error_of_the_preparation_is_a_problem(tmp_path):
    async with World(tmp_path).running() as world:

        def refuse(_root, _order):
            raise BadDraft("cannot be prepared", hint="do it")

        world.prepare = refuse
        build = await world.build(world.drop({"index.html": "x"}))
        assert build.problem is not None
        assert (build.problem.code, build.problem.summary, build.problem.hint) == (
            "bad-draft",
            "cannot be prepared",
            "do it",
        )

        def crash(_root, _order):
            raise ZeroDivisionError

        world.prepare = crash
        build = await world.build(world.orders[HELLO].key)
        assert build.problem is not None
        assert build.problem.code == "internal"


async def test_old_logs_and_builds_are_forgotten_and_numbers_go_on(tmp_path):
    async with World(tmp_path, settings=BuildSettings(keep_builds=2)).running() as world:
        for text in "abcd":
            await world.build(world.drop({"index.html": text}))
        assert [build.number for build in world.queue.builds(HELLO)] == [4, 3]
        assert not world.queue.log_path(HELLO, 2).exists()
        assert world.queue.log_path(HELLO, 3).exists()
        await world.queue.prune(HELLO, world.queue.releases(HELLO)[0].id)
        assert [release.id for release in world.queue.releases(HELLO)] == ["r2", "r3", "r4"]


async def test_losing_the_ledger_counts_on_from_what_is_on_disk(tmp_path):
    async with World(tmp_path).running() as world:
        await world.build(world.drop({"index.html": "a"}))
        await world.queue.promote(HELLO, world.queue.releases(HELLO)[0].id)
    for path in world.layout.state.glob("drafterd.db*"):
        path.unlink()
    async with World(tmp_path).running() as world:
        assert world.queue.builds(HELLO) == ()
        assert world.queue.current(HELLO) == "r1"
        assert (await world.build(world.drop({"index.html": "b"}))).number == 2


async def test_discarding_leaves_only_what_others_keep(tmp_path):
    async with World(tmp_path, sandbox="plain").running() as world:
        await world.build(world.drop({"index.html": "a"}))
        await world.queue.promote(HELLO, world.queue.releases(HELLO)[0].id)
        world.layout.home_port(HELLO).write_text("3001")
        world.layout.build_log(HELLO, 1).with_name("app.log").touch()
        await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        pid = await _begun(tmp_path / "flag")
        await world.queue.discard(HELLO)
        assert not _alive(pid)
        assert world.queue.releases(HELLO) == ()
        assert world.queue.current(HELLO) is None
        left = sorted(str(path.relative_to(world.layout.draft(HELLO))) for path in world.layout.draft(HELLO).rglob("*"))
        assert left == ["log", "log/app.log", "port"]
        assert (world.layout.source(HELLO) / "index.html").exists()


async def test_the_end_of_the_daemon_interrupts_what_runs_and_keeps_what_waits(tmp_path):
    began = time.monotonic()
    async with World(tmp_path, sandbox="plain").running() as world:
        await world.queue.enqueue(HELLO, world.drop_script(_waits(tmp_path / "flag")))
        await world.queue.enqueue(OTHER, world.drop({"index.html": "x"}, draft=OTHER))
        pid = await _begun(tmp_path / "flag")
    assert not _alive(pid)
    assert time.monotonic() - began < 20
    assert world.last().status is BuildStatus.CANCELLED
    assert world.last().problem is None  # asked for again, and not held against it
    assert world.last(OTHER).status is BuildStatus.QUEUED
    again = World(tmp_path)
    again.orders.update(world.orders)
    async with again.running():
        assert (await again.ended(1, OTHER)).status is BuildStatus.SUCCEEDED
        assert again.last().status is BuildStatus.CANCELLED


async def test_walls_that_cannot_be_made_are_not_the_drafts_fault(tmp_path):
    machine = strongest().machine
    if machine is None:
        pytest.skip(strongest().reason)
    world = World(tmp_path, sandbox="bubblewrap")
    assert isinstance(world.sandbox, BubblewrapSandbox)
    world.sandbox._machine = replace(machine, links={"/usr/cannot-be-made": "x"})
    async with world.running():
        build = await world.build(world.drop_script(WRITES_DIST))
        assert build.problem is not None
        assert (build.problem.code, build.problem.mend) == ("sandbox-failed", Mend.MACHINE)
        assert "/usr/cannot-be-made" in build.problem.summary
        assert build.problem.retry_at is not None
        world.sandbox._machine = machine
        feigned = await world.build(world.drop_script("console.log('bwrap: No permissions'); process.exit(1)"))
        assert feigned.problem is not None
        assert feigned.problem.code == "build-failed"


async def test_a_registry_that_cannot_be_reached_is_the_machines_fault_and_tried_again(tmp_path):
    settings = BuildSettings(surroundings={"npm_config_registry": f"http://127.0.0.1:{free_port()}/"})
    async with World(tmp_path, settings=settings, sandbox="plain").running() as world:
        manifest = json.dumps({"name": "x", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}})
        build = await world.build(world.drop({"package.json": manifest}, replace(SERVER, install=True)))
        assert build.problem is not None
        assert (build.problem.code, build.problem.mend) == ("npm-network", Mend.MACHINE)
        assert build.problem.retry_at is not None
        assert build.problem.retry_at > time.time()

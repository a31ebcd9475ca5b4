"""The commands against a real API: what they print, what they change, how they end."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from drafterd.cli import app
from drafterd.domain.model import BuildStatus, Edit, Goal, Intent, Mend, Problem
from drafterd.domain.names import DraftId
from drafterd.domain.repair import Repair
from drafterd.domain.report import Undone
from tests.builders import a_build, a_live_view, a_record, an_instance, eventually
from tests.integration.web.world import a_world
from tests.unit.fix.folders import folder, snapshot


@pytest.fixture
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made


async def call(world, *words):
    """In a thread: the server answers in this one."""
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--socket", str(world.socket)])


def put_live(world, name="hello", **changes):
    view = a_live_view(**changes)
    fields = {field: getattr(view, field) for field in view.__slots__ if field != "draft"}
    return world.put(name, **fields)


async def test_ls_shows_each_draft_and_in_json_the_apis_shape(world):
    put_live(world)
    world.put("other", builds=(a_build(1, status=BuildStatus.RUNNING, step="install", started=1.0),))
    result = await call(world, "ls")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].split()[:3] == ["hello", "ready", "http://localhost:8080/api/draft/hello"]
    assert lines[2].split()[:2] == ["other", "building"]
    assert "building: install" in lines[2]
    async with world.http.get(f"{world.api}/api/v1/drafts", headers=world.token) as answer:
        told = await answer.json()
    found = json.loads((await call(world, "ls", "--json")).stdout)
    assert [item["id"] for item in found["items"]] == [item["id"] for item in told["items"]] == ["hello", "other"]
    assert found["items"][0] == told["items"][0]


async def test_ls_goes_through_all_pages(world):
    for number in range(1100):
        world.put(f"d{number}")
    found = json.loads((await call(world, "ls", "--json")).stdout)
    assert len(found["items"]) == 1100
    assert found["next"] is None


async def test_ls_by_state(world):
    put_live(world)
    world.put("other")
    result = await call(world, "ls", "--state", "ready")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["DRAFT", "hello"]
    none = await call(world, "ls", "--state", "failed")
    assert (none.exit_code, none.stdout) == (0, "")


async def test_ls_tells_of_folders_that_cannot_be_taken(world):
    world.doors.rejects["a b"] = Problem(code="bad-name", summary="cannot be \x1b[31mused")
    result = await call(world, "ls")
    assert "a b: cannot be used" in result.stderr
    assert "\x1b" not in result.output


async def test_show(world):
    problem = Problem(code="x", summary="it broke", where="app/page.tsx:3", hint="mend it", tail=("boom",))
    put_live(
        world, instances=(an_instance(1, pid=42),), builds=(a_build(2, "k1", BuildStatus.FAILED, problem=problem),)
    )
    result = await call(world, "show", "hello")
    assert result.exit_code == 0
    assert "pid 42" in result.stdout
    assert json.loads((await call(world, "show", "hello", "--json")).stdout)["id"] == "hello"


REPAIR = Repair(code="webpack", step="build", summary="built with \x1b[31mwebpack", reason="ERROR: no")


async def test_show_tells_repairs_edits_and_what_could_be_done(world):
    problem = Problem(
        code="x",
        summary="it broke",
        hint="mend it",
        mend=Mend.CONFIG,
        proposals=("add the file",),
        excerpt=("> 3 | here",),
        tail=("boom",),
    )
    other = dataclasses.replace(REPAIR, code="legacy-peers", step="install", summary="peers are left out")
    put_live(
        world,
        builds=(
            a_build(2, "k1", BuildStatus.FAILED, problem=problem, repairs=(REPAIR,)),
            a_build(1, repairs=(other,)),
        ),
        fix=a_record(edits=(Edit(file="a", rule="r", before="", after="", reason="x"),)),
    )
    lines = [" ".join(line.split()) for line in (await call(world, "show", "hello")).stdout.splitlines()]
    for wanted in (
        "repair build tried again: built with webpack [webpack]",
        "r1 install tried again: peers are left out [legacy-peers]",
        "edits 1 in its files (drafterd fixes hello)",
        "hint: mend it",
        "mend: the configuration",
        "could: add the file",
        "> 3 | here",
        "| boom",
    ):
        assert wanted in lines
    assert "live with 1 repair; it broke" in (await call(world, "ls")).stdout


async def test_repairs_are_told_while_one_waits(world):
    draft = put_live(world)
    waiting = asyncio.ensure_future(call(world, "build", "hello", "--wait"))  # noqa: TID251 - awaited below
    await eventually(lambda: len(world.views[draft].builds) == 2)
    problem = Problem(code="x", summary="it broke", proposals=("add the file",), tail=("boom",))
    failed = a_build(2, status=BuildStatus.FAILED, problem=problem, repairs=(REPAIR,), started=1.0, finished=9.0)
    put_live(world, builds=(failed, a_build(1)))
    result = await waiting
    assert result.exit_code == 4
    for wanted in ("build tried again: built with webpack [webpack]", "could: add the file", "| boom"):
        assert wanted in result.stderr
    world.put("other", builds=(failed,))
    result = await call(world, "wait", "other")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.count("build tried again") == 1
    assert "could: add the file" in result.stderr


@pytest.mark.parametrize(
    "command", ["show", "logs", "build", "wait", "cancel", "start", "stop", "restart", "rm", "fixes"]
)
async def test_a_draft_that_is_not_there_is_exit_code_3(world, command):
    for name in ("nope", "a b"):
        result = await call(world, command, name)
        assert result.exit_code == 3
        assert result.stdout == ""
        assert "error:" in result.stderr


async def test_logs_of_builds(world):
    put_live(world, builds=(a_build(2), a_build(1)), instances=())
    (world.state / "hello-2.log").write_bytes(b"== build\n\x1b[31mError: boom\x1b[0m\nfine\n")
    (world.state / "hello-1.log").write_bytes(b"old\n")
    assert (await call(world, "logs", "hello")).stdout == "== build\nError: boom\nfine\n"
    assert (await call(world, "logs", "hello", "--build")).stdout == "== build\nError: boom\nfine\n"
    assert (await call(world, "logs", "hello", "--build", "1")).stdout == "old\n"
    assert (await call(world, "logs", "hello", "--build", "--errors")).stdout == "Error: boom\n"
    problem = Problem(code="build-failed", summary="Error: boom", where="app/page.jsx:3:1")
    put_live(world, builds=(a_build(2, status=BuildStatus.FAILED, problem=problem), a_build(1)), instances=())
    many = "".join(f"line {number}\n" for number in range(40))
    (world.state / "hello-2.log").write_text(f"{many}Error: boom\n{many}")
    failed = await call(world, "logs", "hello", "--build", "--errors")
    assert "Error: boom (app/page.jsx:3:1)" in failed.stderr
    assert failed.stdout.splitlines()[9:12] == ["  line 39", "> Error: boom", "  line 0"]
    assert len(failed.stdout.splitlines()) == 21
    lines = (await call(world, "logs", "hello", "--build", "1", "--json")).stdout.splitlines()
    said = {"time": "", "step": "", "kind": "output", "error": False}
    assert [json.loads(line) for line in lines] == [{"draft": "hello", "build": 1, "line": "old", **said}]


async def test_times_and_steps_of_a_builds_lines(world):
    put_live(world, builds=(a_build(1),), instances=())
    now = "2026-11-24T03:30:00.500Z"
    (world.state / "hello-1.log").write_text(f"{now} == build\n{now} \x1b[32mdone\x1b[0m\n{now} -- ours\n")
    shown = (await call(world, "logs", "hello", "--build")).stdout
    assert shown == f"{now} == build\n{now} done\n{now} -- ours\n"
    assert (await call(world, "logs", "hello", "--build", "--no-times")).stdout == "== build\ndone\n-- ours\n"
    lines = (await call(world, "logs", "hello", "--build", "--json")).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [(line["time"], line["step"], line["kind"], line["line"]) for line in found] == [
        (now, "build", "step", "build"),
        (now, "build", "output", "done"),
        (now, "build", "note", "ours"),
    ]


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
async def test_colours_of_a_log_are_for_terminals_that_have_them(world, environ, coloured):
    put_live(world, builds=(a_build(1),), instances=())
    (world.state / "hello-1.log").write_bytes(b"\x1b[32mdone\n\x1b]0;title\x07\x1b[2Jnot moved\n")
    terminal, ours = os.openpty()
    async with started(
        world, "logs", "hello", "--build", stdout=ours, env={**os.environ, "TERM": "xterm", **environ}
    ) as process:
        os.close(ours)
        assert await process.wait() == 0
    shown = os.read(terminal, 4096)
    os.close(terminal)
    assert shown.startswith(b"\x1b[32mdone\x1b[0m\r\n" if coloured else b"done\r\n")
    assert shown.endswith(b"\r\nnot moved\r\n")


async def test_a_log_that_is_not_there_yet_is_not_a_missing_draft(world):
    put_live(world)
    assert (await call(world, "logs", "hello", "--build")).exit_code == 1
    assert (await call(world, "logs", "hello", "1")).exit_code == 2
    world.put("fresh")
    assert (await call(world, "logs", "fresh")).exit_code == 1


async def test_logs_of_the_running_program(world):
    put_live(world, instances=(an_instance(1, pid=42),))
    (world.state / f"{an_instance(1).id}-0.log").write_bytes(b"listening\n")
    assert (await call(world, "logs", "hello")).stdout == "listening\n"


async def test_logs_follow_a_build_to_its_end(world):
    running = a_build(1, status=BuildStatus.RUNNING, step="build", started=1.0)
    world.put("hello", builds=(running,))
    log = world.state / "hello-1.log"
    log.write_bytes(b"first\n")
    async with started(world, "logs", "hello", "--build", "-f") as process:
        assert await process.stdout.readline() == b"first\n"
        with log.open("ab") as file:
            file.write(b"second\n")
        assert await process.stdout.readline() == b"second\n"
        world.put("hello", builds=(a_build(1),))
        assert await process.wait() == 0
        assert b"build 1 of hello: succeeded" in await process.stderr.read()


async def test_logs_follow_a_program_through_a_rotation_until_interrupted(world):
    put_live(world, instances=(an_instance(1, pid=42),))
    log = world.state / f"{an_instance(1).id}-0.log"
    log.write_bytes(b"first\n")
    async with started(world, "logs", "hello", "-f") as process:
        assert await process.stdout.readline() == b"first\n"
        with log.open("ab") as file:
            file.write(b"sec")
            file.flush()
            file.write(b"ond\n")
        assert await process.stdout.readline() == b"second\n"
        log.write_bytes(b"new\n")
        assert await process.stdout.readline() == b"new\n"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert b"Traceback" not in await process.stderr.read()


@asynccontextmanager
async def started(world, *words, **streams):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    argv = (sys.executable, "-m", "drafterd", *words, "--socket", str(world.socket))
    process = await asyncio.create_subprocess_exec(*argv, **pipes)
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_ls_watch_tells_changes_and_ends_quietly(world):
    put_live(world)
    async with started(world, "ls", "--watch") as process:
        assert (await process.stdout.readline()).startswith(b"hello  ready")
        world.drop("hello")
        assert await process.stdout.readline() == b"hello  gone\n"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert await process.stderr.read() == b""


async def test_a_reader_who_has_seen_enough_gets_no_traceback(world):
    for number in range(1000):
        world.put(f"d{number}")
    reading, writing = os.pipe()
    async with started(world, "ls", "--json", stdout=writing) as process:
        os.close(writing)
        os.close(reading)
        _, said = await process.communicate()
        assert (process.returncode, said) == (1, b"")


async def test_build_asks_for_one(world):
    put_live(world)
    result = await call(world, "build", "hello", "--clean", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["clean"] is True
    assert "build 2 of hello: queued" in result.stderr


@pytest.mark.parametrize(
    ("status", "code"), [(BuildStatus.SUCCEEDED, 0), (BuildStatus.FAILED, 4), (BuildStatus.CANCELLED, 4)]
)
async def test_build_wait_ends_as_the_build_does(world, status, code):
    draft = put_live(world)
    waiting = asyncio.ensure_future(call(world, "build", "hello", "--wait"))  # noqa: TID251 - awaited below
    await eventually(lambda: len(world.views[draft].builds) == 2)
    problem = None if status is BuildStatus.SUCCEEDED else Problem(code="x", summary="it broke", hint="so")
    put_live(world, builds=(a_build(2, status=status, problem=problem, started=1.0, finished=9.0), a_build(1)))
    result = await waiting
    assert result.exit_code == code
    assert ("it broke" in result.stderr) == (code == 4)


async def test_build_of_what_cannot_be_built_is_exit_code_6(world):
    world.put("hello", fix=None, key=None)
    result = await call(world, "build", "hello")
    assert result.exit_code == 6


async def test_wait_ends_when_the_draft_is_ready(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, started=1.0),))
    waiting = asyncio.ensure_future(call(world, "wait", "hello", "--timeout", "20"))  # noqa: TID251 - awaited below
    await eventually(lambda: world.control._subscribers)
    put_live(world)
    result = await waiting
    assert result.exit_code == 0
    assert result.stdout == "http://localhost:8080/api/draft/hello\n"


async def test_wait_for_what_fails_is_exit_code_4(world):
    problem = Problem(code="no-build", summary="there is nothing to serve", hint="add a page")
    world.put("hello", fix=a_record(problem=problem, recipe=None), key=None)
    result = await call(world, "wait", "hello")
    assert result.exit_code == 4
    assert "there is nothing to serve" in result.stderr
    assert (await call(world, "wait", "hello", "--for", "failed")).exit_code == 0


async def test_wait_gives_up_with_exit_code_124(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, started=1.0),))
    result = await call(world, "wait", "hello", "--timeout", "0.2")
    assert result.exit_code == 124
    assert "it is building" in result.stderr


async def test_wait_looks_for_a_folder_that_was_only_just_dropped(world):
    waiting = asyncio.ensure_future(call(world, "wait", "hello"))  # noqa: TID251 - awaited below
    await eventually(lambda: world.doors.scans)
    put_live(world)
    assert (await waiting).exit_code == 0


async def test_cancel(world):
    draft = world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, started=1.0),))
    assert (await call(world, "cancel", "hello")).exit_code == 0
    assert world.views[draft].builds[0].status is BuildStatus.CANCELLED
    assert (await call(world, "cancel", "hello")).exit_code == 6


async def test_stop_start_and_rm_change_what_is_wanted(world):
    draft = put_live(world)
    result = await call(world, "stop", "hello")
    assert (result.exit_code, result.stderr) == (0, "hello is paused\n")
    assert world.views[draft].intent.goal is Goal.PAUSE
    assert (await call(world, "start", "hello")).exit_code == 0
    assert world.views[draft].intent.goal is Goal.RUN
    assert (await call(world, "rm", "hello")).exit_code == 0
    assert world.views[draft].intent.goal is Goal.REMOVE


async def test_rm_purge_deletes_the_folder(world):
    put_live(world)
    folder = world.state / "drafts-in/hello"
    folder.mkdir(parents=True)
    assert (await call(world, "rm", "hello")).exit_code == 0
    assert folder.exists()
    assert (await call(world, "rm", "hello", "--purge")).exit_code == 0
    assert not folder.exists()


async def test_queue_and_routes(world):
    world.put("hello", builds=(a_build(3, status=BuildStatus.QUEUED),))
    found = await call(world, "queue")
    assert found.stdout.splitlines()[1].split()[:3] == ["hello", "3", "1"]
    assert json.loads((await call(world, "queue", "--json")).stdout)["items"][0]["draft"] == "hello"
    assert json.loads((await call(world, "routes", "--json")).stdout)["items"] == []


async def test_fixes(world):
    put_live(world)
    found = json.loads((await call(world, "fixes", "hello", "--json")).stdout)
    assert found["kind"] == "node"


async def test_fixes_can_be_taken_back(world):
    put_live(world)
    world.doors.undoes = Undone(restored=("package.json",))
    result = await call(world, "fixes", "hello", "--undo")
    assert (result.exit_code, result.stdout) == (0, "package.json: as its author had it\n")
    assert "nothing to take back" in (await call(world, "fixes", "hello", "--undo")).stderr
    world.doors.undoes = Undone(left={"auth.ts": "it was changed since"})
    result = await call(world, "fixes", "hello", "--undo", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"restored": [], "left": {"auth.ts": "it was changed since"}}
    assert (await call(world, "fixes", "other", "--undo")).exit_code == 3


@pytest.mark.parametrize("place", ["elsewhere", ".drafts"])
def test_a_folder_can_be_fixed_and_put_back_without_a_daemon(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    root = folder(tmp_path / place / "d", {"package.json": '{"dependencies":{"next":"16"},}', "next.config.js": ""})
    before = snapshot(root)

    def fix(*options):
        return CliRunner().invoke(app, ["fix", str(root), *options])

    assert fix("--check").exit_code == 1
    assert fix("--dry-run").exit_code == 0
    assert "+++ b/package.json" in fix("--diff").stdout
    assert snapshot(root) == before
    assert fix().exit_code == 0
    assert fix("--check").exit_code == 0
    assert fix("--diff").stdout == ""
    assert fix("--undo", "--check").exit_code == 2
    assert "package.json: as its author had it" in fix("--undo").stdout
    left = snapshot(root)
    assert {name: data for name, data in left.items() if not name.startswith(".draft-undo/")} == before
    assert (tmp_path / ".drafterd/drafts/d/originals").exists() is (place == ".drafts")
    assert (root / ".draft-undo").exists() is (place != ".drafts")
    assert "nothing to take back" in fix("--undo").stderr
    assert fix().exit_code == 0
    assert "next build" in (root / "package.json").read_text()


async def test_health(world):
    assert (await call(world, "health")).exit_code == 0
    world.doors.up = False
    result = await call(world, "health", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert {check["name"] for check in found["checks"] if not check["ok"]} == {"proxy"}


async def test_by_url_the_token_is_needed_for_what_changes(world, monkeypatch, tmp_path):
    put_live(world)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    async def by_url(*words):
        return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--url", world.api])

    assert (await by_url("ls")).exit_code == 0
    refused = await by_url("stop", "hello")
    assert refused.exit_code == 1
    assert "token" in refused.stderr
    assert world.views[DraftId("hello")].intent.goal is Goal.RUN
    with_token = await by_url("stop", "hello", "--token-file", str(world.state / "token"))
    assert with_token.exit_code == 0
    monkeypatch.setenv("DRAFTERD_URL", world.api)
    assert (await asyncio.to_thread(CliRunner().invoke, app, ["ls"])).exit_code == 0


async def test_what_is_not_drafterd_is_said(tmp_path):
    async def other(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    path = tmp_path / "o.sock"
    server = await asyncio.start_unix_server(other, path)
    async with server:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["ls", "--socket", str(path)])
    assert result.exit_code == 1
    assert "not drafterd" in result.stderr


async def test_a_dead_socket_of_this_folder_is_passed_over(world, monkeypatch, tmp_path):
    run = tmp_path / "c/.drafterd/run"
    run.mkdir(parents=True)
    (run / "drafterd.sock").touch()
    monkeypatch.chdir(tmp_path / "c")
    monkeypatch.setattr("drafterd.cli.client.SYSTEM_SOCKET", world.socket)
    assert (await asyncio.to_thread(CliRunner().invoke, app, ["ls"])).exit_code == 0


async def test_a_paused_draft_says_so(world):
    put_live(world, intent=Intent(goal=Goal.PAUSE), instances=())
    result = await call(world, "ls")
    assert result.stdout.splitlines()[1].split()[1] == "paused"

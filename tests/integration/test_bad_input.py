"""Bad input: one clear problem each, and the rest goes on. One real daemon for all of them."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys

import psutil
import pytest
import pytest_asyncio

from tests.builders import eventually
from tests.server import Server, node_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    changes = {"build": {"timeout": "6s"}, "run": {"start_timeout": "5s"}}
    async with Server(tmp_path_factory.mktemp("bad"), **changes) as server:
        server.drop("good", node_server("good"))
        await server.until("good", "ready")
        yield server
        assert (await server.visit("/api/draft/good/"))[:2] == (200, "good /")


def with_build(script):
    """A node server whose build is this JavaScript."""
    files = node_server()
    package = json.loads(files["package.json"])
    package["scripts"]["build"] = "node build.js"
    return {**files, "package.json": json.dumps(package), "build.js": script}


def with_server(script):
    return {**node_server(), "server.js": script}


ON_OTHER_PORTS = (
    "for (const more of [30, 31])"
    " require('http').createServer((q, r) => r.end('x')).listen(+process.env.PORT + more, '127.0.0.1')"
)

CASES = {
    "empty": ({}, "empty-folder", None),
    "broken-json": (
        {"package.json": '{\n  "name": "x",\n  "scripts": {"start": node}\n}'},
        "bad-package-json",
        "package.json:3:24",
    ),
    "nothing": ({"package.json": '{"name": "x"}', "notes.txt": "?"}, "unknown-kind", None),
    "fails": (with_build("console.error('Error: no such thing'); process.exit(3)"), "build-failed", None),
    "hangs": (with_build("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"), "build-timeout", None),
    "killed": (with_build("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)"), "build-killed", None),
    "silent": (with_server("setInterval(() => {}, 1000)"), "never-listened", None),
    "exits": (with_server("console.log('going'); process.exit(7)"), "exited", None),
    "elsewhere": (with_server(ON_OTHER_PORTS), "wrong-port", None),
}


@pytest.mark.parametrize("draft", CASES)
async def test_one_clear_problem(server, draft):
    files, code, where = CASES[draft]
    server.drop(draft, files)

    report = await server.until(draft, "failed", within=60)

    problem = report["problem"]
    assert problem["code"] == code, problem
    assert problem["summary"]
    assert problem["hint"]
    assert problem["mend"] == ("machine" if draft == "killed" else "draft")
    if where:
        assert problem["where"] == where
    status, _, headers = await server.visit(f"/api/draft/{draft}/", headers={"Accept": "text/html"})
    assert status == 503
    assert headers["X-Draft-State"] == "failed"
    assert headers["Cache-Control"] == "no-store"
    assert "Retry-After" in headers
    status, body, headers = await server.visit(f"/api/draft/{draft}/", headers={"Accept": "application/json"})
    assert headers["Content-Type"].startswith("application/problem+json")
    assert json.loads(body)["code"] == code
    await eventually(lambda: server.processes(lambda p: draft in str(p.cwd())) == [], within=20)


async def test_a_mended_draft_goes_live(server):
    server.drop("mended", with_build("process.exit(1)"))
    await server.until("mended", "failed")
    assert (server.drafts / "mended" / ".draft-failed.json").exists()
    server.drop("mended", {"build.js": "console.log('fine')"})
    await server.until("mended", "ready")
    assert not (server.drafts / "mended" / ".draft-failed.json").exists()
    assert (await server.visit("/api/draft/mended/x"))[:2] == (200, "hello /x")


async def test_a_failed_update_leaves_the_good_release_up(server):
    server.drop("steady", node_server("one"))
    await server.until("steady", "ready")
    server.drop("steady", {"server.js": "process.exit(1)"})
    report = await eventually_problem(server, "steady")
    assert (report["state"], report["serving"]) == ("ready", "r1")
    assert report["problem"]["code"] == "exited"
    assert (await server.visit("/api/draft/steady/"))[:2] == (200, "one /")


async def eventually_problem(server, draft):
    async def found():
        report = await server.draft(draft)
        return report if report["problem"] and report["work"] == "none" else None

    return await eventually(found, within=60, every=0.1)


async def test_a_link_out_of_the_folder(server):
    folder = server.drop("linked", node_server())
    (folder / "secret").symlink_to("/etc/passwd")
    report = await server.until("linked", "failed")
    assert report["problem"]["code"] == "bad-link"
    assert "secret" in report["problem"]["summary"]


async def test_strangers_on_our_ports(server):
    """The home port of the next draft is taken before it starts: it runs on another one."""
    with contextlib.ExitStack() as stack:
        free = []
        for port in range(server.config["ports"]["first"], server.config["ports"]["last"]):
            stranger = stack.enter_context(socket.socket())
            try:
                stranger.bind(("127.0.0.1", port))
            except OSError:
                continue
            stranger.listen()
            free.append(port)
            if len(free) == 3:
                break
        server.drop("crowded", node_server("crowded"))
        report = await server.until("crowded", "ready")
        assert report["port"] not in free
        assert (await server.visit("/api/draft/crowded/"))[:2] == (200, "crowded /")


async def test_a_folder_removed_while_it_builds(server):
    folder = server.drop("fleeting", with_build("setInterval(() => {}, 1000)"))
    await eventually(lambda: is_building(server, "fleeting"), within=30)
    folder.rename(server.root / "fleeting")
    await eventually(lambda: is_gone(server, "fleeting"), within=30)
    await eventually(lambda: server.processes(lambda p: "fleeting" in str(p.cwd())) == [], within=20)


async def is_building(server, draft):
    return (await server.draft(draft)).get("state") == "building"


async def is_gone(server, draft):
    status, _, _ = await server.visit(f"/api/draft/{draft}/")
    report = await server.draft(draft)
    return status == 404 and report.get("state", "removing") == "removing"


@pytest.mark.parametrize("name", ["a b", "-x", "ünï", "y" * 255])
async def test_unusable_names_are_listed_with_a_hint(server, name):
    folder = server.drafts / name
    folder.mkdir()
    (folder / "index.html").write_text("never served")
    await server.call("POST", "/api/v1/scan")

    _, status = await server.call("GET", "/api/v1/status")

    shown = ascii(name)[1:-1]
    assert shown in json.dumps(status, ensure_ascii=False).replace("\\\\", "\\")
    assert "rename the folder" in json.dumps(status)
    folder.rename(server.root / str(abs(hash(name))))


async def test_a_source_that_changes_while_it_builds_ends_as_its_newest_version(server):
    slow = "setTimeout(() => {}, 1500)"
    server.drop("moving", {**with_build(slow), "server.js": node_server("one")["server.js"]})
    await eventually(lambda: is_building(server, "moving"), within=30)
    server.drop("moving", {"server.js": node_server("two")["server.js"]})
    await eventually(lambda: answers(server, "moving", "two /"), within=60, every=0.1)


async def answers(server, draft, text):
    return (await server.visit(f"/api/draft/{draft}/"))[1] == text


async def test_a_renamed_folder_is_a_removal_and_an_arrival(server):
    folder = server.drop("before", node_server("same"))
    await server.until("before", "ready")
    folder.rename(server.drafts / "after")
    await server.until("after", "ready")
    assert await eventually(lambda: is_gone(server, "before"), within=20)


async def test_an_unknown_draft_is_a_404(server):
    status, body, headers = await server.visit("/api/draft/nobody/", headers={"Accept": "application/json"})
    assert status == 404
    assert headers["Content-Type"].startswith("application/problem+json")
    assert json.loads(body)["code"] == "no-such-draft"


async def test_a_second_daemon_on_the_same_state_is_refused(server):
    file = server.root / "drafterd.yaml"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drafterd", "up", "--config", str(file), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(other.communicate(), 30)
    assert other.returncode == 1
    assert f"another drafterd works on {server.state}" in said.decode()


async def test_the_proxy_dies_and_comes_back(server):
    (proxy,) = server.processes(lambda p: "traefik" in p.name())
    proxy.send_signal(signal.SIGKILL)
    await eventually(lambda: replaced(server, proxy.pid), within=30)
    await eventually(lambda: answers_again(server), within=30, every=0.1)


def replaced(server, pid):
    return server.processes(lambda p: "traefik" in p.name() and p.pid != pid and p.is_running())


async def answers_again(server):
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        return (await server.visit("/api/draft/good/"))[:2] == (200, "good /")
    return False


async def test_the_supervisor_dies_and_everything_comes_back_once(server):
    supervisor = await supervisor_of(server)
    os.kill(supervisor, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(supervisor), within=10)
    await eventually(lambda: answers_again(server), within=60, every=0.2)
    await server.until("good", "ready")
    running = server.processes(lambda p: p.environ().get("DRAFTERD_INSTANCE") == "good.r1" and p.name() != "bwrap")
    assert len(running) == 1


async def supervisor_of(server):
    found = server.processes(lambda p: any("supervisord" in word for word in p.cmdline()[:3]))
    assert len(found) == 1
    return found[0].pid


async def test_ctrl_c_leaves_nothing_running(tmp_path):
    async with Server(tmp_path) as server:
        server.drop("a", node_server())
        await server.until("a", "ready")
        assert await server.stop() == 0
        await eventually(lambda: server.processes() == [], within=10)

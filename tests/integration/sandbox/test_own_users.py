"""Users of their own, in what is a plain container for all that drafterd can tell: no mounts, no namespaces, no traces."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from drafterd.domain.model import Address, InstanceSpec
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.sandbox import own_users
from drafterd.sandbox.own_users import OwnUsersSandbox
from drafterd.sandbox.places import Places
from drafterd.sandbox.residents import of_users
from tests import container
from tests.builders import eventually
from tests.integration.sandbox.test_up import SECRET, _spying
from tests.server import Server, node_server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs others as users of their own")

STRAY = """
require('child_process').spawn('setsid', ['--fork', 'sleep', '76591'], { detached: true, env: {}, stdio: 'ignore' });
require('http').createServer((request, response) => response.end(String(process.getuid())))
  .listen(process.env.PORT, process.env.HOSTNAME);
"""


def _in_a_container() -> str:
    """Why there can be none, or ""."""
    done = subprocess.run([*container.words(), "/usr/bin/unshare", "--user", "true"], capture_output=True, check=False)
    return "" if b"unshare failed" in done.stderr else f"no container can be made here: {done.stderr.decode()[:200]}"


@pytest.fixture
async def server(root, monkeypatch):
    if why := _in_a_container():
        pytest.skip(why)
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    server = Server(root)
    server.around = container.words()
    async with server:
        yield server


async def test_a_draft_in_a_container_finds_nothing_of_others(server, root):
    status = (await server.call("GET", "/api/v1/status"))[1]["sandbox"]
    assert status.startswith("users (isolation: uid-only: ")
    assert "bubblewrap cannot build its walls here" in status
    assert "builds share the network" in status
    (root / "operator").write_text(SECRET)
    (root / "operator").chmod(0o600)
    server.drop("good", node_server("good"))
    await server.until("good", "ready")
    own = server.state / "drafts"
    closed = [
        root / "operator",
        server.drafts,
        server.drafts / "good/server.js",
        server.state,
        *(server.state / name for name in ("token", "drafterd.db", "nextauth-secret", "instances", "log", "cache")),
        server.state / "instances/good.r1.json",
        server.state / "log/good.r1.log",
        own,
        own / "good",
        *(own / "good" / name for name in ("port", "fixes.json", "originals", "log", "log/build-1.log", "releases")),
        own / "good/releases/r1/app/server.js",
        own / "bad/originals",
        server.sockets / "drafterd.sock",
        server.sockets / "supervisor.sock",
        server.sockets,
        Path("/root"),
        Path("/etc/shadow"),
    ]
    server.drop("bad", _spying([*closed, Path("/etc/passwd")]))
    await server.until("bad", "ready", within=90)
    status, text, _ = await server.visit("/api/draft/bad/")
    assert status == 200, text
    for step, seen in json.loads(text).items():
        assert [place for place, _ in seen if not place.startswith("/proc")] == ["/etc/passwd"], step
        assert step != "install" or SECRET not in json.dumps(seen)
    assert (await server.visit("/api/draft/good/"))[1] == "good /"


async def test_what_a_server_in_a_container_started_ends_with_it(server):
    server.drop("stray", {**node_server(), "server.js": STRAY})
    await server.until("stray", "ready")
    user = int((await server.visit("/api/draft/stray/"))[1])
    assert user > 1_000_000 or user >= 30_000
    assert len(list(of_users(user.__eq__))) >= 2
    await server.call("POST", "/api/v1/drafts/stray/stop")
    await eventually(lambda: list(of_users(user.__eq__)) == [], within=20)
    await server.call("POST", "/api/v1/drafts/stray/start")
    await server.until("stray", "ready", within=30)
    again = set(of_users(user.__eq__))
    assert len(again) >= 2
    # The supervisor and its daemon die: the next ones find by the user what nobody watches over.
    pid = int((server.sockets / "supervisor/supervisord.pid").read_text())
    await server.kill()
    os.kill(pid, 9)
    await server.start()
    await server.until("stray", "ready", within=60)
    assert not again & set(of_users(user.__eq__))


async def test_limits_hold_in_a_container(server):
    bomb = """
    require('http').createServer((request, response) => {
      response.end('here');
      setInterval(() => { for (let n = 0; n < 50; n++)
        require('child_process').spawn('setsid', ['--fork', 'sleep', '76592'], { env: {}, stdio: 'ignore' }).on('error', () => {});
      }, 20);
    }).listen(process.env.PORT, process.env.HOSTNAME);
    """
    server.drop("bomb", {**node_server(), "server.js": bomb})
    server.drop("good", node_server("good"))
    await server.until("bomb", "ready")
    await server.visit("/api/draft/bomb/")
    report = await server.until("bomb", "failed", within=60)
    assert report["problem"]["code"] == "too-many-processes"
    assert (await server.visit("/api/draft/good/"))[1] == "good /"
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "76592"]]


def test_each_has_users_of_its_own_and_no_secret_among_its_words(root):
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    sandbox = OwnUsersSandbox(Places(layout=layout), "the network is shared")
    folder = layout.release(DraftId("a"), ReleaseId("r1"))
    (folder / "app").mkdir(parents=True)
    sandbox.prepare()
    spec = InstanceSpec(
        id=InstanceId("a.r1"),
        draft=DraftId("a"),
        release=ReleaseId("r1"),
        argv=("/usr/bin/id", "-u"),
        cwd=str(folder / "app"),
        environment={"KEY": SECRET},
        address=Address("127.0.0.1", 3001),
    )
    wrapped = sandbox.wrap(spec)
    assert wrapped == sandbox.wrap(spec)
    assert SECRET not in " ".join(wrapped.argv)
    done = subprocess.run(wrapped.argv, env={}, cwd=spec.cwd, capture_output=True, check=True, text=True)
    assert (
        int(done.stdout)
        == wrapped.user
        == (folder / "app").stat().st_uid
        != (folder / "release.json").parent.stat().st_uid
    )


def test_why_it_cannot_be_had_is_said(root, monkeypatch):
    layout = Layout(drafts=root / "drafts", state=root / "closed/state", run=root / "run", logs=root / "log")
    (root / "closed").mkdir(mode=0o700)
    assert own_users.missing(Places(layout=layout)) == f"users of their own cannot enter {root}/closed"
    opened = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    tool = root / "closed/node"
    tool.touch()
    said = own_users.missing(Places(layout=opened, readable=(tool,)))
    assert said == f"users of their own cannot read {tool}: {root}/closed is closed to them"
    assert own_users.missing(Places(layout=opened)) == ""
    monkeypatch.setattr(own_users, "_capabilities", lambda: ~(1 << 5))
    assert own_users.missing(Places(layout=opened)) == "root may not end others' processes here"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "a daemon that is root" in own_users.missing(Places(layout=opened))


def test_a_container_is_one(root):
    """The fixture itself: what it takes away is not there."""
    if why := _in_a_container():
        pytest.skip(why)
    code = "import os; print(os.getuid()); os.listdir('/proc/1/fd')"
    done = subprocess.run(
        [*container.words(), sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root
    )
    assert done.stdout == "0\n"

"""The walls, by programs that try to get through: at each level that this machine can have."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from drafterd import process
from drafterd.domain.interfaces import Exceeded, Step
from drafterd.domain.model import Address, InstanceSpec, Limits
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import strongest
from drafterd.sandbox.walls import Level
from tests.builders import eventually
from tests.processes import alive

CHECKOUT = Path(__file__).parents[3]
LEVELS = [Level.FULL, *([Level.NO_USERNS] if os.geteuid() == 0 else [])]
SECRET = "a-secret-of-the-operator"

# Each attempt says what it got; nothing, or an error, is what it should get.
SPY = """
import ctypes, glob, json, os, socket, sys
found = {}
def attempt(name, call):
    try:
        found[name] = repr(call())[:2000]
    except Exception as error:
        found[name] = ""
attempt("root", lambda: sorted(os.listdir("/")))
attempt("around", lambda: sorted(os.listdir("..")))
for path in sys.argv[1:]:
    attempt(path, lambda: open(path).read() if not os.path.isdir(path) else os.listdir(path))
    attempt("write " + path, lambda: open(path if not os.path.isdir(path) else path + "/x", "a").write("x") and "written")
    attempt("connect " + path, lambda: socket.socket(socket.AF_UNIX).connect(path) or "connected")
attempt("environments", lambda: [open(name, "rb").read() for name in glob.glob("/proc/[0-9]*/environ")
                                 if os.access(name, os.R_OK)])
attempt("commands", lambda: len(glob.glob("/proc/[0-9]*")))
attempt("user", lambda: (os.getuid(), os.geteuid(), os.getgroups()))
attempt("capabilities", lambda: [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNewPrivs"))])
attempt("setuid", lambda: os.setuid(0) or "root")
attempt("mount", lambda: ctypes.CDLL(None, use_errno=True).mount(b"none", b"/tmp", b"tmpfs", 0, None) or "mounted")
attempt("terminal", lambda: open("/dev/tty") and "opened")
print(json.dumps(found))
"""


@dataclass
class Ground:
    """An installation with things that no draft may see."""

    root: Path
    sandbox: BubblewrapSandbox
    layout: Layout

    @property
    def source(self) -> Path:
        return self.layout.builds(DraftId("a")) / "1" / "src"

    def step(self, *argv: str, **options) -> Step:
        scratch = self.source.parent
        return Step(
            name="build",
            argv=argv,
            cwd=self.source,
            environment={"PATH": "/usr/bin:/bin", process.MARK: f"test:{self.root}"},
            timeout=30.0,
            writable=(self.source, scratch / "home", scratch / "tmp"),
            **options,
        )

    async def said(self, *argv: str, **options) -> list[str]:
        lines: list[bytes] = []
        await self.sandbox.run(self.step(*argv, **options), on_line=lines.append, on_start=lambda _: None)
        return [line.decode() for line in lines]


@pytest.fixture(params=LEVELS)
def ground(request, monkeypatch) -> Iterator[Ground]:
    machine = strongest().machine
    if machine is None:
        pytest.skip(strongest().reason)
    root = Path(tempfile.mkdtemp(prefix="draft-"))  # short: a socket's path has at most 107 bytes
    root.chmod(0o755)
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    tool = root / "tool"
    found = Ground(
        root, BubblewrapSandbox(Places(layout=layout, readable=(tool,)), replace(machine, level=request.param)), layout
    )
    for file in (
        root / "operator",
        tool,
        layout.source(DraftId("a")) / ".env.local",
        layout.source(DraftId("b")) / ".env.local",
        layout.release(DraftId("a"), ReleaseId("r1")) / "release.json",
        layout.release(DraftId("a"), ReleaseId("r1")) / "app/server.js",
        layout.release(DraftId("b"), ReleaseId("r1")) / "app/server.js",
        layout.token,
        layout.ledger,
        layout.spec(InstanceId("b.r1")),
        layout.downloads / "kept",
        found.source / "own",
        found.source.parent / "process.json",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SECRET)
        file.chmod(0o666)
    (found.source.parent / "home").mkdir()
    layout.run.mkdir()
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    with contextlib.ExitStack() as stack:
        for path in (layout.api_socket, layout.supervisor_socket):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(path))
            listener.listen()
            path.chmod(0o777)
        yield found
    shutil.rmtree(root)


async def test_nothing_is_seen_but_its_own(ground):
    layout = ground.layout
    secrets = [
        ground.root / "operator",
        layout.source(DraftId("a")) / ".env.local",
        layout.source(DraftId("b")) / ".env.local",
        layout.release(DraftId("b"), ReleaseId("r1")) / "app/server.js",
        layout.release(DraftId("a"), ReleaseId("r1")) / "release.json",
        layout.token,
        layout.ledger,
        layout.spec(InstanceId("b.r1")),
        layout.api_socket,
        layout.supervisor_socket,
        ground.source.parent / "process.json",
        Path(__file__),
        *map(Path, ("/etc/shadow", "/root", "/home", "/var", "/run", "/sys", "/boot", "/srv", "/usr/local/etc")),
        *map(Path, (f"/proc/{os.getpid()}/environ", f"/proc/{os.getpid()}/cmdline")),
    ]
    (line,) = await ground.said("/usr/bin/python3", "-c", SPY, *map(str, secrets))
    found = json.loads(line)
    assert SECRET not in line
    for path in secrets:
        assert found[str(path)] in ("", "[]"), path
        assert found[f"connect {path}"] == "", path
        # What it may write to in /tmp is memory of its own.
        assert found[f"write {path}"] == "" or path.is_relative_to("/tmp"), path
        assert not path.is_relative_to(ground.root) or path.is_socket() or path.read_text() == SECRET, path
    assert int(found["commands"]) <= 3
    assert found["around"] == "['home', 'src']"
    assert eval(found["root"]) == sorted({"bin", "dev", "etc", "lib", "proc", "tmp", "usr", *_also_at_root()})
    assert found["setuid"] == found["terminal"] == ""
    assert found["mount"] in ("", "-1")
    assert all(
        line.split()[1] == "0000000000000000"
        for line in eval(found["capabilities"])
        if line[:6] in ("CapEff", "CapPrm", "CapInh", "CapAmb")
    )
    assert any(line.split() == ["NoNewPrivs:", "1"] for line in eval(found["capabilities"]))
    assert eval(found["user"])[0] >= 1000


def _also_at_root() -> set[str]:
    return {path.name for path in Path("/").iterdir() if path.name.startswith(("lib", "sbin"))}


async def test_its_own_files_are_its_own_and_the_rest_cannot_be_written(ground):
    layout = ground.layout
    paths = [
        ground.source / "own",
        layout.downloads / "kept",
        ground.root / "tool",
        Path("/usr/bin/env"),
        Path("/"),
        Path("/dev"),
        Path("/etc/hosts"),
    ]
    (line,) = await ground.said("/usr/bin/python3", "-c", SPY, *map(str, paths))
    found = json.loads(line)
    assert SECRET in found[str(ground.source / "own")]
    assert SECRET in found[str(ground.root / "tool")]
    written = [str(path) for path in paths if found[f"write {path}"]]
    assert written == [str(ground.source / "own")]


async def test_no_more_namespaces_where_that_can_be_forbidden(ground):
    said = await ground.said("/usr/bin/unshare", "--user", "/usr/bin/echo", "made")
    if ground.sandbox._machine.level is Level.FULL:
        assert said != ["made"]


async def test_a_fork_bomb_meets_the_kernels_limit_at_once(ground):
    if os.geteuid() == 0 and ground.sandbox._machine.level is Level.FULL:
        pytest.skip("the kernel does not count the processes of root")
    bomb = ("/bin/bash", "-c", "bomb() { bomb | bomb & sleep 60; }; bomb; wait")
    lines: list[bytes] = []
    step = ground.step(*bomb, limits=Limits(processes=60))
    outcome = await ground.sandbox.run(step, on_line=lines.append, on_start=lambda _: None)
    refused = any(b"fork" in line for line in lines)
    assert not outcome.ok
    assert refused or outcome.exceeded is Exceeded.PROCESSES
    assert outcome.seconds < 20


async def test_memory_that_is_made_anew_has_a_size(ground):
    said = await ground.said("/usr/bin/df", "--output=size", "--block-size=1M", "/tmp", "/dev/shm")
    assert [int(word) for word in said[1:]] == [1024, 256]


async def test_all_that_is_written_belongs_to_a_user_that_can_do_no_harm(ground):
    await ground.said("/bin/sh", "-c", "echo x > made")
    owner = (ground.source / "made").stat().st_uid
    assert owner >= 1_000_000_000 if ground.sandbox._machine.level is Level.NO_USERNS else owner == os.geteuid()


async def test_a_program_has_a_name_for_its_user(ground):
    assert await ground.said("/usr/bin/id", "-un") == ["draft"]


def test_an_instance_has_its_release_and_no_word_of_its_environment(ground):
    folder = ground.layout.release(DraftId("a"), ReleaseId("r1"))
    spec = InstanceSpec(
        id=InstanceId("a.r1"),
        draft=DraftId("a"),
        release=ReleaseId("r1"),
        argv=("/usr/bin/python3", "-c", SPY, str(folder / "app/server.js"), str(folder / "release.json")),
        cwd=str(folder / "app"),
        environment={"KEY": SECRET},
        address=Address("127.0.0.1", 3001),
    )
    argv = ground.sandbox.wrap(spec).argv
    assert SECRET not in " ".join(argv)
    done = subprocess.run(argv, env={"OWN": "x"}, capture_output=True, check=True, text=True, timeout=30)
    found = json.loads(done.stdout)
    assert found[f"write {folder / 'app/server.js'}"] != ""
    assert found[str(folder / "release.json")] == ""


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.integration.sandbox.test_bubblewrap import run_for_ever
asyncio.run(run_for_ever(Path(sys.argv[1]), sys.argv[2]))
"""


async def run_for_ever(root: Path, level: str) -> None:
    machine = strongest().machine
    assert machine is not None
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    ground = Ground(root, BubblewrapSandbox(Places(layout=layout), replace(machine, level=Level(level))), layout)
    await ground.said("/bin/sh", "-c", "trap '' TERM; setsid sleep 60 & env -i sleep 61 & touch begun; sleep 62")


async def test_kill_9_of_the_daemon_takes_a_build_along(ground):
    argv = [sys.executable, "-c", KILLED, str(ground.root), ground.sandbox._machine.level.value]
    with subprocess.Popen(argv, cwd=CHECKOUT) as daemon:  # noqa: ASYNC220 - it is waited for in bounds
        try:
            await eventually((ground.source / "begun").exists, within=30)
            inside = psutil.Process(daemon.pid).children(recursive=True)
            assert len(inside) >= 4
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait(10)
            await eventually(lambda: not alive(inside))
        finally:
            daemon.kill()
            process.sweep(f"test:{ground.root}".__eq__)

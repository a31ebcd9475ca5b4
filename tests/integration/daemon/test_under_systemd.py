"""The daemon as systemd starts it: sockets that are held for it, notices, a watchdog. systemd is played by the test."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from drafterd.daemon.activation import Inherited
from drafterd.daemon.notices import Notices
from drafterd.domain.model import Address
from tests.builders import eventually, free_port

# What systemd does between fork and exec: the descriptors from 3 on, and whose they are.
BECOME = """
import os, sys
count, *argv = sys.argv[1:]
held = [int(word) for word in os.environ.pop("HELD").split()] if count != "0" else []
spare = [os.dup(one) for one in held]
spare = [os.dup2(one, 100 + place) for place, one in enumerate(spare)]
for place, one in enumerate(spare):
    os.dup2(one, 3 + place)
if held:
    os.environ.update(LISTEN_FDS=count, LISTEN_PID=str(os.getpid()))
os.execv(argv[0], argv)
"""

# The loop turns often, so that nobody has to wait; `hang`: no look at a draft ever ends.
DAEMON = """
import asyncio, sys
from drafterd.cli import main
from drafterd.reconcile import loop
loop.BEAT = 0.1
async def hang(self, draft):
    await asyncio.Event().wait()
async def crash(self):
    raise MemoryError("a wall of text\\nin two lines")
if sys.argv[1] == "crash":
    loop.Loop.run = crash
if sys.argv[1] == "fault":
    from drafterd.reconcile.control import Control
    Control.scan = crash
if sys.argv[1] == "hang":
    loop.Loop._look_at = hang
sys.argv[1:] = ["run", "--config", sys.argv[2]]
main()
"""


class Machine:
    """A folder with a configuration, the sockets that are held for the daemon, and what it says to systemd."""

    def __init__(self, root: Path, run: Path) -> None:
        first = free_port(4)
        self.api, self.edge, self.path = first, first + 1, run / "drafterd.sock"
        self.run = run
        self.config = root / "drafterd.yaml"
        content = {
            "drafts": str(root / "drafts"),
            "state": str(root / "state"),
            "sockets": str(run),
            "api": {"listen": f"127.0.0.1:{self.api}"},
            "edge": {"listen": f"127.0.0.1:{self.edge}"},
            "proxy": {"listen": f"127.0.0.1:{first + 2}", "dashboard": f"127.0.0.1:{first + 3}"},
        }
        self.config.write_text(yaml.safe_dump(content))
        self.held: list[socket.socket] = []
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notices.bind(str(run / "notify"))
        self.said: list[str] = []
        self.processes: list[asyncio.subprocess.Process] = []
        self.output = root / "output.log"

    def hold(self) -> None:
        """What drafterd-api.socket does."""
        for port in (self.edge, self.api):
            self.held.append(socket.create_server(("127.0.0.1", port), backlog=1024))
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(str(self.path))
        unix.listen(1024)
        self.held.append(unix)

    async def start(self, behaviour: str = "go", **environment: str) -> asyncio.subprocess.Process:
        """A daemon as its unit starts it."""
        held = [one.fileno() for one in self.held]
        with self.output.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", BECOME, str(len(held)), sys.executable, "-c", DAEMON),
                *(behaviour, str(self.config)),
                env=os.environ
                | {"HELD": " ".join(map(str, held)), "NOTIFY_SOCKET": str(self.run / "notify"), **environment},
                pass_fds=held,
                stdout=output,
                stderr=output,
            )
        self.processes.append(process)
        return process

    def hear(self) -> list[str]:
        """Every line that was said so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said += self.notices.recv(4096).decode().splitlines()
        return self.said

    async def until(self, word: str, count: int = 1) -> None:
        """Wait until it was said so often."""
        try:
            await eventually(lambda: self.hear().count(word) >= count, within=60)
        except AssertionError as error:
            raise AssertionError(f"{word}: {self.said} {self.output.read_text()[-3000:]}") from error

    def waits(self) -> int:
        """How many connections to its unix socket are open."""
        lines = Path("/proc/net/unix").read_text().splitlines()
        return sum(line.endswith(f" {self.path}") and line.split()[5] == "03" for line in lines)

    def lines(self) -> list[dict[str, Any]]:
        """What all daemons have said: each line of it is an object, whatever happened."""
        return [json.loads(line) for line in self.output.read_text().splitlines()] if self.output.exists() else []

    async def end(self) -> None:
        """End what runs."""
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
                try:
                    # What it has started goes with it.
                    await asyncio.wait_for(process.wait(), 30)
                except TimeoutError:
                    process.kill()
            await process.wait()
        for one in (*self.held, self.notices):
            one.close()


@pytest.fixture
async def machine(tmp_path) -> AsyncIterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="drafterd-") as run:
        made = Machine(tmp_path, Path(run))
        yield made
        await made.end()
        assert all({"event", "level", "timestamp"} <= line.keys() for line in made.lines())


async def ask(url: str, connector: aiohttp.BaseConnector | None = None) -> int:
    async with aiohttp.ClientSession(connector=connector) as client, client.get(url) as answer:
        return answer.status


async def test_no_request_is_lost_while_it_restarts(machine):
    machine.hold()
    first = await machine.start()
    await machine.until("READY=1")
    answers: list[Any] = []
    stop = asyncio.Event()

    async def ask_on(url: str, path: Path | None = None) -> None:
        while not stop.is_set():
            try:
                answers.append(await ask(url, aiohttp.UnixConnector(str(path)) if path else None))
            except (aiohttp.ClientError, OSError) as error:
                answers.append(error)
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask_on(f"http://127.0.0.1:{machine.api}/livez"))
        tasks.create_task(ask_on(f"http://127.0.0.1:{machine.edge}/nobody"))
        tasks.create_task(ask_on("http://localhost/livez", machine.path))
        await eventually(lambda: len(answers) > 100)
        first.terminate()
        assert await first.wait() == 0
        await machine.start()
        before = len(answers)
        await machine.until("READY=1", 2)
        await eventually(lambda: len(answers) > before + 100)
        stop.set()
    assert {answer for answer in answers if answer not in (200, 404)} == set()


async def restarted(machine: Machine, process: asyncio.subprocess.Process) -> float:
    """Another daemon in the place of this one; how long the first took to end."""
    began = time.monotonic()
    process.terminate()
    assert await process.wait() == 0
    took = time.monotonic() - began
    await machine.start()
    await machine.until("READY=1", 2)
    return took


async def test_who_waits_while_it_restarts_is_answered_and_waits_on(machine):
    draft = machine.config.parent / "drafts" / "hello"
    draft.mkdir(parents=True)
    (draft / "index.html").write_text("hello")
    with machine.config.open("a") as more:
        more.write("runtime: {managed: true}\n")  # nothing becomes of a draft where nobody can run it
    machine.hold()
    first = await machine.start()
    await machine.until("READY=1")
    url = "http://localhost/api/v1/drafts/hello"
    connector = aiohttp.UnixConnector(str(machine.path))
    argv = (sys.executable, "-m", "drafterd", "wait", "hello", "--for", "paused", "--timeout", "60", "--json")
    async with aiohttp.ClientSession(connector=connector) as client, asyncio.TaskGroup() as tasks:

        async def known() -> bool:
            async with client.get(url) as answer:
                return answer.status == 200

        await eventually(known)
        command = await asyncio.create_subprocess_exec(
            *argv, "--socket", str(machine.path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        machine.processes.append(command)

        async def poll() -> tuple[int, str]:
            async with client.get(url, params={"wait": "paused", "timeout": "60"}) as answer:
                return answer.status, (await answer.json())["id"]

        polls = [tasks.create_task(poll()) for _ in range(5)]
        await eventually(lambda: machine.waits() >= 6)
        assert await restarted(machine, first) < 5
        assert [await each for each in polls] == [(200, "hello")] * 5
        # One that is killed answers nobody; the command asks its successor.
        await eventually(lambda: machine.waits() >= 1)
        second = machine.processes[-1]
        second.kill()
        await second.wait()
        await machine.start()
        await machine.until("READY=1", 3)
        async with client.post(f"{url}/stop") as answer:
            assert answer.status in (200, 202)
        printed, said = await asyncio.wait_for(command.communicate(), 30)
    assert command.returncode == 0, said.decode()
    assert json.loads(printed)["state"] == "paused"


async def test_who_keeps_a_connection_open_loses_nothing_either(machine):
    """Not even what no client may ask twice."""
    machine.hold()
    process = await machine.start()
    await machine.until("READY=1")
    token = (machine.config.parent / "state" / "token").read_text().strip()
    answers: list[Any] = []
    stop = asyncio.Event()

    async def ask_on(client: aiohttp.ClientSession) -> None:
        url, headers = f"http://127.0.0.1:{machine.api}/api/v1/scan", {"Authorization": f"Bearer {token}"}
        while not stop.is_set():
            try:
                async with client.post(url, headers=headers) as answer:
                    answers.append(answer.status)
            except (aiohttp.ClientError, OSError) as error:
                answers.append(error)
            await asyncio.sleep(0.01)

    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(ask_on(client))
        await eventually(lambda: len(answers) > 50)
        await restarted(machine, process)
        before = len(answers)
        await eventually(lambda: len(answers) > before + 50)
        stop.set()
    assert set(answers) == {202}


async def test_why_it_does_not_start_is_an_event_like_others(machine):
    with machine.config.open("a") as more:
        more.write("settel: 1s\n")
    process = await machine.start()
    assert await process.wait() == 1
    (failed,) = machine.lines()
    assert (failed["event"], failed["level"], failed["code"]) == ("daemon.failed", "critical", "config")
    assert "did you mean settle?" in failed["reason"]


async def test_what_ends_it_unexpectedly_is_one_line(machine):
    process = await machine.start("crash")
    assert await process.wait() == 1
    crashed = machine.lines()[-1]
    assert (crashed["event"], crashed["level"]) == ("daemon.crashed", "critical")
    assert "MemoryError: a wall of text\n" in crashed["exception"]


async def test_a_fault_of_its_own_is_one_line(machine):
    machine.hold()
    await machine.start("fault")
    await machine.until("READY=1")
    connector = aiohttp.UnixConnector(str(machine.path))
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.post("http://localhost/api/v1/scan") as answer,
    ):
        assert answer.status == 500
    (failed,) = [line for line in machine.lines() if line["event"] == "request.failed"]
    assert (failed["level"], failed["path"]) == ("error", "/api/v1/scan")
    assert "MemoryError" in failed["exception"]


async def test_it_leaves_the_socket_that_is_held_for_it(machine):
    machine.hold()
    process = await machine.start()
    await machine.until("READY=1")
    assert await ask("http://localhost/livez", aiohttp.UnixConnector(str(machine.path))) == 200
    process.terminate()
    assert await process.wait() == 0
    assert machine.path.is_socket()


async def test_without_them_it_listens_by_itself(machine):
    process = await machine.start()
    await machine.until("READY=1")
    assert await ask(f"http://127.0.0.1:{machine.api}/livez") == 200
    process.terminate()
    assert await process.wait() == 0
    assert not machine.path.exists()


async def test_a_socket_that_the_configuration_does_not_name_is_told(machine):
    machine.hold()
    other = free_port()
    machine.held.append(socket.create_server(("127.0.0.1", other)))
    await machine.start()
    await machine.until("READY=1")
    assert "socket.unexpected" in machine.output.read_text()
    assert await ask(f"http://127.0.0.1:{machine.api}/livez") == 200


async def test_the_watchdog_is_fed_while_the_loop_turns(machine):
    process = await machine.start(WATCHDOG_USEC="800000")
    await machine.until("READY=1")
    await machine.until("WATCHDOG=1", 3)
    assert any(line.startswith("STATUS=") for line in machine.said)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert "STOPPING=1" in machine.hear()


async def test_the_watchdog_starves_when_the_loop_hangs(machine):
    await machine.start("hang", WATCHDOG_USEC="800000")
    await machine.until("READY=1")
    # The daemon itself goes on: it answers many times while the watchdog would have been fed often.
    answers = [await ask(f"http://127.0.0.1:{machine.api}/livez") for _ in range(300)]
    assert set(answers) == {200}
    with pytest.raises(AssertionError):
        await eventually(lambda: "WATCHDOG=1" in machine.hear(), within=2)


class Loop:
    """What the notices look at."""

    turns = 0
    views: Mapping[Any, Any] = {}


async def test_ready_is_said_once_the_loop_turns(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        loop: Any = Loop()
        notices = Notices(loop, ready=lambda: False, environ={"WATCHDOG_USEC": "nonsense"})
        task = asyncio.get_running_loop().create_task(notices.run())
        with pytest.raises(AssertionError):
            await eventually(lambda: _heard(listener), within=0.3)
        loop.turns = 1
        assert "READY=1" in await eventually(lambda: _heard(listener))
        task.cancel()
        notices._notifier.socket.close()


def _heard(listener: socket.socket) -> str:
    try:
        return listener.recv(4096).decode()
    except BlockingIOError:
        return ""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "-1", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "1"},
    ],
)
def test_what_is_meant_for_another_process_is_not_taken(environ):
    held = Inherited(environ)
    assert held.tcp(Address("127.0.0.1", 1)) is None
    assert held.unix(Path("/x")) is None
    assert "LISTEN_FDS" not in environ

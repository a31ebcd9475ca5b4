"""A build's log reaches the API, the page and the command line as soon as it is printed, and survives a restart."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time

import aiohttp
import pytest

from tests.builders import eventually
from tests.server import Server, node_server

LINES = 50
SOON = 0.2
STAMP = re.compile(r"at (\d{13})")
PRINTS = (
    "let left = %d; const timer = setInterval(() => {"
    "  console.log('\\x1b[36mat\\x1b[0m at ' + Date.now());"
    "  if (--left === 0) clearInterval(timer);"
    "}, %d);"
)
BUSY = "const end = Date.now() + %d; while (Date.now() < end) { console.log('x'.repeat(100)); for (let i = 0; i < 1e6; i++); }"


@pytest.fixture
async def server(tmp_path):
    async with Server(tmp_path, build={"slots": 2}) as made:
        yield made


def building(script):
    files = node_server()
    package = json.loads(files["package.json"])
    package["scripts"]["build"] = "node build.js"
    return {**files, "package.json": json.dumps(package), "build.js": script}


class Receiver:
    """Notes when each stamped line was printed and arrived."""

    def __init__(self):
        self.times = []

    def take(self, text):
        for stamp in STAMP.findall(text):
            self.times.append((int(stamp) / 1000, time.time()))

    def late(self, stalls):
        """Seconds of each line that was on its way while this process was given its turns, the shortest first."""
        return sorted(
            came - printed
            for printed, came in self.times
            if not any(begun < came and printed < ended for begun, ended in stalls)
        )


@contextlib.asynccontextmanager
async def noting(stalls):
    """Note when the machine had no turn for us: what comes late then is not drafterd's doing."""

    async def note():
        while True:
            begun = time.time()
            await asyncio.sleep(0.01)
            if time.time() - begun > 0.06:
                stalls.append((begun, time.time()))

    async with asyncio.TaskGroup() as group:
        beat = group.create_task(note())
        yield
        beat.cancel()


async def stream(url, receiver, **headers):
    """Read events until the stream ends."""
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        async for line in answer.content:
            receiver.take(line.decode())
            if line.startswith((b"event: end", b"event: reload")):
                return


async def command(server, draft, receiver):
    argv = (sys.executable, "-m", "drafterd", "logs", draft, "--build", "-f", "--socket", socket(server))
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    while line := await process.stdout.readline():
        receiver.take(line.decode())
    assert await process.wait() == 0


def socket(server):
    return str(server.sockets / "drafterd.sock")


def token(server):
    return {"Authorization": f"Bearer {(server.state / 'token').read_text().strip()}"}


async def running(server, draft):
    async def number():
        report = await server.draft(draft)
        build = report.get("build") or {}
        return build.get("number") if build.get("status") == "running" and build.get("step") == "build" else None

    return await eventually(number, within=60, every=0.02)


async def test_lines_arrive_while_they_are_printed(server):
    server.drop("slow", building("setTimeout(() => {" + PRINTS % (LINES, 30) + "}, 1500);"))
    server.drop("busy", building(BUSY % 4000))
    number = await running(server, "slow")
    api, page, cli = Receiver(), Receiver(), Receiver()
    stalls: list[tuple[float, float]] = []
    async with asyncio.timeout(60), noting(stalls), asyncio.TaskGroup() as group:
        live = f"{server.api}/api/v1/drafts/slow/builds/{number}/log"
        group.create_task(stream(live, api, Accept="text/event-stream", **token(server)))
        group.create_task(stream(f"{server.public}/api/draft/slow/_drafterd/events", page))
        group.create_task(command(server, "slow", cli))
    for name, receiver in (("api", api), ("page", page), ("cli", cli)):
        assert len(receiver.times) == LINES, name
        late = receiver.late(stalls)
        assert len(late) > LINES / 2, "the machine is too busy to tell"
        assert late[int(0.95 * len(late))] < SOON, (name, late)
    await a_restart_loses_no_line(server)


async def a_restart_loses_no_line(server):
    """The build ends with its daemon; whoever follows it hears its last lines, and that it has ended."""
    server.drop("long", building("let n = 0; setInterval(() => console.log('line ' + n++), 20);"))
    number = await running(server, "long")
    argv = (sys.executable, "-m", "drafterd", "logs", "long", "--build", "-f", "--json", "--socket", socket(server))
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    seen: list[dict[str, str]] = []
    while len(seen) < 20:
        seen.append(json.loads(await process.stdout.readline()))
    await server.kill()
    server.drop("long", building(""))
    await server.start()
    rest, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert f"build {number} of long: " in said.decode()
    seen += map(json.loads, rest.splitlines())
    status, text = await server.call("GET", f"/api/v1/drafts/long/builds/{number}/log?format=json")
    assert status == 200
    written = [json.loads(line) for line in text.splitlines()]
    assert [line["line"] for line in seen] == [line["text"] for line in written]
    assert {line["step"] for line in seen if line["line"].startswith("line ")} == {"build"}

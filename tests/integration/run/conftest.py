"""A real supervisord in a folder of its own, and tiny servers for it to run."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drafterd.domain.interfaces import Wrapped
from drafterd.domain.model import Address, Instance, InstanceSpec, InstanceStatus, Limits
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.run import processes
from drafterd.run.managed import ManagedSupervisord
from drafterd.run.programs import Programs, ProgramState
from drafterd.run.supervisord import SupervisordRuntime
from tests.builders import eventually, free_port

SUPERVISORD = Path(sys.executable).with_name("supervisord")

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash": os._exit(3)
        if self.path == "/end": os._exit(0)
        body = (os.environ.get("GREETING", "hello") + "\\n").encode()
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer((os.environ["HOSTNAME"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass
class World:
    """One state folder with its supervisord and the runtime on it."""

    layout: Layout
    supervisord: ManagedSupervisord
    start_timeout: float = 20.0
    reserved: frozenset[int] = frozenset()
    wrap: Callable[[InstanceSpec], Wrapped] = lambda spec: Wrapped(argv=spec.argv)
    changes: list[InstanceId] = field(default_factory=list)
    _running: asyncio.Task[None] | None = None
    _runtime: SupervisordRuntime | None = None

    @property
    def runtime(self) -> SupervisordRuntime:
        assert self._runtime is not None
        return self._runtime

    async def begin(self) -> SupervisordRuntime:
        """A new runtime on the same state, as after a restart of the daemon."""
        await self.end()
        self._runtime = SupervisordRuntime(
            layout=self.layout,
            wrap=self.wrap,
            start_timeout=self.start_timeout,
            on_change=self.changes.append,
            reserved=lambda _draft: self.reserved,
        )
        self._running = asyncio.get_running_loop().create_task(self._runtime.run())
        return self._runtime

    async def end(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    def spec(
        self,
        code: str = SERVER,
        *,
        draft: str = "demo",
        release: str = "r1",
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        argv: tuple[str, ...] | None = None,
        limits: Limits | None = None,
    ) -> InstanceSpec:
        port = port or free_port()
        return InstanceSpec(
            id=InstanceId(f"{draft}.{release}"),
            draft=DraftId(draft),
            release=ReleaseId(release),
            argv=argv or (sys.executable, "-c", code),
            cwd=str(self.layout.state),
            environment={"PORT": str(port), "HOSTNAME": "127.0.0.1", **(environment or {})},
            address=Address("127.0.0.1", port),
            limits=limits or Limits(),
        )

    async def instance(self, instance: InstanceId) -> Instance | None:
        return (await self.runtime.observe()).get(instance)

    async def until(self, instance: InstanceId, status: InstanceStatus, *, within: float = 20.0) -> Instance:
        """Wait until the instance has this status."""

        async def reached() -> Instance | None:
            seen = await self.instance(instance)
            return seen if seen is not None and seen.status is status else None

        seen: Instance = await eventually(reached, within=within)
        return seen

    async def steady(self, instance: InstanceId) -> None:
        """Wait until supervisord takes the program for started: an earlier end is a failed start."""
        programs = Programs(self.layout.supervisor_socket)

        async def running() -> bool:
            program = await programs.one(instance)
            return program is not None and program.state is ProgramState.RUNNING

        await eventually(running)

    def marked(self, instance: str | None = None) -> frozenset[int]:
        """Processes that carry our mark."""
        return processes.marked(
            lambda mark: mark.state == str(self.layout.state) and (instance is None or mark.instance == instance)
        )


async def fetch(address: Address, path: str = "/") -> str:
    """The body that a server answers with, or "" if it does not."""
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return ""
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 5)
    except OSError:
        return ""
    finally:
        writer.close()
    return answer.decode().partition("\r\n\r\n")[2]


@pytest.fixture(params=["plugin", "plain"])
def plugin(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "plugin")


@pytest.fixture
async def world(plugin: bool) -> AsyncIterator[World]:
    async with a_world(plugin=plugin) as world:
        yield world


@contextlib.asynccontextmanager
async def a_world(*, plugin: bool = True) -> AsyncIterator[World]:
    """A supervisord that runs, and the runtime on it; afterwards nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="draft-"))  # short: a socket's path has at most 107 bytes
    layout = Layout(drafts=folder / "drafts", state=folder / "s", run=folder / "r", logs=folder / "l")
    layout.state.mkdir()
    supervisord = ManagedSupervisord(layout=layout, executable=SUPERVISORD, programs={}, max_awake=20, plugin=plugin)
    await supervisord.ensure()
    world = World(layout=layout, supervisord=supervisord)
    await world.begin()
    try:
        yield world
    finally:
        await world.end()
        await supervisord.stop()
        left = world.marked()
        shutil.rmtree(folder)
        assert not left

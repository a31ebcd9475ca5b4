"""The network of builds, by programs that try to get through: at each level that this machine can have."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from drafterd import process
from drafterd.build import environment
from drafterd.domain.errors import SandboxFailed
from drafterd.domain.interfaces import Outcome, Step
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId
from drafterd.fence import netlink
from drafterd.layout import Layout
from drafterd.sandbox import network
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.network import Fence, Reach, Way, Wish, own_addresses
from drafterd.sandbox.places import Places, tools
from drafterd.sandbox.probe import strongest, way_out
from drafterd.sandbox.walls import Level
from drafterd.toolchain import Toolchain
from tests.builders import eventually
from tests.processes import alive, names

CHECKOUT = Path(__file__).parents[3]
LEVELS = [Level.FULL, *([Level.NO_USERNS] if os.geteuid() == 0 else [])]
REGISTRY = environment.registry_places(environment.of_daemon())

# Says for each place whether it is reached: by a connection, and by what is answered to a question.
SPY = """
import json, socket, sys
found = {}
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 3) as peer:
            peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            found[place] = peer.recv(4000).decode(errors="replace")[-40:]
    except OSError as error:
        found[place] = ""
print(json.dumps(found))
"""
INSIDE = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 3) as client:
    server.accept()[0].sendall(b"itself")
    print(client.recv(100).decode())
"""


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached")

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def _listening(host: str) -> Iterator[int]:
    """A server on this machine; its port."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with Server((host, 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Ground:
    """An installation with one build."""

    root: Path
    layout: Layout
    level: Level
    readable: tuple[Path, ...] = ()

    @property
    def source(self) -> Path:
        return self.layout.builds(DraftId("a")) / "1" / "src"

    async def run(self, wish: Wish, *argv: str, name: str = "build", **environment_: str) -> tuple[Outcome, str]:
        """What a step came to and said."""
        machine = strongest().machine
        assert machine is not None
        machine = replace(machine, level=self.level)
        found = way_out(machine, wish.reach)
        if found.way is None:
            pytest.skip(found.reason)
        way = Way(program=found.way.program, user_namespace=self.level is Level.FULL)
        sandbox = BubblewrapSandbox(Places(layout=self.layout, readable=self.readable), machine, Fence(wish, way))
        lines: list[bytes] = []
        step = Step(
            name=name,
            argv=argv,
            cwd=self.source,
            environment={"PATH": "/usr/bin:/bin", process.MARK: f"test:{self.root}", **environment_},
            timeout=90.0,
        )
        outcome = await sandbox.run(step, on_line=lines.append, on_start=lambda _: None)
        return outcome, b"\n".join(lines).decode()

    async def reached(self, wish: Wish, *places: str, name: str = "build") -> set[str]:
        """Which of the places a step reaches."""
        outcome, said = await self.run(wish, "/usr/bin/python3", "-c", SPY, *places, name=name)
        assert outcome.ok, said
        return {place for place, text in json.loads(said).items() if text}


@pytest.fixture(params=LEVELS)
def ground(request) -> Iterator[Ground]:
    if strongest().machine is None:
        pytest.skip(strongest().reason)
    with _ground(request.param) as made:
        yield made


@contextlib.contextmanager
def _ground(level: Level) -> Iterator[Ground]:
    root = Path(tempfile.mkdtemp(prefix="draft-"))
    root.chmod(0o755)
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    made = Ground(root, layout, level)
    made.source.mkdir(parents=True)
    yield made
    shutil.rmtree(root)


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Places on this machine at which something listens: on its loopback, and on an address of its own."""
    with contextlib.ExitStack() as stack:
        yield [f"{host}:{stack.enter_context(_listening(host))}" for host in ("127.0.0.1", *own_addresses()[:1])]


async def test_what_listens_on_this_machine_is_not_reached(ground, hosts):
    _, port = hosts[0].split(":")
    # Also by the addresses that the way out itself has inside, and by names.
    others = [f"{host}:{port}" for host in ("198.18.255.2", "198.18.255.3", "localhost", "::1", "127.0.0.53")]
    others += ["10.0.2.2:80", "192.168.0.1:80"]
    assert await ground.reached(Wish(), *hosts, *others) == set()
    assert {place for place in hosts if _reached_from_here(place)} == set(hosts)


def _reached_from_here(place: str) -> bool:
    host, _, port = place.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(peer.recv(4000))


METADATA = ("169.254.169.254", "168.63.129.16")


async def metadata(level: str) -> list[list[str]]:
    """What is reached of a cloud's metadata, in a network of our own that has them: from outside, from a build, and
    from a build whose fence knows nothing of them."""
    netlink.tell([netlink.up(), *map(netlink.add, METADATA)])
    network.own_addresses = lambda: ()  # as in a cloud: they are not the machine's own
    with contextlib.ExitStack() as stack:
        ground = stack.enter_context(_ground(Level(level)))
        places = [f"{host}:{stack.enter_context(_listening(host))}" for host in METADATA]
        found = [list(filter(_reached_from_here, places)), sorted(await ground.reached(Wish(), *places))]
        network.CLOSED = ()
        return [places, *found, sorted(await ground.reached(Wish(), *places))]


APART = "import asyncio, json, sys; from tests.integration.sandbox.test_network import metadata; print(json.dumps(asyncio.run(metadata(sys.argv[1]))))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes itself a network")
@pytest.mark.parametrize("level", LEVELS)
def test_the_metadata_of_clouds_is_not_reached(level):
    machine = strongest().machine
    if machine is None or way_out(machine, Reach.INTERNET).way is None:
        pytest.skip("builds share the network here")
    words = ["unshare", "--net", sys.executable, "-c", APART, level]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    places, outside, inside, unfenced = json.loads(done.stdout.splitlines()[-1])
    assert (outside, inside, unfenced) == (places, [], sorted(places))


@pytest.mark.parametrize("reach", Reach)
async def test_what_is_allowed_is_reached_by_its_port_alone(ground, hosts, reach):
    with _listening("127.0.0.1") as other:
        wish = Wish(reach=reach, allowed=tuple(Address(host, int(port)) for host, port in map(_split, hosts)))
        beside = [f"{host}:{other}" for host, _ in map(_split, hosts)]
        assert await ground.reached(wish, *hosts, *beside) == set(hosts)


def _split(place: str) -> list[str]:
    return place.rsplit(":", 1)


async def test_an_address_with_colons_is_reached_where_it_is_allowed(ground):
    try:
        listening = _listening("::1")
        port = listening.__enter__()
    except OSError:
        pytest.skip("this machine has no such addresses")
    with contextlib.ExitStack() as stack:
        stack.push(listening)
        assert await ground.reached(Wish(), f"::1:{port}") == set()
        assert await ground.reached(Wish(allowed=(Address("::1", port),)), f"::1:{port}") == {f"::1:{port}"}


async def test_its_own_loopback_is_there(ground):
    for reach in Reach:
        outcome, said = await ground.run(Wish(reach=reach), "/usr/bin/python3", "-c", INSIDE)
        assert (outcome.ok, said) == (True, "itself")


async def test_a_socket_without_a_file_is_not_reached(ground):
    name = f"\0draft-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"
        outcome, said = await ground.run(Wish(), "/usr/bin/python3", "-c", script)
        assert not outcome.ok
        assert "refused" in said


async def test_the_fence_cannot_be_taken_down_from_inside(ground):
    message = list(netlink.add("10.9.9.9"))
    script = f"import socket; s = socket.socket(16, 3, 0); s.send(bytes({message})); print(*s.recv(99)[16:20])"
    outcome, said = await ground.run(Wish(), "/usr/bin/python3", "-c", script)
    assert outcome.ok, said
    assert struct.unpack("=i", bytes(map(int, said.split()))) == (-errno.EPERM,)


async def test_registry_and_off_reach_what_they_say(ground, hosts):
    registry = f"{REGISTRY[0].host}:{REGISTRY[0].port}"
    if not _resolves(REGISTRY[0].host):
        pytest.skip("the registry has no address here")
    assert await ground.reached(Wish(reach=Reach.OFF, registry=REGISTRY), registry) == set()
    for reach, name in ((Reach.OFF, "install"), (Reach.REGISTRY, "build"), (Reach.INTERNET, "build")):
        assert await ground.reached(Wish(reach=reach, registry=REGISTRY), registry, *hosts, name=name) == {registry}


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


@pytest.mark.parametrize("reach", [Reach.INTERNET, Reach.REGISTRY])
async def test_a_package_comes_from_the_registry(ground, reach, tmp_path_factory):
    toolchain = Toolchain.find(ground.layout.toolchain)
    ground.readable = tuple(tools(toolchain))
    (ground.source / "package.json").write_text('{"name": "a", "dependencies": {"is-odd": "3.0.1"}}')
    around = environment.of_daemon()
    ours = environment.base(
        path=toolchain.path, home=ground.source, temporary=None, npm_cache=ground.source / ".cache", around=around
    )
    wish = Wish(reach=reach, registry=REGISTRY)
    outcome, said = await ground.run(wish, str(toolchain.npm), "install", name="install", **ours)
    assert outcome.ok, said
    assert (ground.source / "node_modules/is-odd/package.json").is_file()


async def test_nothing_is_left_of_a_step(ground):
    before = set(psutil.Process().children(recursive=True))
    outcome, _ = await ground.run(Wish(), "/bin/sh", "-c", "setsid sleep 60 & exit 4")
    assert outcome.code == 4
    await eventually(lambda: set(psutil.Process().children(recursive=True)) <= before)


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.integration.sandbox.test_network import run_for_ever
asyncio.run(run_for_ever(Path(sys.argv[1]), sys.argv[2]))
"""


async def run_for_ever(root: Path, level: str) -> None:
    layout = Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")
    ground = Ground(root, layout, Level(level))
    await ground.run(Wish(), "/bin/sh", "-c", "trap '' TERM; setsid sleep 60 & touch begun; sleep 62")


async def test_kill_9_of_the_daemon_takes_the_fence_along(ground):
    await ground.run(Wish(), "/usr/bin/true")  # or there is none here
    with subprocess.Popen([sys.executable, "-c", KILLED, str(ground.root), ground.level.value], cwd=CHECKOUT) as daemon:  # noqa: ASYNC220 - it is waited for in bounds
        try:
            await eventually((ground.source / "begun").exists, within=30)
            inside = psutil.Process(daemon.pid).children(recursive=True)
            assert "slirp4netns" in names(inside)
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait(10)
            await eventually(lambda: not alive(inside))
        finally:
            daemon.kill()
            process.sweep(f"test:{ground.root}".__eq__)


async def test_where_the_way_out_breaks_the_step_does_not_start(ground, monkeypatch, tmp_path):
    broken = tmp_path / "slirp4netns"
    broken.write_text("#!/bin/sh\necho 'no way' >&2\nexit 1\n")
    broken.chmod(0o755)
    fence = Fence(Wish(), Way(program=str(broken), user_namespace=ground.level is Level.FULL))
    machine = strongest().machine
    assert machine is not None
    sandbox = BubblewrapSandbox(Places(layout=ground.layout), replace(machine, level=ground.level), fence)
    lines: list[bytes] = []
    step = Step(name="build", argv=("/bin/sh", "-c", "touch began"), cwd=ground.source, environment={}, timeout=20)
    with pytest.raises(SandboxFailed, match="no way"):
        await sandbox.run(step, on_line=lines.append, on_start=lambda _: None)
    assert b"no way" in lines[0]
    assert not (ground.source / "began").exists()

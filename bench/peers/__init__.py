"""Other proxies that people route with, each driven the way its own users drive it, for the bench `routes`.

They are installed from the registries into a folder that goes away with the run.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import aiohttp

from bench.ways import end, filled, free_address, process, retried
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId
from drafterd.toolchain import Toolchain

_INSTALL_WITHIN = 300


class HubProxy:
    """jupyterhub-traefik-proxy with its file provider."""

    name = "jupyterhub-traefik-proxy"

    def __init__(self, folder: Path, python: Path) -> None:
        self.web, self._api = free_address(), free_address()
        self._folder = folder
        self._python = python
        self.pid = 0

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Itself, which starts the same Traefik as ours."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (self._folder / "hub.log").open("wb") as log:
            self._driver = subprocess.Popen(
                [self._python, Path(__file__).with_name("hub_proxy.py"), self._folder, str(self.web), str(self._api)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PATH": path},
                cwd=self._folder,
            )
        try:
            self.pid = int(self._read().removeprefix("ready "))
            yield
        finally:
            assert self._driver.stdin is not None
            self._driver.stdin.close()  # it ends its Traefik and itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._driver.wait(15)
            end(self._driver)

    async def fill(self, count: int, target: Address) -> None:
        """All at once."""
        routes = self._folder / "routes.txt"
        routes.write_text("".join(f"{draft} http://{address}\n" for draft, address in filled(count, target)))
        await asyncio.to_thread(self._tell, f"fill {routes}")

    async def add(self, draft: DraftId, target: Address) -> float:
        """Its own call, timed from its beginning: the file is an affair of its own."""
        begun = time.perf_counter()
        await asyncio.to_thread(self._tell, f"add {draft} http://{target}")
        return begun

    async def remove(self, draft: DraftId) -> None:
        """Its own call."""
        await asyncio.to_thread(self._tell, f"remove {draft}")

    def _tell(self, order: str) -> None:
        assert self._driver.stdin is not None
        self._driver.stdin.write(f"{order}\n".encode())
        self._driver.stdin.flush()
        if self._read() != "done":
            raise RuntimeError((self._folder / "hub.log").read_text()[-2000:])

    def _read(self) -> str:
        assert self._driver.stdout is not None
        return self._driver.stdout.readline().decode().strip()


class NodeProxy:
    """configurable-http-proxy, JupyterHub's default."""

    name = "configurable-http-proxy"

    def __init__(self, folder: Path, modules: Path) -> None:
        self.web, self._api = free_address(), free_address()
        self._folder = folder
        self._program = modules / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
        self.pid = 0

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Itself."""
        node = Toolchain.find(self._folder / "toolchain").folder / "node"
        words = ("--ip", self.web.host, "--port", str(self.web.port), "--log-level", "error")
        where = ("--api-ip", self._api.host, "--api-port", str(self._api.port))
        with process((str(node), str(self._program), *words, *where), self._folder) as self.pid:
            yield

    async def fill(self, count: int, target: Address) -> None:
        """A call for each."""
        async with aiohttp.ClientSession() as session:
            for draft, address in filled(count, target):
                await retried(partial(self._post, session, draft, address))

    async def add(self, draft: DraftId, target: Address) -> float:
        """A call, timed from its beginning: there is no file."""
        begun = time.perf_counter()
        async with aiohttp.ClientSession() as session:
            await self._post(session, draft, target)
        return begun

    async def remove(self, draft: DraftId) -> None:
        """A call."""
        async with aiohttp.ClientSession() as session, session.delete(self._url(draft)) as answer:
            answer.raise_for_status()

    async def _post(self, session: aiohttp.ClientSession, draft: DraftId, target: Address) -> None:
        try:
            async with session.post(self._url(draft), json={"target": f"http://{target}"}) as answer:
                answer.raise_for_status()
        except aiohttp.ClientConnectionError as error:
            raise ConnectionError(str(error)) from error

    def _url(self, draft: DraftId) -> str:
        return f"http://{self._api}/api/routes/api/draft/{draft}"


@contextlib.contextmanager
def node_route(folder: Path, target: Address) -> Iterator[Address]:
    """The same without a web app around it: Node's own server and `fetch`. It knows one draft."""
    node = Toolchain.find(folder / "toolchain").folder / "node"
    listen = free_address()
    program = Path(__file__).with_name("node_route.mjs")
    with process((str(node), str(program), str(listen), f"http://{target}"), folder):
        yield listen


@contextlib.contextmanager
def next_route(app: Path, target: Address) -> Iterator[Address]:
    """The route that drafterd replaces: one of a Next.js app, with `fetch`. It knows one draft."""
    node = Toolchain.find(app / "toolchain").folder / "node"
    listen = free_address()
    given = {"PORT": str(listen.port), "HOSTNAME": listen.host, "TARGET_PORT": str(target.port)}
    with process((str(node), str(app / ".next" / "standalone" / "server.js")), app, given):
        yield listen


def install_next_route(folder: Path) -> Path | None:
    """The built app of `next_route`; None where it cannot be had."""
    shutil.copytree(Path(__file__).with_name("next_route"), folder)
    tools = Toolchain.find(folder / "toolchain")
    npm, own = (
        [str(tools.folder / "npm"), "--prefix", str(folder)],
        {"PATH": tools.path, "NEXT_TELEMETRY_DISABLED": "1"},
    )
    installed = _ran([*npm, "install", "--no-audit", "--no-fund"], own)
    return folder if installed and _ran([*npm, "run", "build"], own) else None


def install_hub_proxy(folder: Path) -> Path | None:
    """The interpreter of an environment with jupyterhub-traefik-proxy; None where it cannot be had."""
    python = folder / "bin" / "python"
    made = _ran([sys.executable, "-m", "venv", str(folder)], {})
    return (
        python if made and _ran([str(python), "-m", "pip", "install", "-q", "jupyterhub-traefik-proxy"], {}) else None
    )


def install_node_proxy(folder: Path) -> Path | None:
    """The node_modules with configurable-http-proxy; None where it cannot be had."""
    folder.mkdir()
    tools = Toolchain.find(folder / "toolchain")
    words = ["install", "--prefix", str(folder), "--no-audit", "--no-fund", "configurable-http-proxy"]
    made = _ran([str(tools.folder / "npm"), *words], {"PATH": tools.path})
    return folder / "node_modules" if made else None


def _ran(argv: list[str], variables: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            argv, env={**os.environ, **variables}, capture_output=True, timeout=_INSTALL_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

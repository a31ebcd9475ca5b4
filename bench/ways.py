"""Ways to route visitors to drafts: drafterd's own, and the one that comes to mind first, with the same Traefik.

A way is started in a folder, filled with routes to one server, and changed by one route at a time.
"""

import asyncio
import contextlib
import json as json_text
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, Target, table_of
from drafterd.route import nginx_static
from drafterd.route.file_proxy import FileProxy
from drafterd.route.managed import command, static_configuration
from drafterd.route.nginx import NginxProxy
from drafterd.route.table import RouteSettings, draft_router, draft_service
from drafterd.route.traefik import TraefikProxy
from drafterd.toolchain import which

DEADLINE = 30.0


class Way(Protocol):
    """One proxy and what tells it its routes.

    Attributes:
        web: Where visitors come in.
        pid: The proxy's process.
    """

    name: str
    web: Address
    pid: int

    async def fill(self, count: int, target: Address) -> None:
        """Have the routes `draft-00000` and on, as `filled` has them."""
        ...

    async def add(self, draft: DraftId, target: Address) -> float:
        """Have one more; when the new table was in place for the proxy to read (`perf_counter`)."""
        ...

    async def remove(self, draft: DraftId, /) -> None:
        """Have it no more."""
        ...


class Ours:
    """One generated file, confirmed."""

    name = ""
    _proxy: FileProxy
    _file: str

    def __init__(self, folder: Path, edge: Address) -> None:
        self.web, self._api = free_address(), free_address()
        self._folder = folder
        self._settings = RouteSettings(edge=edge, certificate=folder / "certificate" / "default.pem")
        self._targets: dict[DraftId, Target | None] = {}
        self.pid = 0
        self.published: list[float] = []
        self.renamed_at = 0.0

    @property
    def _routes(self) -> Path:
        return self._folder / "routes" / self._file

    def _write(self, text: str) -> None:
        """In the adapter's place, with a note of when the file was renamed."""
        self.renamed_at = rename_into(self._routes, text)

    async def fill(self, count: int, target: Address) -> None:
        """One table with all."""
        self._targets = {draft: Target(address=address) for draft, address in filled(count, target)}
        await retried(lambda: self._proxy.publish(table_of(self._targets)))

    async def add(self, draft: DraftId, target: Address) -> float:
        """A table with one more; how long the daemon would wait for it is noted."""
        begun = time.perf_counter()
        await self._proxy.publish(table_of({**self._targets, draft: Target(address=target)}))
        self.published.append(time.perf_counter() - begun)
        return self.renamed_at

    async def remove(self, _draft: DraftId, /) -> None:
        """The table before."""
        await self._proxy.publish(table_of(self._targets))

    async def close(self) -> None:
        """Close the connections to the proxy."""
        await self._proxy.close()


class Drafterd(Ours):
    """With Traefik."""

    name, _file = "drafterd", "drafts.yml"

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Its Traefik."""
        self._proxy = TraefikProxy(routes_file=self._routes, settings=self._settings, api=f"http://{self._api}")
        self._proxy.prepare()
        self._proxy._write = self._write  # type: ignore[method-assign]  # noqa: SLF001 - the time is what we want
        provider = f"filename: {json_text.dumps(str(self._routes))}"
        with traefik(self._folder, self.web, self._api, provider) as self.pid:
            yield


class DrafterdNginx(Ours):
    """With nginx."""

    name, _file = "drafterd-nginx", "drafts.map"

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Its nginx."""
        main = nginx_static.write_static(
            self._folder / "nginx",
            listen=self.web,
            dashboard=self._api,
            routes_file=self._routes,
            settings=self._settings,
        )
        nginx = which("nginx")
        self._proxy = NginxProxy(
            routes_file=self._routes,
            settings=self._settings,
            api=f"http://{self._api}",
            test=nginx_static.test_command(nginx, main),
            pid_file=nginx_static.pid_file(main),
            pools_file=nginx_static.pools_file(main),
        )
        self._proxy.prepare()
        self._proxy._write = self._write  # type: ignore[method-assign]  # noqa: SLF001 - the time is what we want
        with process(nginx_static.command(nginx, main), self._folder) as self.pid:
            yield


class Directory:
    """One file per draft in a watched folder, no certificate: Traefik as people set it up by hand."""

    name = "directory"

    def __init__(self, folder: Path, edge: Address) -> None:
        self.web, api = free_address(), free_address()
        self._routes = folder / "routes"
        self._routes.mkdir(parents=True)
        self._settings = RouteSettings(edge=edge, certificate=folder / "unused.pem")
        self._static = (folder, self.web, api, f"directory: {json_text.dumps(str(self._routes))}")
        self.pid = 0

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Its Traefik."""
        with traefik(*self._static) as self.pid:
            yield

    async def fill(self, count: int, target: Address) -> None:
        """A file for each."""
        for draft, address in filled(count, target):
            await self.add(draft, address)

    async def add(self, draft: DraftId, target: Address) -> float:
        """A file."""
        route = Route(draft=draft, target=Target(address=target))
        router = draft_router(route, self._settings)
        del router["middlewares"]
        service = draft_service(route)
        del service[f"draft-{draft}"]["loadBalancer"]["serversTransport"]
        http_part = {"routers": {f"draft-{draft}": router}, "services": service}
        return rename_into(self._routes / f"{draft}.yml", json_text.dumps({"http": http_part}))

    async def remove(self, draft: DraftId) -> None:
        """No file."""
        (self._routes / f"{draft}.yml").unlink()


def draft_of(number: int) -> DraftId:
    """The drafts that every way is filled with."""
    return DraftId(f"draft-{number:05}")


def filled(count: int, target: Address) -> Iterator[tuple[DraftId, Address]]:
    """The drafts, each at an address of its own; the last one is the server, which alone is asked."""
    for number in range(count - 1):
        yield draft_of(number), Address(f"127.{1 + number // 250}.{1 + number % 250}.1", target.port)
    yield draft_of(count - 1), target


def rename_into(path: Path, text: str) -> float:
    """Write, flush, rename; returns when the rename began."""
    temporary = path.parent.parent / f"{path.name}.tmp"
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    moment = time.perf_counter()
    temporary.replace(path)
    return moment


async def retried(attempt: Callable[[], Awaitable[None]]) -> None:
    """A proxy needs a moment to start; a failure that lasts is a failure."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return await attempt()
        except (ProxyRejected, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def traefik(folder: Path, web: Address, api: Address, provider: str) -> Iterator[int]:
    """A Traefik with our static part, but for the provider; its pid."""
    static = static_configuration(listen=web, dashboard=api, routes_file=Path("/unused"))
    line = 'filename: "/unused"'
    if line not in static:
        raise ValueError("the template of the static part has changed")
    path = folder / "static.yml"
    path.write_text(static.replace(line, provider))
    with process(command(Path(sys.executable).with_name("traefik"), path), folder) as pid:
        yield pid


@contextlib.contextmanager
def process(argv: Sequence[str], folder: Path, given: Mapping[str, str] | None = None) -> Iterator[int]:
    """A program, with some variables, that is ended with the block; its pid. What it says lies in the folder."""
    environment = {**os.environ, **(given or {})}
    with (folder / f"{Path(argv[0]).name}.log").open("wb") as log:
        started = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        yield started.pid
    finally:
        end(started)


def end(started: subprocess.Popen[bytes]) -> None:
    """TERM, and KILL where that does not help."""
    started.terminate()
    try:
        started.wait(10)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def memory_mb(pid: int) -> float:
    """What a process and its children hold in memory."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(each.memory_info().rss for each in tree) / 1e6, 1)


def free_address() -> Address:
    """An address of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])

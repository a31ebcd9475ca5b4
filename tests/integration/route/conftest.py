"""A real Traefik between a visitor, drafts' servers and a stand-in for the daemon's edge."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from drafterd.domain.model import Address
from drafterd.domain.names import parse_draft_id
from drafterd.domain.routing import RouteTable, Target, table_of
from drafterd.route.managed import command, write_static
from drafterd.route.table import RouteSettings
from drafterd.route.traefik import TraefikProxy
from tests.builders import eventually

TRAEFIK = Path(sys.executable).with_name("traefik")


def free_address() -> Address:
    """Free now. Taken by the kernel's choice, so that parallel runs differ."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])


def echo_answer(request: web.Request, name: str, body: bytes = b"", **headers: str) -> web.Response:
    """Tells what the server saw."""
    seen = {
        "by": name,
        "method": request.method,
        "path": request.raw_path,
        "headers": {key.lower(): value for key, value in request.headers.items()},
        "body": body.decode(),
    }
    return web.Response(text=json.dumps(seen), content_type="application/json", headers=headers)


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], address: Address | None = None
) -> AsyncIterator[Address]:
    """A server whose every path goes to `handler`."""
    app = web.Application(client_max_size=64_000_000)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", address.port if address else 0)
    await site.start()
    try:
        yield Address("127.0.0.1", runner.addresses[0][1])
    finally:
        await runner.cleanup()


def echoing(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A draft's server that answers with what it saw."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return echo_answer(request, name, await request.read())

    return handler


@dataclass
class World:
    """Traefik, its files, and a visitor."""

    folder: Path
    settings: RouteSettings
    listen: Address
    dashboard: Address
    proxy: TraefikProxy
    visitor: aiohttp.ClientSession
    process: asyncio.subprocess.Process | None = None

    @property
    def routes_file(self) -> Path:
        return self.folder / "routes" / "traefik" / "drafts.yml"

    async def start_traefik(self) -> None:
        static = self.folder / "static.yml"
        write_static(static, listen=self.listen, dashboard=self.dashboard, routes_file=self.routes_file)
        with (self.folder / "traefik.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command(TRAEFIK, static), stdout=log, stderr=log, cwd=self.folder, env={"PATH": os.environ["PATH"]}
            )
        await eventually(self.proxy.alive, within=20)

    async def stop_traefik(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
            self.process = None

    async def publish(self, **targets: Target) -> RouteTable:
        table = table_of({parse_draft_id(name.replace("__", "-")): target for name, target in targets.items()})
        await self.proxy.publish(table)
        return table

    def url(self, path: str) -> str:
        """By number, so that no resolver is asked; the host goes into the header."""
        return f"http://{self.listen}{path}"

    def ask(self, path: str, *, method: str = "GET", host: str = "localhost", **options: Any) -> Any:
        headers = {"Host": f"{host}:{self.listen.port}"} | options.pop("headers", {})
        return self.visitor.request(
            method,
            URL(self.url(path), encoded=True),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(20),
            **options,
        )

    async def seen(self, path: str, **options: Any) -> dict[str, Any]:
        async with self.ask(path, **options) as response:
            assert response.status == 200, (response.status, await response.text())
            found: dict[str, Any] = await response.json()
            return found


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    """A world whose files lie in `folder`."""
    if not TRAEFIK.exists():
        pytest.fail("the tests need the extra `traefik`")
    async with serving(_edge) as edge, aiohttp.ClientSession() as visitor:
        settings = RouteSettings(edge=edge, certificate=folder / "routes" / "certificate" / "default.pem")
        listen, dashboard = free_address(), free_address()
        routes_file = folder / "routes" / "traefik" / "drafts.yml"
        proxy = TraefikProxy(routes_file=routes_file, settings=settings, api=f"http://{dashboard}")
        proxy.prepare()
        found = World(folder, settings, listen, dashboard, proxy, visitor)
        try:
            await found.start_traefik()
            yield found
        finally:
            await proxy.close()
            await found.stop_traefik()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as found:
        yield found


async def _edge(request: web.Request) -> web.StreamResponse:
    return echo_answer(request, "edge", await request.read(), **{"Retry-After": "2", "Cache-Control": "no-store"})

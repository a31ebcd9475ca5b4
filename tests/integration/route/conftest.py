"""A real proxy, Traefik or nginx, between a visitor, drafts' servers and a stand-in for the daemon's edge."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from yarl import URL

from drafterd.domain.model import Address
from drafterd.domain.names import parse_draft_id
from drafterd.domain.routing import RouteTable, Target, table_of
from drafterd.route import certificate as own_certificate
from drafterd.route import managed, nginx_static
from drafterd.route.file_proxy import FileProxy
from drafterd.route.nginx import NginxProxy
from drafterd.route.nginx_start import end_leftovers
from drafterd.route.table import AUTH, RouteSettings
from drafterd.route.tls import Tls
from drafterd.route.traefik import TraefikProxy
from tests.builders import eventually

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRAEFIK = Path(sys.executable).with_name("traefik")
NGINX = Path(shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/nginx")


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
async def serving(handler: Handler, address: Address | None = None) -> AsyncIterator[Address]:
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


def echoing(name: str) -> Handler:
    """A draft's server that answers with what it saw."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return echo_answer(request, name, await request.read())

    return handler


@dataclass
class World:
    """A proxy, its files, and a visitor."""

    folder: Path
    settings: RouteSettings
    listen: Address
    dashboard: Address
    kind: str
    visitor: aiohttp.ClientSession
    tls: Tls | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        self.proxy = self.adapter()

    @property
    def routes_file(self) -> Path:
        name = {"traefik": "drafts.yml", "nginx": "drafts.map"}[self.kind]
        return self.folder / "routes" / self.kind / name

    def adapter(self, **changes: Any) -> FileProxy:
        """What tells the proxy its routes; another one is a daemon that was started anew."""
        api = f"http://{self.dashboard}"
        if self.kind == "traefik":
            return TraefikProxy(routes_file=self.routes_file, settings=self.settings, api=api, **changes)
        own: dict[str, Any] = {
            "test": nginx_static.test_command(NGINX, self.main),
            "pid_file": nginx_static.pid_file(self.main),
            "pools_file": nginx_static.pools_file(self.main),
        }
        return NginxProxy(routes_file=self.routes_file, settings=self.settings, api=api, **own | changes)

    @property
    def main(self) -> Path:
        return self.folder / "nginx" / "nginx.conf"

    def _command(self) -> tuple[str, ...]:
        places: dict[str, Any] = {
            "listen": self.listen,
            "dashboard": self.dashboard,
            "routes_file": self.routes_file,
            "tls": self.tls,
        }
        if self.kind == "traefik":
            static = self.folder / "static.yml"
            managed.write_static(static, **places)
            return managed.command(TRAEFIK, static)
        return nginx_static.command(
            NGINX, nginx_static.write_static(self.main.parent, settings=self.settings, **places)
        )

    async def start(self) -> None:
        argv = self._command()
        with (self.folder / "proxy.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *argv,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
                | dict(self.environ),
                start_new_session=True,
            )
        await eventually(self._runs, within=20)

    async def _runs(self) -> bool:
        """The workers of an nginx that was killed still answer: it must be the new one."""
        assert self.process is not None
        pid = nginx_static.pid_file(self.main)
        with contextlib.suppress(FileNotFoundError):
            if self.kind == "nginx" and pid.read_text().strip() != str(self.process.pid):
                return False
        return await self.proxy.alive()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
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

    def edit_by_hand(self, one: Address, two: Address) -> None:
        """Lead routes from one server to another, and have the proxy read that."""
        record, body = self.routes_file.read_text().split("\n", 1)
        # An nginx of ours names pools, of which there is none for a server that nobody has routed.
        edited = body.replace(f"kept-127.0.0.1-{one.port}", str(two)).replace(str(one), str(two))
        assert edited != body
        self.routes_file.write_text(f"{record}\n{edited}")
        if self.kind == "nginx":
            os.kill(int(nginx_static.pid_file(self.main).read_text()), signal.SIGHUP)

    def url(self, path: str) -> str:
        """By number, so that no resolver is asked; the host goes into the header."""
        return f"{'https' if self.tls else 'http'}://{self.listen}{path}"

    def ask(self, path: str, *, method: str = "GET", host: str = "localhost", **options: Any) -> Any:
        headers = {"Host": f"{host}:{self.listen.port}"} | options.pop("headers", {})
        return self.visitor.request(
            method,
            URL(self.url(path), encoded=True),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(20),
            ssl=False,  # a certificate that nobody signed
            **options,
        )

    async def certificate(self, host: str = "localhost") -> x509.Certificate:
        """What a new visitor of a host is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        at = self.listen
        _, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname=host)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(found)

    async def seen(self, path: str, **options: Any) -> dict[str, Any]:
        async with self.ask(path, **options) as response:
            assert response.status == 200, (response.status, await response.text())
            found: dict[str, Any] = await response.json()
            return found


@asynccontextmanager
async def opened(
    folder: Path,
    kind: str = "traefik",
    *,
    https: bool = False,
    acme: Tls | None = None,
    edge: Handler | None = None,
    environ: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """A world whose files lie in `folder`; `environ` is the proxy's, `changes` are of the routes' settings."""
    if shutil.which(TRAEFIK) is None or shutil.which(NGINX) is None:
        pytest.fail("the tests need the extra `traefik` and the package nginx-light")
    async with serving(edge or _edge) as at, aiohttp.ClientSession() as visitor:
        certificate = folder / "routes" / "certificate" / "default.pem"
        settings = RouteSettings(edge=at, certificate=certificate, **changes)
        listen, dashboard = free_address(), free_address()
        tls = None
        if https:
            own_certificate.ensure(certificate, host="localhost")
            tls = Tls(certificate=certificate, key=certificate, port=listen.port, plain=free_address())
        if acme:
            tls, settings = replace(acme, port=listen.port, storage=folder / "acme.json"), replace(settings, acme=True)
        found = World(folder, settings, listen, dashboard, kind, visitor, tls, environ or {})
        found.proxy.prepare()
        try:
            await found.start()
            yield found
        finally:
            await found.proxy.close()
            await found.stop()
            end_leftovers(nginx_static.group_file(found.main))  # of a test that failed after a kill


@pytest.fixture(params=["traefik", "nginx"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with opened(tmp_path, request.param) as found:
        yield found


@pytest.fixture(params=["traefik", "traefik, https", "nginx", "nginx, https"])
async def each_world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    kind, _, https = request.param.partition(", ")
    async with opened(tmp_path, kind, https=bool(https)) as found:
        yield found


@pytest.fixture
async def traefik(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, "traefik") as found:
        yield found


LET_IN = {"Cookie": "drafterd_access=yes; theme=dark"}
"""What a visitor sends whom the daemon has let in."""


async def _edge(request: web.Request) -> web.StreamResponse:
    """The daemon; who it is asked about may come in with the cookie, which it keeps from the draft."""
    if request.path == AUTH:
        let_in = request.cookies.get("drafterd_access") == "yes"
        return web.Response(headers={"Cookie": "theme=dark"}) if let_in else web.Response(status=401, text="who?")
    return echo_answer(request, "edge", await request.read(), **{"Retry-After": "2", "Cache-Control": "no-store"})

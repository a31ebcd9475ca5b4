"""How long a new route takes: from the rename of the routes file to the first proxied 200.

Beside drafterd's way (one generated file, a default certificate) runs the way that comes to mind
first, `directory`: one file per draft in a watched folder, no certificate, the same Traefik. Both take
turns in one run. `published_ms` is what the daemon waits for: writing, and Traefik's confirmation.
"""

import asyncio
import contextlib
import http.client
import http.server
import json as json_text
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import finish, say
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, Target, table_of
from drafterd.route.managed import command, static_configuration
from drafterd.route.table import RouteSettings, draft_router, draft_service
from drafterd.route.traefik import TraefikProxy

SIZES = (10, 100, 1000)
RUNS = 9
DEADLINE = 20.0
BODY = b"the draft itself"


def main(json: bool) -> int:
    """Measure every size; print a table, and the object where it is wanted."""
    sys.setswitchinterval(0.0005)  # prober, servers and publisher share one interpreter
    live: dict[str, dict[str, float]] = {}
    published: dict[str, float] = {}
    with serving(_Draft) as backend, serving(_Edge) as edge:
        for size in SIZES:
            say(f"{size} drafts, {RUNS} changes each way ...")
            found = asyncio.run(measure(size, backend, edge))
            live[str(size)] = {name: median(values) for name, values in found.live.items()}
            published[str(size)] = median(found.published)
    show(live, published)
    over = {size: round(ways["drafterd"] / ways["directory"], 3) for size, ways in live.items()}
    result = {"live_ms": live, "published_ms": published, "live_over_directory": over}
    return finish(result, runs=RUNS, as_json=json)


def show(live: dict[str, dict[str, float]], published: dict[str, float]) -> None:
    """The table for people."""
    say(f"{'drafts':>8} {'live ms':>10} {'directory':>10} {'ratio':>7} {'published ms':>13}")
    for size, ways in live.items():
        ratio = ways["drafterd"] / ways["directory"]
        ours, other = ways["drafterd"], ways["directory"]
        say(f"{size:>8} {ours:>10.1f} {other:>10.1f} {ratio:>7.2f} {published[size]:>13.1f}")


def median(seconds: list[float]) -> float:
    """In milliseconds."""
    return round(statistics.median(seconds) * 1000, 2)


@dataclass
class Found:
    """Seconds, one value per change."""

    live: dict[str, list[float]] = field(default_factory=lambda: {"drafterd": [], "directory": []})
    published: list[float] = field(default_factory=list)


class TimedProxy(TraefikProxy):
    """Ours, with a note of when the file was renamed."""

    renamed_at = 0.0

    def _write(self, text: str) -> None:
        self.renamed_at = rename_into(self._routes_file, text)


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


async def measure(size: int, backend: Address, edge: Address) -> Found:
    """Add a route to a table of `size`, both ways in turn, and take it out again."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        folder = Path(name)
        settings = RouteSettings(edge=edge, certificate=folder / "certificate" / "default.pem")
        targets: dict[DraftId, Target | None] = {
            DraftId(f"draft-{number:05}"): Target(address=backend) for number in range(size)
        }
        single, many = Files(folder / "single"), Files(folder / "many")
        proxy = TimedProxy(routes_file=single.routes / "drafts.yml", settings=settings, api=f"http://{single.api}")
        proxy.prepare()
        for draft, target in targets.items():
            if target is not None:
                many.add(draft, target, settings)
        with (
            traefik(single, f"filename: {json_text.dumps(str(single.routes / 'drafts.yml'))}"),
            traefik(many, f"directory: {json_text.dumps(str(many.routes))}"),
        ):
            try:
                await retried(lambda: proxy.publish(table_of(targets)))
                await asyncio.to_thread(wait_for, many.web, DraftId(f"draft-{size - 1:05}"))
                for run in range(RUNS):
                    await one_change(
                        found,
                        run,
                        backend=backend,
                        targets=targets,
                        proxy=proxy,
                        single=single,
                        many=many,
                        settings=settings,
                    )
            finally:
                await proxy.close()
    return found


async def one_change(
    found: Found,
    run: int,
    *,
    backend: Address,
    targets: dict[DraftId, Target | None],
    proxy: TimedProxy,
    single: "Files",
    many: "Files",
    settings: RouteSettings,
) -> None:
    """One new draft each way, live and gone."""
    draft = DraftId(f"new-{run}")
    table = table_of({**targets, draft: Target(address=backend)})
    seen, published = await asyncio.gather(
        asyncio.to_thread(wait_for, single.web, draft), timed(lambda: proxy.publish(table))
    )
    found.published.append(published)
    found.live["drafterd"].append(seen - proxy.renamed_at)
    await proxy.publish(table_of(targets))

    seen, renamed_at = await asyncio.gather(
        asyncio.to_thread(wait_for, many.web, draft),
        asyncio.to_thread(many.add, draft, Target(address=backend), settings),
    )
    found.live["directory"].append(seen - renamed_at)
    (many.routes / f"{draft}.yml").unlink()
    await asyncio.to_thread(wait_for, many.web, draft, gone=True)


class Files:
    """One Traefik's folder and listeners."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.routes = folder / "routes"
        self.routes.mkdir(parents=True)
        self.web, self.api = free_address(), free_address()

    def add(self, draft: DraftId, target: Target, settings: RouteSettings) -> float:
        """A file for one draft, as people write it by hand; returns when it was renamed."""
        route = Route(draft=draft, target=target)
        router = draft_router(route, settings)
        del router["middlewares"]
        service = draft_service(route)
        del service[f"draft-{draft}"]["loadBalancer"]["serversTransport"]
        http_part = {"routers": {f"draft-{draft}": router}, "services": service}
        return rename_into(self.routes / f"{draft}.yml", json_text.dumps({"http": http_part}))


async def timed(act: Callable[[], Awaitable[None]]) -> float:
    """How long it took, seconds."""
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


async def retried(attempt: Callable[[], Awaitable[None]]) -> None:
    """Traefik needs a moment to start; a failure that lasts is a failure."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return await attempt()
        except ProxyRejected:
            if time.monotonic() > deadline:
                raise


def wait_for(web: Address, draft: DraftId, *, gone: bool = False) -> float:
    """Ask every millisecond over one connection until the draft answers, or does not; returns when it did."""
    deadline = time.monotonic() + DEADLINE
    connection = http.client.HTTPConnection(web.host, web.port, timeout=5)
    with contextlib.closing(connection):
        while time.monotonic() < deadline:
            try:
                connection.request("GET", f"/api/draft/{draft}/", headers={"Host": "localhost"})
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.02)
                continue
            served = response.status == http.HTTPStatus.OK and body == BODY
            if served is not gone:
                return time.perf_counter()
            time.sleep(0.001)
    raise TimeoutError(f"{draft} did not change within {DEADLINE} s")


@contextlib.contextmanager
def traefik(files: Files, provider: str) -> Iterator[None]:
    """A Traefik with our static part, but for the provider."""
    static = static_configuration(listen=files.web, dashboard=files.api, routes_file=Path("/unused"))
    line = 'filename: "/unused"'
    if line not in static:
        raise ValueError("the template of the static part has changed")
    path = files.folder / "static.yml"
    path.write_text(static.replace(line, provider))
    executable = Path(sys.executable).with_name("traefik")
    with (files.folder / "traefik.log").open("wb") as log:
        process = subprocess.Popen(command(executable, path), stdout=log, stderr=log, cwd=files.folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Draft(http.server.BaseHTTPRequestHandler):
    """Every draft's server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    status = http.HTTPStatus.OK

    def do_GET(self) -> None:
        """Say who we are."""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Edge(_Draft):
    """The daemon's stand-in: no such draft."""

    status = http.HTTPStatus.NOT_FOUND


@contextlib.contextmanager
def serving(handler: type[_Draft]) -> Iterator[Address]:
    """A server on the loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield Address("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_address() -> Address:
    """An address of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])

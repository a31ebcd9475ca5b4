"""A booted machine with drafterd on it, used as its administrator, authors and visitors use it."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.boot.machine import Machine
from tests.builders import eventually

SITE = "http://127.0.0.1"
API = "http://127.0.0.1:8740"
SERVICES = ("drafterd.service", "drafterd-supervisor.service", "drafterd-traefik.service")


class Installed(Machine):
    """Everything is at the places that the documents name; drafterd's own wheels lie in its folder."""

    async def install_version(self, version: str) -> None:
        """An environment of its own for this version, and the link to it."""
        place = f"/opt/drafterd-{version}"
        wheels = self.at("/opt/own")
        wheels.mkdir(exist_ok=True)
        for wheel in self.folder.glob(f"drafterd-{version}-*.whl"):
            shutil.copy(wheel, wheels)
        await self.run("python3", "-m", "venv", place)
        await self.run(
            *(f"{place}/bin/pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"),
            *("--find-links", "/wheels", "--find-links", "/opt/own", f"drafterd[all]=={version}"),
            within=300,
        )
        await self.use(version)

    async def use(self, version: str) -> None:
        """Let the link point to this version's environment, in one step."""
        await self.run("ln", "-sfnT", f"/opt/drafterd-{version}", "/opt/drafterd.new")
        await self.run("mv", "-T", "/opt/drafterd.new", "/opt/drafterd")

    async def drafterd(self, *words: str, check: bool = True, within: float = 120) -> str:
        """Run the command."""
        return await self.run("/opt/drafterd/bin/drafterd", *words, check=check, within=within)

    def drop(self, draft: str, files: Mapping[str, str | bytes]) -> Path:
        """Write a draft's files beside, and rename the folder into place."""
        place = self.at("/srv/drafts")
        beside = place / f".new-{draft}"
        for name, text in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return beside.rename(place / draft)

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Ask the API with the token."""
        headers = {"Authorization": f"Bearer {self.at('/var/lib/drafterd/token').read_text().strip()}"}
        async with self.session() as client, client.request(method, API + path, headers=headers, **options) as answer:
            return answer.status, await answer.json() if "json" in answer.content_type else await answer.text()

    async def visit(self, path: str, **options: Any) -> tuple[int, str]:
        """Ask the proxy as a visitor."""
        async with self.session() as client, client.get(SITE + path, allow_redirects=False, **options) as answer:
            return answer.status, await answer.text(errors="replace")

    async def draft(self, draft: str) -> dict[str, Any]:
        """The API's answer about a draft; empty when there is none."""
        status, body = await self.call("GET", f"/api/v1/drafts/{draft}")
        return body if status == 200 else {}

    async def until(self, draft: str, *states: str, within: float = 90) -> dict[str, Any]:
        """The draft once it is in one of the states and nothing is going on beside."""

        async def reached() -> dict[str, Any] | None:
            report = await self.draft(draft)
            return report if report.get("state") in states and report.get("work") == "none" else None

        found: dict[str, Any] = await self.eventually(reached, within=within)
        return found

    async def trouble(self) -> str:
        """All that may tell why something does not work."""
        drafts = await self.drafterd("ls", check=False)
        units = await self.run("systemctl", "--no-pager", "status", *SERVICES, check=False)
        journal = await self.run("journalctl", "--no-pager", "--lines=60", *(f"--unit={unit}" for unit in SERVICES))
        return f"{drafts}\n{units}\n{journal}"

    async def eventually(self, condition: Callable[[], Any], *, within: float) -> Any:
        """Like the other one, but that nobody listens means no; what may tell why is told."""

        async def quietly() -> Any:
            try:
                return await condition()
            except (aiohttp.ClientError, OSError):
                return None

        try:
            return await eventually(quietly, within=within, every=0.1)
        except AssertionError as error:
            raise AssertionError(await self.trouble()) from error

    async def main_pid(self, unit: str) -> int:
        """The main process of a unit, as the machine counts."""
        return int(await self.run("systemctl", "show", "--property=MainPID", "--value", unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What somebody asks for over and over.

    Attributes:
        kept: Whether by one connection that is kept open.
        by_socket: By the command line's socket, in the place of an address.
        slowly: Seconds that are taken for reading the answer.
        good: How it is answered when all is well.
    """

    url: str
    method: str = "GET"
    kept: bool = False
    by_socket: bool = False
    slowly: float = 0.0
    good: tuple[int, ...] = (200,)


ASKED: Mapping[str, Asking] = {
    "hello": Asking(url=f"{SITE}/api/draft/hello/"),
    "second": Asking(url=f"{SITE}/api/draft/second/"),
    "kept": Asking(url=f"{SITE}/api/draft/hello/", kept=True),
    "files": Asking(url=f"{SITE}/api/draft/files/"),
    "download": Asking(url=f"{SITE}/api/draft/files/large.bin", slowly=2.0),
    "api": Asking(url=f"{API}/api/v1/queue"),
    "kept api": Asking(url=f"{API}/api/v1/queue", kept=True),
    "post": Asking(url=f"{API}/api/v1/scan", method="POST", kept=True, good=(202,)),
    "socket": Asking(url="http://localhost/api/v1/drafts", by_socket=True),
    "long poll": Asking(url=f"{API}/api/v1/drafts/hello?wait=paused&timeout=20"),
}
"""By visitors, programs and operators, in the ways they have."""
DRAFTS_ALONE = ("hello", "second", "kept")
DAEMON_ALONE = ("api", "kept api", "post", "socket", "long poll")
LARGE = 8_000_000
"""Bytes: more than the buffers on the way take."""
_PIECES = 100


@dataclass
class Load:
    """Asks for the same things over and over, and remembers what went wrong.

    Attributes:
        names: What is asked for, of `ASKED`.
        asked: Answers by name.
        lost: What was not answered as it should be.
    """

    server: Installed
    names: Sequence[str] = tuple(ASKED)
    asked: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        token = self.server.at("/var/lib/drafterd/token").read_text().strip()
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self.asked = dict.fromkeys(self.names, 0)
        works = []
        for name in self.names:
            asking = ASKED[name]
            headers = {} if asking.url.startswith(f"{SITE}/") else {"Authorization": f"Bearer {token}"}
            by = "/run/drafterd/drafterd.sock" if asking.by_socket else None
            session = self.server.session(kept=asking.kept, by=by, headers=headers)
            client = await self._stack.enter_async_context(session)
            works += [tasks.create_task(self._ask(client, name, asking)) for _ in range(2)]
        self._stack.callback(lambda: [work.cancel() for work in works])
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def more(self, count: int) -> None:
        """Wait until each of them was asked so many times more; what takes its time, once."""
        wanted = {
            name: self.asked[name] + (1 if ASKED[name].slowly or "wait=" in ASKED[name].url else count)
            for name in self.asked
        }
        await eventually(lambda: all(self.asked[name] >= many for name, many in wanted.items()), within=90)

    async def _ask(self, client: aiohttp.ClientSession, name: str, asking: Asking) -> None:
        while True:
            try:
                async with client.request(asking.method, asking.url) as answer:
                    size, first = 0, b""
                    async for piece in answer.content.iter_chunked(LARGE // _PIECES):
                        size, first = size + len(piece), first or piece[:300]
                        await asyncio.sleep(asking.slowly / _PIECES)
                    if answer.status not in asking.good or (asking.slowly and size != LARGE):
                        self.lost.append(f"{name}: {answer.status}, {size} bytes, {first!r}")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.lost.append(f"{name}: {error!r}")
            self.asked[name] += 1
            await asyncio.sleep(0.02)

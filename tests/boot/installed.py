"""A booted machine with drafterd on it, used as its administrator, authors and visitors use it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
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

    def drop(self, draft: str, files: Mapping[str, str]) -> Path:
        """Write a draft's files beside, and rename the folder into place."""
        place = self.at("/srv/drafts")
        beside = place / f".new-{draft}"
        for name, text in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
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


@dataclass
class Load:
    """Asks for the same things over and over, and remembers what went wrong.

    Attributes:
        asked: Answers by path.
        lost: What was not answered as it should be.
        longest: The longest wait, in seconds.
    """

    server: Installed
    asked: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    longest: float = 0.0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        token = self.server.at("/var/lib/drafterd/token").read_text().strip()
        client = await self._stack.enter_async_context(self.server.session())
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        asked: dict[str, dict[str, str]] = {
            f"{SITE}/api/draft/hello/": {},
            f"{SITE}/api/draft/second/": {},
            f"{API}/api/v1/queue": {"Authorization": f"Bearer {token}"},
        }
        self.asked = dict.fromkeys(asked, 0)
        works = [tasks.create_task(self._ask(client, url, headers)) for url, headers in asked.items() for _ in range(2)]
        self._stack.callback(lambda: [work.cancel() for work in works])
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def more(self, count: int) -> None:
        """Wait until each of them was asked so many times more."""
        wanted = {url: self.asked[url] + count for url in self.asked}
        await eventually(lambda: all(self.asked[url] >= many for url, many in wanted.items()), within=90)

    async def _ask(self, client: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        while True:
            began = time.monotonic()
            try:
                async with client.get(url, headers=headers) as answer:
                    text = await answer.text()
                    if answer.status != 200:
                        self.lost.append(f"{url}: {answer.status} {text[:200]}")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.lost.append(f"{url}: {error!r}")
            self.longest = max(self.longest, time.monotonic() - began)
            self.asked[url] += 1
            await asyncio.sleep(0.02)

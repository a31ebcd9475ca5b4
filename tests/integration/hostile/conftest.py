"""A server with one good draft, which must answer during and after every attack."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest
import pytest_asyncio

from drafterd.sandbox.probe import strongest
from tests.builders import eventually
from tests.processes import alive, naming
from tests.server import Server, node_server

_ASKED_EVERY = 0.05
_SLOW = 5.0
"""Seconds that nobody may wait for an answer, even on a machine that is busy with other tests."""


class Ground(Server):
    """Where attacks are made.

    Attributes:
        waits: Seconds that the good draft and the API took to answer since the last attack began, by who was asked.
        silent: Who did not answer, or wrongly.
    """

    attacker = ""
    waits: dict[str, list[float]]
    silent: list[str]

    async def attack(self, draft: str, files: dict[str, str]) -> None:
        """Drop a draft; its scripts are its files."""
        self.attacker = draft
        self.forget()
        self.drop(draft, {**node_server(), **files})

    def forget(self) -> None:
        """Count the answers anew."""
        self.waits, self.silent = {"draft": [], "api": []}, []

    async def ask_for_ever(self) -> None:
        """Ask the good draft and the API again and again, one after the other."""
        while True:
            for who, ask in (("draft", self._draft_answers), ("api", self._api_answers)):
                began = time.monotonic()
                try:
                    answered = await ask()
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    answered = str(error) or type(error).__name__
                self.waits[who].append(time.monotonic() - began)
                if answered:
                    self.silent.append(f"{who}: {answered}")
            await asyncio.sleep(_ASKED_EVERY)

    async def _draft_answers(self) -> str:
        found = (await self.visit("/api/draft/good/"))[:2]
        return "" if found == (200, "good /") else str(found)

    async def _api_answers(self) -> str:
        status, body = await self.call("GET", "/api/v1/status")
        return "" if status == 200 else f"{status} {json.dumps(body)}"

    async def until_printed(self, draft: str, word: str) -> None:
        """Wait until its first build has printed a line."""
        log = self.state / "drafts" / draft / "log" / "build-1.log"
        await eventually(lambda: log.exists() and f" {word}\n" in log.read_text(), within=60)

    def left(self, draft: str, *, serves: bool) -> list[str]:
        """Processes of a draft's builds, and of its server where none may be."""
        word = f"{self.state}/drafts/{draft}/{'builds/' if serves else ''}"
        found = []
        for process in alive(psutil.process_iter()):
            with contextlib.suppress(psutil.Error, OSError):
                words = [*process.cmdline(), *process.environ().values(), f"{process.cwd()}/"]
                if any(word in each for each in words):
                    found.append(" ".join(process.cmdline()))
        return found

    async def unharmed(self, *, gone: str = "", within: float = 20, p95: float = _SLOW) -> None:
        """The good draft and the API have answered all the time; nothing is left of the attack.

        Args:
            gone: Also no process whose command line holds this word is left.
            p95: Seconds within which nearly all answers of the API came.
        """
        for who in self.waits:
            before = len(self.waits[who])
            await eventually(lambda who=who, before=before: len(self.waits[who]) >= before + 2, within=20)  # type: ignore[misc]
        assert self.silent == []
        waited = {who: sorted(each) for who, each in self.waits.items()}
        assert max(waited["draft"][-1], waited["api"][-1]) < _SLOW
        assert waited["api"][int(0.95 * len(waited["api"]))] < p95
        assert (await self.call("GET", "/readyz"))[0] == 200
        serves = bool((await self.draft(self.attacker)).get("serving"))
        await eventually(lambda: self.left(self.attacker, serves=serves) == [], within=within)
        if gone:
            await eventually(lambda: not naming(gone), within=within)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    if strongest().machine is None:
        pytest.skip(strongest().reason)
    async with Ground(
        tmp_path_factory.mktemp("hostile"),
        build={"memory_max": "400M", "disk_max": "300M"},
        run={"memory_max": "300M", "disk_max": "150M"},
        drafts_config={"roomy": {"memory_max": "600M"}},
    ) as ground:
        ground.drop("good", node_server("good"))
        await ground.until("good", "ready", within=60)
        ground.forget()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ground.ask_for_ever())
            yield ground
            asking.cancel()

"""A server with one good draft, which must answer after every attack."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from drafterd.sandbox.probe import strongest
from tests.builders import eventually
from tests.processes import naming
from tests.server import Server, node_server


class Ground(Server):
    """Where attacks are made."""

    async def attack(self, draft: str, files: dict[str, str]) -> None:
        """Drop a draft; its scripts are its files."""
        self.drop(draft, {**node_server(), **files})

    async def until_printed(self, draft: str, word: str) -> None:
        """Wait until its first build has printed a line."""
        log = self.state / "drafts" / draft / "log" / "build-1.log"
        await eventually(lambda: log.exists() and f" {word}\n" in log.read_text(), within=60)

    async def unharmed(self, *, gone: str = "", within: float = 20) -> None:
        """The good draft and the daemon answer; no process whose command line holds the word is left."""
        assert (await self.visit("/api/draft/good/"))[:2] == (200, "good /")
        assert (await self.call("GET", "/readyz"))[0] == 200
        if gone:
            await eventually(lambda: not naming(gone), within=within)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    if strongest().machine is None:
        pytest.skip(strongest().reason)
    async with Ground(
        tmp_path_factory.mktemp("hostile"),
        build={"memory_max": "400M"},
        run={"memory_max": "300M", "disk_max": "150M"},
        drafts_config={"roomy": {"memory_max": "600M"}},
    ) as ground:
        ground.drop("good", node_server("good"))
        await ground.until("good", "ready", within=60)
        yield ground

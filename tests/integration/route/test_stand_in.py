"""Who answers at the edge while no daemon does, as a real process."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from drafterd.domain.model import Address
from drafterd.files import write_atomic
from drafterd.route.stand_in import command
from drafterd.web.away import away_answers
from tests.builders import eventually
from tests.integration.route.conftest import echoing, free_address, serving


@asynccontextmanager
async def standing_in(folder: Path, at: Address) -> AsyncIterator[None]:
    argv = command(folder / "owner", folder / "away.json", at.host, at.port)
    process = await asyncio.create_subprocess_exec(*argv, cwd=Path(__file__).parents[3])
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def living(owner: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in the daemon's place, named by the file."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    write_atomic(owner, f"{process.pid}\n".encode())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def listens(at: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(at.host, at.port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Address]:
    address = free_address()
    (tmp_path / "away.json").write_text(away_answers())
    async with standing_in(tmp_path, address):
        yield address


async def test_everybody_is_told_to_come_back(tmp_path: Path, at: Address) -> None:
    await eventually(lambda: listens(at))
    url = f"http://{at}/api/draft/x/y?z"
    async with aiohttp.ClientSession() as visitor:
        async with visitor.get(url, headers={"Accept": "text/html,*/*"}) as response:
            assert response.status == 503
            assert "Back in a moment" in await response.text()
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert response.headers["Retry-After"] == "3"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Robots-Tag"] == "noindex"
            assert "style-src 'sha256-" in response.headers["Content-Security-Policy"]
        async with visitor.post(url, data=b"x" * 900_000) as response:
            assert (response.status, json.loads(await response.read())["code"]) == (503, "daemon-away")
            assert response.headers["Content-Type"] == "application/problem+json"
        async with visitor.head(url) as response:
            assert (response.status, await response.read()) == (503, b"")
        (tmp_path / "away.json").write_text("spoilt")
        async with visitor.get(url) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "3")


async def test_what_is_no_request_gets_nothing(at: Address) -> None:
    await eventually(lambda: listens(at))
    reader, writer = await asyncio.open_connection(at.host, at.port)
    writer.write(b"x" * 200_000)
    writer.write_eof()
    with contextlib.suppress(ConnectionResetError):
        assert not await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert await listens(at)


async def test_it_makes_room_for_a_daemon_and_comes_back_when_that_is_killed(tmp_path: Path, at: Address) -> None:
    await eventually(lambda: listens(at))
    async with living(tmp_path / "owner") as daemon:

        async def free() -> bool:
            return not await listens(at)

        await eventually(free)
        async with serving(echoing("daemon"), at):
            assert await listens(at)
        assert not await listens(at), "the daemon lives, though it does not answer"
        daemon.send_signal(signal.SIGKILL)
        await eventually(lambda: listens(at))


async def test_an_address_that_another_program_has_is_waited_for(tmp_path: Path) -> None:
    address = free_address()
    async with serving(echoing("other"), address), standing_in(tmp_path, address), aiohttp.ClientSession() as visitor:
        for _ in range(3):
            async with visitor.get(f"http://{address}/") as response:
                assert response.status == 200

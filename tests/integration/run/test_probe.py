"""What counts as an answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from drafterd.domain.model import Address
from drafterd.run.probe import FIRST_PAUSE, LONGEST_PAUSE, Answer, ask, next_pause
from tests.builders import eventually, free_port


@contextlib.asynccontextmanager
async def server(reply: bytes | None, seen: list[bytes]) -> AsyncIterator[Address]:
    serving: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            if reply is None:
                await reader.read()
            else:
                writer.write(reply)
                await writer.drain()
        writer.close()
        serving.discard(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield Address("127.0.0.1", listening.sockets[0].getsockname()[1])
        await eventually(lambda: not serving)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Answer.HTTP),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", Answer.HTTP),
        (b"HTTP/1.1 500\r\n\r\n", Answer.HTTP),
        (b"HTTP/1.1 302 Found\r\n\r\n", Answer.HTTP),
        (b"HTTP/1.1 999 No\r\n\r\n", Answer.SILENT),
        (b"SSH-2.0-OpenSSH\r\n", Answer.SILENT),
        (b"", Answer.SILENT),
        (b"x" * 100_000, Answer.SILENT),
        (None, Answer.SILENT),
    ],
)
async def test_only_http_is_an_answer(reply: bytes | None, answer: Answer):
    async with server(reply, []) as address:
        assert await ask(address, "/", patience=0.5) is answer


async def test_nobody_listens():
    assert await ask(Address("127.0.0.1", free_port()), "/", patience=0.5) is Answer.REFUSED


async def test_the_request_is_one_that_a_browser_could_send():
    seen: list[bytes] = []
    async with server(b"HTTP/1.1 200 OK\r\n\r\n", seen) as address:
        await ask(address, "/api/draft/x y\r\nEvil: ü?q=1", patience=0.5)
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET /api/draft/x%20y%0D%0AEvil:%20%C3%BC?q=1 HTTP/1.1"
    assert b"Host: localhost" in lines


def test_pauses_grow_to_a_quarter_of_a_second():
    pauses = [FIRST_PAUSE]
    while pauses[-1] < LONGEST_PAUSE:
        pauses.append(next_pause(pauses[-1]))
    assert pauses[-1] == LONGEST_PAUSE
    assert len(pauses) > 5

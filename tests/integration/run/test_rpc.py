"""What a call does when the other side is not as it should be."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from drafterd.domain.errors import RuntimeUnavailable
from drafterd.run import rpc
from drafterd.run.rpc import Fault, SupervisorClient
from tests.builders import eventually

Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(behave: Behave) -> AsyncIterator[SupervisorClient]:
    serving: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(writer)
        with contextlib.suppress(OSError):
            await reader.readuntil(b"</methodCall>")
            await behave(writer)
        writer.close()
        serving.discard(writer)

    with tempfile.TemporaryDirectory(prefix="draft-") as folder:
        socket = Path(folder) / "sock"
        listening = await asyncio.start_unix_server(serve, str(socket))
        async with listening:
            yield SupervisorClient(socket, timeout=1.0)
            await eventually(lambda: not serving)


def saying(body: bytes, *, status: str = "200 OK") -> Behave:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        await writer.drain()

    return behave


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 1_000_000)
        await writer.drain()


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.5)


async def closing(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (saying(b"not xml"), "cannot be read"),
        (saying(b"<methodResponse/>"), "cannot be read"),
        (saying(b"", status="500 Broken"), "does not answer"),
        (endless, "more than"),
        (silent, "within 1 s"),
        (closing, "does not answer"),
    ],
    ids=["no-xml", "empty", "error", "endless", "silent", "closing"],
)
async def test_no_sensible_answer_is_unavailable(behave: Behave, reason: str):
    async with server(behave) as client:
        with pytest.raises(RuntimeUnavailable, match=reason):
            await client.call("supervisor.getPID")


async def test_nobody_there_is_unavailable(tmp_path: Path):
    with pytest.raises(RuntimeUnavailable):
        await SupervisorClient(tmp_path / "missing").call("supervisor.getPID")


def fault(code: int, text: str) -> bytes:
    return (
        "<?xml version='1.0'?><methodResponse><fault><value><struct>"
        f"<member><name>faultCode</name><value><int>{code}</int></value></member>"
        f"<member><name>faultString</name><value><string>{text}</string></value></member>"
        "</struct></value></fault></methodResponse>"
    ).encode()


async def test_a_refusal_is_a_fault_and_a_shutdown_is_unavailable():
    async with server(saying(fault(rpc.BAD_NAME, "BAD_NAME: x"))) as client:
        with pytest.raises(Fault, match="BAD_NAME: x") as caught:
            await client.call("supervisor.getProcessInfo", "x")
        assert caught.value.code == rpc.BAD_NAME
    async with server(saying(fault(6, "SHUTDOWN_STATE"))) as client:
        with pytest.raises(RuntimeUnavailable, match="shutting down"):
            await client.call("supervisor.getPID")


async def test_a_client_goes_on_after_a_failure():
    answers = [
        saying(b"bad"),
        saying(b"<methodResponse><params><param><value><int>7</int></value></param></params></methodResponse>"),
    ]

    async def behave(writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(writer)

    async with server(behave) as client:
        with pytest.raises(RuntimeUnavailable):
            await client.call("supervisor.getPID")
        assert await client.call("supervisor.getPID") == 7

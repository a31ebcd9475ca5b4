"""Answers at the edge's address while no daemon does: 503 to everybody, so that nobody meets a bare error.

Run by its path, `python -I -S stand_in.py OWNER ANSWERS HOST PORT`, with nothing but the standard library, so
that it stays small, by supervisord, which outlives the daemon.
What the proxy asks of the edge gets an answer then too: whether a visitor of a protected draft may come in
(no), and what stands in for a server that is down. It never answers while the process lives that OWNER
names, and no other program can take the address over while the daemon is away.
"""

import asyncio
import contextlib
import json
import os
import select
import sys
from collections.abc import Mapping
from pathlib import Path

LOOK_EVERY = 0.02
"""Seconds between two looks whether a daemon has come."""

_WATCH_FOR = 1.0
_TAKEN = 0.2
_HEAD_MAX = 65536
_HEAD_WITHIN = 10.0
_LINGER = 2.0
_HEADERS_LEFT = frozenset({"content-length", "connection"})


async def stand_in(owner: Path, answers: Path, host: str, port: int) -> None:
    """Listen whenever nobody lives whom `owner` names; for ever.

    Never where the kernel cannot tell about processes (before Linux 5.3): a daemon must not be kept out.
    """
    if not _can_watch():
        await asyncio.Event().wait()
    server: asyncio.Server | None = None
    while True:
        descriptor = _opened(owner)
        if descriptor is not None:
            with contextlib.closing(os.fdopen(descriptor, "rb")):
                if server is not None:
                    server.close()
                    server = None
                await _death(descriptor)
        elif server is None:
            try:
                server = await asyncio.start_server(_Answering(answers).serve, host, port, limit=_HEAD_MAX)
            except OSError:
                await asyncio.sleep(_TAKEN)  # somebody else's
        else:
            await asyncio.sleep(LOOK_EVERY)


def _can_watch() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _opened(owner: Path) -> int | None:
    """A descriptor of the living process that a file names; None: there is none."""
    try:
        descriptor = os.pidfd_open(int(owner.read_text()))
    except (OSError, ValueError, OverflowError):
        return None
    # A process that has ended stays until its parent has asked for it.
    if select.select([descriptor], [], [], 0)[0]:
        os.close(descriptor)
        return None
    return descriptor


async def _death(process: int) -> None:
    """Wait for the end of a process, or a moment, since a number may be another process's by now."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(_WATCH_FOR):
            await ended.wait()
    except TimeoutError:
        return
    finally:
        loop.remove_reader(process)


class _Answering:
    """Answers each connection once."""

    def __init__(self, answers: Path) -> None:
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, say that nobody is here, and hang up once the visitor has read it."""
        try:
            with contextlib.suppress(OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_HEAD_WITHIN):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
                    writer.write_eof()
                # Hanging up on a body that is still on its way would take the answer along.
                async with asyncio.timeout(_LINGER):
                    while await reader.read(_HEAD_MAX):
                        pass
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        lines = head.decode("latin-1").lower().split("\r\n")
        browser = any("text/html" in line for line in lines if line.startswith("accept:"))
        headers, body = self._read("page" if browser else "problem")
        shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        first = f"HTTP/1.1 503 Service Unavailable\r\n{shown}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return first.encode() + (b"" if lines[0].startswith("head ") else body)

    def _read(self, name: str) -> tuple[Mapping[str, str], bytes]:
        """What the daemon has left for us; nothing but the status where it cannot be read."""
        try:
            answer = json.loads(self._answers.read_text())[name]
            kept = {key: str(value) for key, value in answer["headers"].items() if key.lower() not in _HEADERS_LEFT}
            return kept, str(answer["body"]).encode()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {"Retry-After": "3", "Cache-Control": "no-store"}, b""


def command(owner: Path, answers: Path, host: str, port: int) -> tuple[str, ...]:
    """The command line that stands in for a daemon."""
    return (sys.executable, "-I", "-S", str(Path(__file__)), str(owner), str(answers), host, str(port))


def main(words: list[str]) -> None:
    """Stand in until the end."""
    owner, answers, host, port = words
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(stand_in(Path(owner), Path(answers), host, int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Visitors of a draft who never stop asking, strict about what they get.

They speak HTTP by hand: a library would try a lost request again, and nothing would be seen. Some keep
their connection, some open one for each request; half of what they send are POSTs, which no proxy may
repeat. Others hold a stream of events or a web socket open and take a new one when it ends; one that ends
before its first word has failed.
"""

import asyncio
import base64
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from drafterd.domain.model import Address

PATIENCE = 30.0
"""Seconds for an answer."""
PAUSE = 0.003
_BODY = b"x" * 2000
_SHOWN = 200

SERVER = """
const http = require('http'), crypto = require('crypto');
const word = WORD;
const server = http.createServer((q, r) => {
  if (q.url.startsWith('/events')) {
    r.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const beat = setInterval(() => r.write(`data: ${word}\\n\\n`), 200);
    r.write(`data: ${word}\\n\\n`);
    q.on('close', () => clearInterval(beat));
    return;
  }
  q.on('data', () => {});
  q.on('end', () => setTimeout(() => r.end(word), q.url.startsWith('/slow') ? 1000 : 0));
});
server.on('upgrade', (q, socket) => {
  const key = q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = crypto.createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
    `Sec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`);
  const frame = Buffer.concat([Buffer.from([0x81, word.length]), Buffer.from(word)]);
  const beat = setInterval(() => socket.write(frame), 200);
  socket.write(frame);
  socket.on('error', () => {});
  socket.on('close', () => clearInterval(beat));
});
server.listen(process.env.PORT, process.env.HOSTNAME);
"""
"""A draft that says its word in every way; `WORD` stands for it, quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A stream or web socket that ended: the last word that it told, and both moments (monotonic)."""

    word: str
    opened: float
    at: float


@dataclass
class Seen:
    """What all visitors got.

    Attributes:
        requests: Answered as they should be.
        failed: What each of the others got.
        reset: Kept connections that were closed while a request was on its way, before any of its answer.
        seconds: Of each answer, without the slow ones.
        words: How often each was said.
        streams: Streams and web sockets that were opened.
        ended: Those of them that ended before their visitor left.
    """

    requests: int = 0
    failed: list[str] = field(default_factory=list)
    reset: int = 0
    seconds: list[float] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)
    streams: int = 0
    ended: list[Ended] = field(default_factory=list)

    def cut(self, replaced: Iterable[tuple[str, float]], drain: float) -> list[Ended]:
        """Streams whose server should have gone on: it was not replaced yet, or not for the drain.

        Args:
            replaced: Whose server was replaced by another one, by its word, and when (monotonic).
            drain: Seconds for which it goes on after that.
        """
        moments = list(replaced)

        def may_end(ended: Ended) -> float:
            later = (at for word, at in moments if word == ended.word and at > ended.opened)
            return min(later, default=math.inf) + drain

        return [ended for ended in self.ended if ended.at < may_end(ended)]

    def short(self, least: float) -> list[Ended]:
        """Streams that ended within so many seconds."""
        return [ended for ended in self.ended if ended.at - ended.opened < least]


@contextlib.asynccontextmanager
async def visitors(proxy: Address, path: str, *, each: int = 4, streams: int = 2) -> AsyncIterator[Seen]:
    """Ask for the draft at `path`, with a slash at its end, until the block ends.

    Args:
        each: How many keep their connection, and how many open new ones.
        streams: How many streams of events, and how many web sockets are held.
    """
    seen = Seen()
    several: list[_Visitor | _Listener] = [_Visitor(seen, proxy, f"{path}slow", kept=False, timed=False)]
    for _ in range(each):
        several += [_Visitor(seen, proxy, path, kept=kept) for kept in (True, False)]
    for _ in range(streams):
        several += [_Listener(seen, proxy, f"{path}{name}") for name in ("events", "socket")]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(visitor.run()) for visitor in several]
        yield seen
        for task in running:
            task.cancel()


class _Broken(Exception):
    """The connection ended; `begun`: within an answer."""

    def __init__(self, reason: str, *, begun: bool) -> None:
        super().__init__(reason)
        self.begun = begun


class _Connection:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, proxy: Address) -> "_Connection":
        return cls(*await asyncio.open_connection(proxy.host, proxy.port))

    def close(self) -> None:
        self._writer.close()

    async def send(self, method: str, path: str, headers: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        begun = False
        try:
            self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body)
            await self._writer.drain()
            first = await self.reader.readline()
            begun = bool(first)
            if not begun:
                raise _Broken("closed", begun=False)
            lines = [line async for line in self._lines()]
        except OSError as error:
            raise _Broken(repr(error), begun=begun) from error
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def _lines(self) -> AsyncIterator[str]:
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            yield line.decode("latin-1")

    async def body(self, headers: dict[str, str]) -> bytes:
        """The rest of an answer."""
        try:
            if "chunked" in headers.get("transfer-encoding", ""):
                return b"".join([chunk async for chunk in self.chunks()])
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise _Broken(repr(error), begun=True) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()


class _Visitor:
    """Sends one request after the other, GET and POST in turn."""

    def __init__(self, seen: Seen, proxy: Address, path: str, *, kept: bool, timed: bool = True) -> None:
        self._seen = seen
        self._proxy = proxy
        self._path = path
        self._kept = kept
        self._timed = timed
        self._posts = False
        self._connection: _Connection | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._ask()
        finally:
            self._drop()

    async def _ask(self) -> None:
        used = self._connection is not None
        self._posts = not self._posts
        try:
            async with asyncio.timeout(PATIENCE):
                await self._one()
        except _Broken as error:
            self._drop()
            if used and not error.begun:
                self._seen.reset += 1
            else:
                self._seen.failed.append(f"{self._path}: {error}")
        except (OSError, ValueError, IndexError) as error:
            self._drop()
            self._seen.failed.append(f"{self._path}: {error!r}")
        await asyncio.sleep(PAUSE)

    async def _one(self) -> None:
        begun = time.perf_counter()
        if self._connection is None:
            self._connection = await _Connection.open(self._proxy)
        headers = "" if self._kept else "Connection: close\r\n"
        body = _BODY if self._posts else b""
        status, found = await self._connection.send(
            "POST" if self._posts else "GET", self._path, f"{headers}Content-Length: {len(body)}\r\n", body
        )
        text = await self._connection.body(found)
        if not self._kept or found.get("connection", "").lower() == "close":
            self._drop()
        if status != 200 or not text:
            self._seen.failed.append(f"{self._path}: {status} {text[:_SHOWN]!r}")
            return
        self._seen.requests += 1
        if self._timed:
            self._seen.seconds.append(time.perf_counter() - begun)
        word = text.decode(errors="replace")
        self._seen.words[word] = self._seen.words.get(word, 0) + 1

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Listener:
    """Holds a stream of events or a web socket, and takes the next when it ends."""

    def __init__(self, seen: Seen, proxy: Address, path: str) -> None:
        self._seen = seen
        self._proxy = proxy
        self._path = path

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._listen()
            await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        """One of them, from its beginning to its end."""
        word, opened = "", time.monotonic()
        why = "ended before its first word"
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await _Connection.open(self._proxy)
        except OSError as error:
            self._seen.failed.append(f"{self._path}: {error!r}")
            return
        try:
            async for said in self._words(connection):
                word = said
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError, _Broken) as error:
            why = repr(error)
        finally:
            connection.close()
        if word:
            self._seen.ended.append(Ended(word=word, opened=opened, at=time.monotonic()))
        else:
            self._seen.failed.append(f"{self._path}: {why}")

    async def _words(self, connection: _Connection) -> AsyncIterator[str]:
        socket = self._path.endswith("socket")
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = (
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        )
        async with asyncio.timeout(PATIENCE):
            status, _ = await connection.send("GET", self._path, upgrade if socket else "")
        if status != (101 if socket else 200):
            raise _Broken(f"status {status}", begun=True)
        self._seen.streams += 1
        if socket:
            while True:
                async with asyncio.timeout(PATIENCE):
                    _, size = await connection.reader.readexactly(2)
                    yield (await connection.reader.readexactly(size)).decode()
        async for chunk in connection.chunks():
            yield chunk.decode().split()[1]

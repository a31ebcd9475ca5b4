"""What proxies have in common that read their routes from one generated file.

The file is written whole and in one step; the table counts as handed over once the proxy has confirmed it,
and what the proxy refuses gives way to what it has.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from drafterd import files
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import RouteTable
from drafterd.route.record import SIZE_MAX, mark_in, new_mark
from drafterd.route.table import RouteSettings

UNREACHABLE_AFTER = 1.0
"""Seconds without any answer after which a publication gives up."""

_REQUEST_TIMEOUT = 2.0
_FILE_MODE = 0o640  # on a server the proxy runs as a user of its own, in the folder's group

_log = structlog.get_logger(__name__)


class Refused(ProxyRejected):
    """The proxy answered, and the answer is no: the file must not keep what it refuses."""


class FileProxy(ABC):
    """Hands route tables to a running proxy. Repeatable at any point; one publication at a time.

    Args:
        routes_file: The file that the proxy reads, alone in its folder.
        settings: What the routes depend on beside the drafts.
        api: Where the proxy answers about itself, e.g. `http://127.0.0.1:8742`.
        confirm_timeout: Seconds that a publication waits for the proxy's confirmation.
    """

    def __init__(self, *, routes_file: Path, settings: RouteSettings, api: str, confirm_timeout: float = 5.0) -> None:
        self._routes_file = routes_file
        self._settings = settings
        self._api = api.rstrip("/")
        self._confirm_timeout = confirm_timeout
        self._turn = asyncio.Lock()
        self._client: aiohttp.ClientSession | None = None
        self._rendered: tuple[RouteTable, str, str] | None = None

    def prepare(self) -> None:
        """Before the proxy starts: the folder, and a file that fits our settings.

        Routes that an earlier daemon left stay in it. Blocks for some milliseconds.
        """
        self._routes_file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        for leftover in files.swept(self._routes_file.parent):
            _log.info("route.swept", file=leftover.name)
        before = self._read()
        if not self._is_ours(before):
            self._write(self._text_of(self._table_in(before), new_mark()))

    async def publish(self, table: RouteTable) -> None:
        """Hand the table over; returns once the proxy has it.

        Raises:
            ProxyRejected: The proxy did not take it, and keeps what it had; or it does not answer, and
                will find the table when it does; or the file cannot be written.
        """
        async with self._turn:
            before = await asyncio.to_thread(self._read)
            mark = mark_in(before)
            fresh = not mark or before != self._text(table, mark) or await asyncio.to_thread(self._is_outdated)
            if fresh:
                mark = new_mark()
                await self._hand_over(self._text(table, mark))
            try:
                await self._take_in(table, mark, fresh=fresh)
            except Refused:
                if self._is_ours(before):
                    await self._hand_over(before)
                raise

    async def observe(self) -> RouteTable:
        """The table that the file holds; empty if there is none, or what there is is not ours."""
        return self._table_in(await asyncio.to_thread(self._read))

    async def alive(self) -> bool:
        """Whether the proxy answers its health check."""
        try:
            async with self._get("/ping") as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        """Close the connections to the proxy."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @abstractmethod
    async def _take_in(self, table: RouteTable, mark: str, *, fresh: bool) -> None:
        """Have the proxy read the file and wait until it has; `fresh`: it has just been written.

        Raises:
            Refused: It finds fault with it.
            ProxyRejected: It does not answer.
        """

    @abstractmethod
    def _text_of(self, table: RouteTable, mark: str) -> str:
        """The file for a table."""

    @abstractmethod
    def _table_in(self, text: str) -> RouteTable:
        """The routes that a text really holds; none of one that is not ours."""

    def _store(self, text: str) -> None:
        """Have the file hold a text, and all that it needs."""
        self._write(text)

    def _is_outdated(self) -> bool:
        """Whether a certificate was renewed since the file was written: the proxy reads it with its routes only."""
        pair = (self._settings.certificate, self._settings.key or self._settings.certificate)
        try:
            written, now = self._routes_file.stat().st_mtime_ns, time.time_ns()
            # One from the future would be newer than whatever is written.
            return any(written < changed <= now for file in pair for changed in _changed(file))
        except OSError:
            return False  # there is none, or only the proxy may see it

    def _is_ours(self, text: str) -> bool:
        """Whether the text is, byte for byte, what we write for the table in it."""
        mark = mark_in(text)
        return bool(mark) and text == self._text_of(self._table_in(text), mark)

    def _text(self, table: RouteTable, mark: str) -> str:
        """The file for a table; the last one is kept, as it is verified again and again."""
        if self._rendered is None or self._rendered[:2] != (table, mark):
            self._rendered = (table, mark, self._text_of(table, mark))
        return self._rendered[2]

    async def _hand_over(self, text: str) -> None:
        try:
            await asyncio.to_thread(self._store, text)
        except OSError as error:
            raise ProxyRejected(
                f"the routes cannot be written: {error.strerror or error}",
                hint=f"see whether {self._routes_file.parent} is there, may be written, and has space",
            ) from error

    @asynccontextmanager
    async def _get(self, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT))
        async with self._client.get(f"{self._api}{path}", **options) as response:
            yield response

    def _read(self) -> str:
        """The file's text; "" if there is none that can be read."""
        try:
            return files.read_regular(self._routes_file, limit=SIZE_MAX).decode(errors="replace")
        except OSError:
            return ""

    def _write(self, text: str) -> None:
        files.write_atomic(self._routes_file, text.encode(), mode=_FILE_MODE)


def _changed(file: Path) -> tuple[int, int]:
    """When a file got its content, and when it got its place: a copy may keep the time of what it is a copy of."""
    found = file.stat()
    return found.st_mtime_ns, found.st_ctime_ns

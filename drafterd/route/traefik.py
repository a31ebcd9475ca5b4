"""Traefik as the `Proxy`: one generated file, confirmed through Traefik's own API."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from drafterd import files
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import RouteTable
from drafterd.route import certificate
from drafterd.route.routes_file import SIZE_MAX, is_ours, mark_in, new_mark, table_in, text_of
from drafterd.route.table import RouteSettings, table_router

UNREACHABLE_AFTER = 1.0
"""Seconds without any answer after which a publication gives up."""

_FIRST_POLL = 0.004
_SLOWEST_POLL = 0.02
_POLL_GROWTH = 1.4
_REQUEST_TIMEOUT = 2.0
_FILE_MODE = 0o640  # on a server Traefik runs as a user of its own, in the folder's group
_REASONS_SHOWN = 3

_log = structlog.get_logger(__name__)


class TraefikProxy:
    """Hands route tables to a running Traefik. Repeatable at any point; one publication at a time.

    Args:
        routes_file: The file that Traefik watches, alone in its folder.
        settings: What the routes depend on beside the drafts.
        api: Traefik's dashboard entry point, e.g. `http://127.0.0.1:8742`.
        confirm_timeout: Seconds that a publication waits for Traefik's confirmation.
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
        """Before Traefik starts: certificate, folder, and a file that fits our settings.

        Routes that an earlier daemon left stay in it. Blocks for some milliseconds.
        """
        certificate.ensure(self._settings.certificate, host=self._settings.host_suffix)
        self._routes_file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        for leftover in files.swept(self._routes_file.parent):
            _log.info("route.swept", file=leftover.name)
        before = self._read()
        if not is_ours(before, self._settings):
            self._write(text_of(table_in(before, self._settings), self._settings, new_mark()))

    async def publish(self, table: RouteTable) -> None:
        """Hand the table over; returns once Traefik has it.

        Raises:
            ProxyRejected: Traefik did not take it, and keeps what it had; or it does not answer, and
                will find the table when it does; or the file cannot be written.
        """
        async with self._turn:
            before = await asyncio.to_thread(self._read)
            mark = mark_in(before)
            if not mark or before != self._text(table, mark):
                mark = new_mark()
                await self._hand_over(self._text(table, mark))
            try:
                await self._confirm(table_router(table, mark))
            except _Refused:
                if is_ours(before, self._settings):
                    await self._hand_over(before)
                raise

    async def observe(self) -> RouteTable:
        """The table that the file holds; empty if there is none, or what there is is not ours."""
        return table_in(await asyncio.to_thread(self._read), self._settings)

    async def alive(self) -> bool:
        """Whether Traefik answers its health check."""
        try:
            async with self._get("/ping") as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        """Close the connections to Traefik."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _hand_over(self, text: str) -> None:
        try:
            await asyncio.to_thread(self._write, text)
        except OSError as error:
            raise ProxyRejected(
                f"the routes cannot be written: {error.strerror or error}",
                hint=f"see whether {self._routes_file.parent} is there, may be written, and has space",
            ) from error

    async def _confirm(self, router: str) -> None:
        """Wait until Traefik shows the table's own router, then see that no router of ours is broken."""
        begun, answered, pause = time.monotonic(), False, _FIRST_POLL
        while True:
            try:
                if await self._shows(router):
                    await self._check_routers()
                    return
                answered = True
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                if not answered and time.monotonic() - begun >= min(UNREACHABLE_AFTER, self._confirm_timeout):
                    raise ProxyRejected(
                        "Traefik does not answer",
                        hint=f"see whether it runs and listens on {self._api}; the routes wait for it",
                    ) from error
            if time.monotonic() - begun >= self._confirm_timeout:
                await self._refuse()
            await asyncio.sleep(pause)
            pause = min(pause * _POLL_GROWTH, _SLOWEST_POLL)

    async def _shows(self, router: str) -> bool:
        async with self._get(f"/api/http/routers/{router}@file") as response:
            return response.ok

    async def _check_routers(self) -> None:
        """Raise `ProxyRejected` if Traefik found fault with single routers of the table it took."""
        async with self._get("/api/overview") as response:
            overview = await response.json()
        try:
            faulty = overview["http"]["routers"]["errors"]
        except (KeyError, TypeError) as error:
            raise _Odd from error
        if faulty:
            reasons = await self._faults()
            if reasons:
                raise _Refused(f"Traefik refuses routes: {'; '.join(reasons)}", hint="the old routes stay")

    async def _faults(self) -> list[str]:
        """What Traefik says against routers of the file, a few of them."""
        async with self._get("/api/http/routers?per_page=1000&status=disabled") as response:
            routers: list[dict[str, Any]] = await response.json()
        try:
            ours = [router for router in routers if router.get("provider") == "file"]
            return [f"{router['name']}: {', '.join(router.get('error', ()))}" for router in ours][:_REASONS_SHOWN]
        except (KeyError, TypeError, AttributeError) as error:
            raise _Odd from error

    async def _refuse(self) -> None:
        """Traefik answers, but did not take the table in time."""
        try:
            reasons = await self._faults()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            reasons = []
        why = "; ".join(reasons) or f"it does not read {self._routes_file.name}, or finds fault with all of it"
        raise _Refused(
            f"Traefik did not take the routes within {self._confirm_timeout:g} s: {why}",
            hint=f"its log has the reason; the old routes stay; was the folder of {self._routes_file} moved or made "
            "anew, Traefik must be restarted",
        )

    @asynccontextmanager
    async def _get(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT))
        async with self._client.get(f"{self._api}{path}") as response:
            yield response

    def _text(self, table: RouteTable, mark: str) -> str:
        """The file for a table; the last one is kept, as it is verified again and again."""
        if self._rendered is None or self._rendered[:2] != (table, mark):
            self._rendered = (table, mark, text_of(table, self._settings, mark))
        return self._rendered[2]

    def _read(self) -> str:
        """The file's text; "" if there is none that can be read."""
        try:
            return files.read_regular(self._routes_file, limit=SIZE_MAX).decode(errors="replace")
        except OSError:
            return ""

    def _write(self, text: str) -> None:
        files.write_atomic(self._routes_file, text.encode(), mode=_FILE_MODE)


class _Odd(ValueError):
    """What listens there answers, but not as Traefik's API does."""


class _Refused(ProxyRejected):
    """Traefik answered, and the answer is no: the file must not keep what it refuses."""

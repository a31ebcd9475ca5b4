"""Traefik as the `Proxy`: one generated file, confirmed through Traefik's own API."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import aiohttp

from drafterd import files
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import RouteTable
from drafterd.route import certificate
from drafterd.route.file_proxy import UNREACHABLE_AFTER, FileProxy, Refused
from drafterd.route.routes_file import layered_in, table_in, text_of
from drafterd.route.table import RouteSettings, needs_layers, table_router

_FIRST_POLL = 0.004
_SLOWEST_POLL = 0.02
_POLL_GROWTH = 1.4
_REASONS_SHOWN = 3
_VERSION = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})", re.ASCII)
_KNOWS_LAYERS = (3, 6)
"""The first version that knows routers below routers; older ones would refuse the whole file for the word."""


class TraefikProxy(FileProxy):
    """Traefik, which watches the file by itself; `api` is its dashboard's entry point."""

    def __init__(self, *, routes_file: Path, settings: RouteSettings, api: str, confirm_timeout: float = 5.0) -> None:
        super().__init__(routes_file=routes_file, settings=settings, api=api, confirm_timeout=confirm_timeout)
        self._layered = False

    def prepare(self) -> None:
        """Make the certificate too: Traefik without one makes a new one at every change."""
        if self._settings.key is None:
            # A Traefik that is another user reads it by the group of its folder.
            mode = 0o600 if files.shared_with(self._settings.certificate.parent) is None else 0o640
            host = "" if self._settings.acme else self._settings.host_suffix
            certificate.ensure(self._settings.certificate, host=host, mode=mode)
        self._layered = layered_in(self._read())
        super().prepare()

    async def publish(self, table: RouteTable) -> None:
        """Hand the table over, in layers where there are many drafts and this Traefik knows them."""
        told = needs_layers(table) and await self._learn()
        before = self._layered
        await super().publish(table)
        # One that was only just starting says now what it knows.
        if needs_layers(table) and not told and await self._learn() and self._layered is not before:
            await super().publish(table)

    async def _learn(self) -> bool:
        """Ask Traefik what it knows: whether it answered. Until it does it is taken for what it was."""
        try:
            async with self._get("/api/version") as response:
                version = _VERSION.match(str((await response.json())["Version"]))
        except (aiohttp.ClientError, TimeoutError, ValueError, TypeError, KeyError):
            return False
        layered = version is not None and (int(version[1]), int(version[2])) >= _KNOWS_LAYERS
        if layered is not self._layered:
            self._layered, self._rendered = layered, None
        return True

    def _text_of(self, table: RouteTable, mark: str) -> str:
        return text_of(table, self._settings, mark, layered=self._layered)

    def _table_in(self, text: str) -> RouteTable:
        return table_in(text, self._settings)

    async def _take_in(self, table: RouteTable, mark: str, *, fresh: bool) -> None:  # noqa: ARG002 - it watches the file
        await self._confirm(table_router(table, mark))

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
                raise Refused(f"Traefik refuses routes: {'; '.join(reasons)}", hint="the old routes stay")

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
        raise Refused(
            f"Traefik did not take the routes within {self._confirm_timeout:g} s: {why}",
            hint=f"its log has the reason; the old routes stay; was the folder of {self._routes_file} moved or made "
            "anew, Traefik must be restarted",
        )


class _Odd(ValueError):
    """What listens there answers, but not as Traefik's API does."""

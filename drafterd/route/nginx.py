"""nginx as the `Proxy`: one generated file of pairs, tested, reloaded, and confirmed by nginx itself."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from drafterd import files
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import RouteTable
from drafterd.route.file_proxy import UNREACHABLE_AFTER, FileProxy, Refused
from drafterd.route.nginx_map import pools_of, table_in, text_of, word_of
from drafterd.route.table import RouteSettings

_POLL = 0.01
_STEADY = 0.15
"""So long every new connection must meet the new table: nginx stops the old workers 100 ms after it has
started the new ones (`ngx_master_process_cycle`), and both take connections meanwhile."""
_REMIND_EVERY = 2.0
"""Seconds after which others are told again that they have to reload: systemd misses what changes while it does."""
_COMMAND_TIMEOUT = 20.0
_SAID_MAX = 500


class NginxProxy(FileProxy):
    """nginx, which reads the file when it is told to; `api` is its server on the loopback.

    Args:
        test: The command that says whether the configuration holds; () where only others may ask.
        reload: The command that makes nginx read it; () for a signal to `pid_file`, or, without one, for
            an nginx that is reloaded by others whenever the file changes.
        pid_file: Of an nginx of ours.
        pools_file: Of an nginx of ours: where it is told which connections to keep; None: none.
    """

    def __init__(
        self,
        *,
        routes_file: Path,
        settings: RouteSettings,
        api: str,
        test: Sequence[str] = (),
        reload: Sequence[str] = (),
        pid_file: Path | None = None,
        pools_file: Path | None = None,
        confirm_timeout: float = 10.0,
    ) -> None:
        super().__init__(routes_file=routes_file, settings=settings, api=api, confirm_timeout=confirm_timeout)
        self._test = tuple(test)
        self._reload = tuple(reload)
        self._pid_file = pid_file
        self._pools_file = pools_file

    def prepare(self) -> None:
        """Write the pools too."""
        super().prepare()
        self._make_room(self._read())

    def _text_of(self, table: RouteTable, mark: str) -> str:
        return text_of(table, self._settings, mark, pooled=self._pools_file is not None)

    def _table_in(self, text: str) -> RouteTable:
        return table_in(text, self._settings, pooled=self._pools_file is not None)

    def _store(self, text: str) -> None:
        self._make_room(text)
        super()._store(text)

    def _make_room(self, text: str) -> None:
        """Have a pool for every server, of the table that is on its way and of the one that there is."""
        if self._pools_file is not None:
            pools = pools_of(self._table_in(text), self._table_in(self._read()))
            self._pools_file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            files.write_atomic(self._pools_file, pools.encode(), mode=0o640)

    async def _take_in(self, table: RouteTable, mark: str, *, fresh: bool) -> None:
        word = word_of(table, mark)
        if not fresh and await self._settled(word):
            return
        if self._test:
            await self._run(self._test, "nginx refuses the routes")
        if self._reload:
            await self._run(self._reload, "nginx cannot be reloaded")
        elif self._pid_file is not None:
            self._signal(self._pid_file)
        await self._confirm(word)

    async def _run(self, argv: tuple[str, ...], summary: str) -> None:
        """Run a command of the operator's or ours. Raises `Refused` with what it said when it fails."""
        try:
            done = await asyncio.to_thread(
                subprocess.run,
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_COMMAND_TIMEOUT,
                check=False,
                text=True,
                errors="replace",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProxyRejected(
                f"{argv[0]} cannot be run: {error}", hint="look at `proxy` in the configuration"
            ) from error
        if done.returncode != 0:
            said = done.stdout[-_SAID_MAX:].strip() or f"exit code {done.returncode}"
            raise Refused(f"{summary}: {said}", hint="the old routes stay")

    def _signal(self, pid_file: Path) -> None:
        """Have our own nginx read its files; one that does not run will do so when it starts."""
        try:
            pid = int(pid_file.read_text())
            # Another process may have the number by now.
            if Path(f"/proc/{pid}/comm").read_text().strip() != "nginx":
                raise ProcessLookupError(pid)
            os.kill(pid, signal.SIGHUP)
        except (OSError, ValueError) as error:
            raise ProxyRejected("nginx does not answer", hint="the routes wait for it; see its log") from error

    async def _confirm(self, word: str) -> None:
        """Wait until every new connection meets the new table."""
        begun, since, answered = time.monotonic(), None, False
        reminded = begun
        while True:
            try:
                has = await self._has(word)
                answered = True
            except (aiohttp.ClientError, TimeoutError) as error:
                has = False
                if not answered and time.monotonic() - begun >= min(UNREACHABLE_AFTER, self._confirm_timeout):
                    raise ProxyRejected(
                        "nginx does not answer",
                        hint=f"see whether it runs and listens on {self._api}; the routes wait for it",
                    ) from error
            now = time.monotonic()
            since = (since or now) if has else None
            if since is not None and now - since >= _STEADY:
                return
            if now - begun >= self._confirm_timeout:
                raise Refused(
                    f"nginx did not take the routes within {self._confirm_timeout:g} s",
                    hint="its log has the reason; the old routes stay",
                )
            if self._others_reload and now - reminded >= _REMIND_EVERY:
                os.utime(self._routes_file)
                reminded = now
            await asyncio.sleep(_POLL)

    @property
    def _others_reload(self) -> bool:
        return not self._reload and self._pid_file is None

    async def _settled(self, word: str) -> bool:
        try:
            return await self._has(word)
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _has(self, word: str) -> bool:
        """Whether the worker that takes this connection has the table."""
        async with self._get("/_drafterd/table", headers={"Connection": "close"}) as response:
            return response.ok and (await response.text()).strip() == word

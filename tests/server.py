"""A real drafterd for tests: the whole process tree of `drafterd up`, in a folder of its own."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil
import yaml

from tests.builders import eventually, free_port

FIXTURES = Path(__file__).parent / "fixtures" / "drafts"


class Server:
    """`drafterd up` with its own ports, state and drafts below `root`.

    Attributes:
        drafts: The watched folder.
        public: The address that visitors type, without a slash.
        around: Words before the command: what it is run by.
    """

    def __init__(self, root: Path, **changes: Any) -> None:
        self.root = root
        self.drafts = root / "drafts"
        self.state = root / "state"
        self.sockets = Path(tempfile.mkdtemp(prefix="drafterd-"))  # a socket's path must be short
        first = free_port(70)
        ports = [first + offset for offset in range(4)]
        self.public = f"http://localhost:{ports[0]}"
        self.proxy = f"http://127.0.0.1:{ports[0]}"
        self.api = f"http://127.0.0.1:{ports[1]}"
        self.dashboard = f"http://127.0.0.1:{ports[3]}"
        self.config = {
            "drafts": str(self.drafts),
            "state": str(self.state),
            "sockets": str(self.sockets),
            "public_url": self.public,
            "settle": "300ms",
            "drain": "1s",
            "ports": {"first": first + 10, "last": first + 60},
            "api": {"listen": f"127.0.0.1:{ports[1]}"},
            "edge": {"listen": f"127.0.0.1:{ports[2]}"},
            "proxy": {"listen": f"127.0.0.1:{ports[0]}", "dashboard": f"127.0.0.1:{ports[3]}"},
            **changes,
        }
        self.around: tuple[str, ...] = ()
        self.process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start it and wait until it answers and has looked at every draft."""
        await self._spawn("drafterd", "up", "--config", str(self._write_config()))
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=30)
            )
        await eventually(self._is_ready, within=60, every=0.1)

    async def start_deadly(self, moment: str) -> None:
        """Start one that will die by itself at a named moment (see tests/killed_daemon.py)."""
        await self.stop()
        await self._spawn("tests.killed_daemon", moment, str(self._write_config()))

    def _write_config(self) -> Path:
        self.drafts.mkdir(parents=True, exist_ok=True)
        file = self.root / "drafterd.yaml"
        file.write_text(yaml.safe_dump(self.config))
        return file

    async def _spawn(self, module: str, *arguments: str) -> None:
        with (self.root / "output.log").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.around, sys.executable, "-m", module, *arguments, stdout=output, stderr=output
            )

    async def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.output()
        with contextlib.suppress(aiohttp.ClientError, OSError):
            return (await self.call("GET", "/readyz"))[0] == 200
        return False

    def output(self) -> str:
        """What it printed."""
        return (self.root / "output.log").read_text()

    async def stop(self) -> int | None:
        """Ctrl-C, and wait for its end; its exit code, or None if it was never started."""
        if self.process is None:
            return None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 60)

    async def ended(self) -> None:
        """Wait until the daemon has died by itself."""
        assert self.process is not None
        await asyncio.wait_for(self.process.wait(), 60)

    async def kill(self) -> None:
        """`kill -9` of the daemon alone: supervisord, the proxy and the drafts live on."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def close(self) -> None:
        """Stop it, and whatever of it still runs, by pid; then the test may judge the rest."""
        with contextlib.suppress(TimeoutError):
            await self.stop()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._session is not None:
            await self._session.close()
            self._session = None
        shutil.rmtree(self.sockets, ignore_errors=True)

    def processes(self, which: Callable[[psutil.Process], bool] = lambda _: True) -> list[psutil.Process]:
        """Every process of this server: its command line or environment names its state folder.

        Args:
            which: Those of them that are wanted; one that ends while it is asked is not.
        """
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                words = [*process.cmdline(), process.environ().get("DRAFTERD_STATE", "")]
                if (
                    process.pid != os.getpid()
                    and any(str(own) in word for word in words for own in (self.root, self.sockets))
                    and which(process)
                ):
                    found.append(process)
        return found

    def drop(self, draft: str, files: Mapping[str, str]) -> Path:
        """Write a draft's files."""
        folder = self.drafts / draft
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    def drop_copy(self, draft: str, source: Path) -> Path:
        """Copy a folder into the watched one."""
        return Path(shutil.copytree(source, self.drafts / draft))

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Ask the API with the token; status and JSON, or text."""
        token = self.state / "token"
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}
        assert self._session is not None
        async with self._session.request(
            method, f"{self.api}{path}", headers={**headers, **options.pop("headers", {})}, **options
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if re.fullmatch(
                r"application/(.*\+)?json", answer.content_type
            ) else text

    async def visit(self, path: str, **options: Any) -> tuple[int, str, Mapping[str, str]]:
        """Ask the proxy as a visitor, without following redirects: status, text, headers."""
        assert self._session is not None
        method = options.pop("method", "GET")
        async with self._session.request(method, f"{self.proxy}{path}", allow_redirects=False, **options) as answer:
            return answer.status, await answer.text(errors="replace"), answer.headers

    async def draft(self, draft: str) -> dict[str, Any]:
        """The API's answer about a draft; empty when there is none."""
        status, body = await self.call("GET", f"/api/v1/drafts/{draft}")
        return body if status == 200 else {}

    async def until(self, draft: str, *states: str, within: float = 30) -> dict[str, Any]:
        """The draft once it is in one of the states and nothing is going on beside."""

        async def reached() -> dict[str, Any] | None:
            report = await self.draft(draft)
            return report if report.get("state") in states and report.get("work") == "none" else None

        try:
            found: dict[str, Any] = await eventually(reached, within=within, every=0.1)
        except AssertionError as error:
            report = await self.draft(draft)
            raise AssertionError(
                f"{draft} is not {states}: {json.dumps(report, indent=1)}\n{self.output()[-6000:]}"
            ) from error
        return found


def node_server(text: str = "hello", **package: Any) -> dict[str, str]:
    """A draft that is a plain node server, without dependencies."""
    return {
        "package.json": json.dumps({"name": "tiny", "scripts": {"start": "node server.js"}, **package}),
        "server.js": (
            "const http = require('http');\n"
            f"http.createServer((q, r) => r.end({json.dumps(text)} + ' ' + q.url))"
            ".listen(process.env.PORT, process.env.HOSTNAME);\n"
        ),
    }

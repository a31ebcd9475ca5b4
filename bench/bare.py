"""A project as its author would run it: install, build, start, in a plain shell's environment.

With the package manager whose lock file lies there; a folder without package.json is served as files.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from drafterd.build.environment import of_daemon
from drafterd.toolchain import Toolchain
from tests.builders import free_port

LEFT_OUT = shutil.ignore_patterns("node_modules", ".next", ".git")
START_WITHIN = 60.0
_EVERY = 0.2
_TAIL = 3
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,40}[A-Za-z]")

_MANAGERS: Mapping[str, tuple[str, str]] = {
    "pnpm-lock.yaml": ("pnpm", "10"),
    "yarn.lock": ("yarn", "1.22.22"),
    "bun.lock": ("bun", "1"),
    "bun.lockb": ("bun", "1"),
}
"""Lock file to its manager, and the version where package.json asks for none."""


@dataclass
class Bare:
    """How far it came; `reason` is the end of the output of what failed."""

    installed: bool = False
    built: bool = False
    live: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For the object."""
        return {
            "installed": self.installed,
            "built": self.built,
            "live": self.live,
            "seconds": round(sum(self.seconds.values()), 1),
            "reason": self.reason,
        }


@contextlib.asynccontextmanager
async def running(project: Path, scratch: Path, *, within: float) -> AsyncIterator[tuple[Bare, str]]:
    """The project while its server runs, with its address; "" when it came to none. Nothing is left of it."""
    found = Bare()
    folder = scratch / "bare"
    shutil.copytree(project, folder, ignore=LEFT_OUT, symlinks=True)
    shell = _Shell(folder, scratch, deadline=time.monotonic() + within)
    try:
        start = await _made(found, shell)
        if start is None:
            yield found, ""
            return
        async with shell.started(start, {"PORT": str(shell.port)}) as process:
            before = time.monotonic()
            url = await _address(process, shell.port, within=min(START_WITHIN, shell.left()))
            found.seconds["start"] = time.monotonic() - before
            found.live, found.reason = bool(url), "" if url else shell.tail("start")
            yield found, url
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _made(found: Bare, shell: "_Shell") -> list[str] | None:
    """Install and build; the command that starts it, or None."""
    package = _package(shell.folder)
    if package is None:
        found.installed = found.built = True
        return [sys.executable, "-m", "http.server", str(shell.port), "--bind", "127.0.0.1"]
    scripts = package.get("scripts")
    manager = shell.manager(package)
    builds = isinstance(scripts, dict) and "build" in scripts
    for name, words in (("install", ["install"]), ("build", ["run", "build"] if builds else [])):
        before = time.monotonic()
        code = await shell.run([*manager, *words]) if words else 0
        found.seconds[name] = time.monotonic() - before
        if code != 0:
            found.reason = shell.tail(name)
            return None
        setattr(found, "installed" if name == "install" else "built", True)
    return [*manager, "start"]


def _package(folder: Path) -> dict[str, Any] | None:
    """What package.json says; an empty object where it cannot be read, None where there is none."""
    place = folder / "package.json"
    if not place.exists():
        return None
    try:
        said = json.loads(place.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


class _Shell:
    """Commands in a project's folder, each in a process group of its own."""

    def __init__(self, folder: Path, scratch: Path, *, deadline: float) -> None:
        self.folder = folder
        self.port = free_port()
        self._deadline = deadline
        self._output = scratch / "bare.log"
        toolchain = Toolchain.find(scratch / "toolchain")
        self._npm = str(toolchain.npm)
        self._environment = {
            **of_daemon(),
            "PATH": toolchain.path,
            "HOME": str(scratch),
            "LANG": "C.UTF-8",
            "NEXT_TELEMETRY_DISABLED": "1",
            "npm_config_cache": str(scratch / "npm"),
            "npm_config_update_notifier": "false",
        }

    def manager(self, package: Mapping[str, Any]) -> list[str]:
        """The words before `install`: the project's own package manager."""
        asked = re.fullmatch(r"(pnpm|yarn|bun)@([\w.-]+)(?:\+.*)?", str(package.get("packageManager", "")))
        if asked:
            name, version = asked[1], asked[2]
        elif lock := next((lock for lock in _MANAGERS if (self.folder / lock).exists()), ""):
            name, version = _MANAGERS[lock]
        else:
            return [self._npm]
        return [self._npm, "exec", "--yes", "--", f"{name}@{version}"]

    def left(self) -> float:
        """Seconds until the project's time is over."""
        return max(1.0, self._deadline - time.monotonic())

    async def run(self, words: list[str]) -> int:
        """The exit code; 124 when time was over."""
        async with self.started(words, {}) as process:
            try:
                return await asyncio.wait_for(process.wait(), self.left())
            except TimeoutError:
                return 124

    @contextlib.asynccontextmanager
    async def started(self, words: list[str], more: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command that runs; of its process group nothing is left afterwards."""
        with self._output.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=self.folder,
                env={**self._environment, **more},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 5)

    def tail(self, step: str) -> str:
        """The end of what the last command printed."""
        text = _ANSI.sub("", self._output.read_text(errors="replace"))
        lines = [line.strip() for line in text.splitlines() if line.strip() and "A complete log" not in line]
        begin = next((at for at, line in enumerate(lines) if re.search(r"\b(?:error|Error)", line)), -_TAIL)
        return f"{step}: {' | '.join(lines[begin:][:_TAIL]) or 'no output'}"[:600]


async def _address(process: asyncio.subprocess.Process, port: int, *, within: float) -> str:
    """Where the project answers: `port`, else whatever port its processes listen on; "" when it does not."""
    deadline = time.monotonic() + within
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        while time.monotonic() < deadline and process.returncode is None:
            for host, found in sorted(_listeners(process.pid), key=lambda place: (place[1] != port, place)):
                url = f"http://{host}:{found}/"
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as answer:
                        if answer.status < 500:
                            return url
            await asyncio.sleep(_EVERY)
    return ""


def _listeners(pid: int) -> set[tuple[str, int]]:
    """Loopback addresses on which a process or one that it started listens."""
    found: set[tuple[str, int]] = set()
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                for item in process.net_connections("tcp"):
                    if item.status == psutil.CONN_LISTEN:
                        found.add(("[::1]" if item.laddr.ip == "::1" else "localhost", item.laddr.port))
    return found

"""A booted container."""

import asyncio
import contextlib
import ctypes
import os
import socket
import stat
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from tests.boot.debian import Debian
from tests.builders import eventually

_NETWORK = 0x40000000
"""CLONE_NEWNET"""
_REBOOTED = 133
"""What systemd-nspawn ends with when the container wants to be started again (with --keep-unit)."""

_libc = ctypes.CDLL(None, use_errno=True)


class Machine:
    """A Debian with a systemd of its own, and a network that nothing but its own loopback is in.

    Args:
        debian: What it begins as; never written to.
        folder: Where all that it writes lies, from one boot to the next.
    """

    def __init__(self, debian: Debian, folder: Path) -> None:
        self.folder = folder
        self._debian = debian
        self._written = folder / "written"
        self._written.mkdir()
        self._console = folder / "console.log"
        self._tunnels = folder / "tun"
        _make_tunnels(self._tunnels)
        self._name = f"drafterd-boot-{os.getpid()}"
        self._groups = _make_groups(self._name)
        self._process: asyncio.subprocess.Process | None = None
        self._first: psutil.Process | None = None

    async def __aenter__(self) -> Self:
        await self.boot()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._off()
        finally:
            for group in self._groups:
                _remove_group(group)

    async def boot(self) -> None:
        """Start it and wait until systemd has started everything."""
        enter = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self._groups)
        with self._console.open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                # If this test dies, so does all of it: systemd-nspawn alone would leave its container running.
                *("setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--mount-proc", "--fork", "--kill-child"),
                *("sh", "-c", f'{enter}exec "$@"', "sh"),
                "systemd-nspawn",
                "--boot",
                f"--machine={self._name}",
                f"--directory={self._debian.root}",
                f"--overlay={self._debian.root}:{self._written}:/",
                f"--bind-ro={self._debian.wheels}:/wheels",
                f"--bind={self._tunnels}:/dev/net/tun",
                "--private-network",
                "--register=no",
                "--keep-unit",
                "--console=read-only",
                # Else parts of /proc are hidden, and then nobody without rights may mount one.
                env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        try:
            await eventually(self._is_up, within=60, every=0.1)
        except AssertionError as error:
            raise AssertionError(f"it does not boot:\n{self._console.read_text()[-4000:]}") from error

    async def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._console.read_text()[-4000:]
        self._first = None
        for child in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.name() == "systemd" and (parent := child.parent()) and parent.name() == "systemd-nspawn":
                    self._first = child
                    return (await self.run("systemctl", "is-system-running", check=False)).strip() in (
                        "running",
                        "degraded",
                    )
        return False

    async def _off(self) -> None:
        """End all of it at once: how it shuts down is seen when it reboots."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.kill()
        await self._process.wait()
        await eventually(lambda: not any(map(_lives_in, self._groups)), within=30)

    async def reboot(self) -> None:
        """Restart all of it, as `reboot` does."""
        assert self._process is not None
        await self.run("systemctl", "reboot", check=False)
        assert await asyncio.wait_for(self._process.wait(), 90) == _REBOOTED
        await self.boot()

    async def run(self, *argv: str | Path, check: bool = True, within: float = 60, given: bytes | None = None) -> str:
        """Run a program inside, as root; what it printed, errors too.

        Args:
            check: Whether it must succeed.
            given: What it reads.
        """
        assert self._first is not None
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={self._first.pid}", "--mount", "--uts", "--ipc", "--net", "--pid"),
            *map(str, argv),
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "HOME": "/root"},
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            printed, _ = await asyncio.wait_for(process.communicate(given), within)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        text = printed.decode(errors="replace")
        assert not check or process.returncode == 0, f"{' '.join(map(str, argv))}: {process.returncode}\n{text[-6000:]}"
        return text

    def at(self, path: str) -> Path:
        """Where a file of the running container is reached from outside."""
        assert self._first is not None
        return Path(f"/proc/{self._first.pid}/root") / path.lstrip("/")

    def processes(self) -> list[psutil.Process]:
        """All of its processes."""
        assert self._first is not None
        return [self._first, *self._first.children(recursive=True)]

    def session(self, *, kept: bool = False, by: str | None = None, **options: Any) -> aiohttp.ClientSession:
        """A client in its network.

        Args:
            kept: Whether connections are kept open.
            by: A socket's path, to be reached by that instead.
        """
        assert self._first is not None
        timeout = aiohttp.ClientTimeout(total=60)
        if by is not None:
            return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.at(by))), timeout=timeout, **options)
        network = Path(f"/proc/{self._first.pid}/ns/net")

        def inside(address: tuple[Any, ...]) -> socket.socket:
            with network.open() as theirs, Path("/proc/thread-self/ns/net").open() as ours:
                _enter(theirs.fileno())
                try:
                    return socket.socket(*address[:3])
                finally:
                    _enter(ours.fileno())

        connector = aiohttp.TCPConnector(force_close=not kept, limit=0, socket_factory=inside)
        return aiohttp.ClientSession(connector=connector, timeout=timeout, **options)


def _enter(namespace: int) -> None:
    """Move this thread into a network: what it opens from now on is there."""
    if _libc.setns(namespace, _NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "the network cannot be entered")


def _make_tunnels(path: Path) -> None:
    """The device that networks of builds are made with, open to everybody, as udev has it on a real machine."""
    os.mknod(path, stat.S_IFCHR, os.makedev(10, 200))
    path.chmod(0o666)


def _make_groups(name: str) -> list[Path]:
    """Control groups of its own: two containers in one would end each other's services."""
    groups = []
    for base in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")):
        if (base / "cgroup.procs").exists():
            group = base / name
            group.mkdir()
            groups.append(group)
    return groups


def _lives_in(group: Path) -> bool:
    """Whether a process is left in a control group, or below."""
    return any(path.read_text() for path in group.rglob("cgroup.procs"))


def _remove_group(group: Path) -> None:
    """Remove an empty group with all below it."""
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()

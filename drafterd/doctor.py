"""What `doctor` looks at: tools, ports, limits, room, walls. Each finding says how to mend it.

Beside the daemon, not in it: it must be able to say why no daemon runs.
"""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from drafterd.config import DEFAULT_ENV, Config
from drafterd.domain.errors import DrafterdError
from drafterd.domain.model import Address
from drafterd.sandbox import choose
from drafterd.sandbox.network import Fence, Reach, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import strongest, way_out
from drafterd.toolchain import Toolchain, which

PYTHON_MIN = (3, 11)
NODE_MIN = 20
TRAEFIK_MIN = (3, 5)
SUPERVISOR_MIN = (4, 3)
MEMORY_MIN = 1_000_000_000
"""Bytes: a small Next.js build peaks at 700 MB."""
DISK_MIN = 2_000_000_000
DISK_FLOOR = 300_000_000
WATCHES_MIN = 1024
INSTANCES_MIN = 16
FILES_MIN = 4096

_TIMEOUT = 10.0
_TOOL_TIMEOUT = 60.0
"""Seconds for a program to say its version: a large one is read from a busy disk first."""
_INOTIFY = Path("/proc/sys/fs/inotify")


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """works, but not as it should"""
    ERROR = "error"
    """something essential is wrong"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        mend: One line: what to do; "" when all is well.
    """

    name: str
    level: Level
    detail: str
    mend: str = ""


Findings = Iterator[Finding]


def examine(config: Config) -> tuple[Finding, ...]:
    """Look at everything. Changes nothing, takes a few seconds at most."""
    return tuple(finding for look in _ALL for finding in look(config))


def preflight(config: Config) -> tuple[Finding, ...]:
    """What would keep `up` from working: only the errors."""
    essential = (_python, _node, _supervisord, _traefik, _folders, _ports, _isolation)
    found = (finding for look in essential for finding in look(config))
    return tuple(finding for finding in found if finding.level is Level.ERROR)


def daemon_lives(config: Config) -> bool:
    """Whether a daemon listens on the configuration's socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(config.api_socket))
    except OSError:
        return False
    return True


def _good(name: str, detail: str) -> Finding:
    return Finding(name, Level.OK, detail)


def _python(_config: Config) -> Findings:
    version = ".".join(map(str, sys.version_info[:3]))
    level = Level.OK if sys.version_info >= PYTHON_MIN else Level.ERROR
    yield Finding(
        "python", level, f"{version}, {sys.executable}", "" if level is Level.OK else "use Python 3.11 or newer"
    )


def _node(_config: Config) -> Findings:
    with tempfile.TemporaryDirectory(prefix="drafterd-doctor-") as folder:
        try:
            found = Toolchain.find(Path(folder))
            node, npm = found.node.resolve(), found.npm.resolve()
        except DrafterdError as error:
            yield Finding("node", Level.ERROR, error.summary, error.hint)
            return
        except OSError as error:
            yield Finding("node", Level.ERROR, str(error), "see that the folder for temporary files can be written")
            return
    major = int(found.node_version.partition(".")[0] or 0) if found.node_version[:1].isdigit() else 0
    old = major < NODE_MIN
    mend = f"use Node {NODE_MIN} or newer: pip install 'drafterd[node]'" if old else ""
    yield Finding("node", Level.WARNING if old else Level.OK, f"{found.node_version}, {node}", mend)
    said = _output([str(node), str(npm), "--version"])
    if said is None:
        yield Finding("npm", Level.ERROR, f"{npm} does not run", "install Node anew: pip install 'drafterd[node]'")
    else:
        yield _good("npm", f"{said}, {npm}")


def _supervisord(_config: Config) -> Findings:
    yield _tool("supervisord", ["--version"], SUPERVISOR_MIN)


def _traefik(_config: Config) -> Findings:
    yield _tool("traefik", ["version"], TRAEFIK_MIN)


def _tool(name: str, ask: list[str], least: tuple[int, ...]) -> Finding:
    try:
        path = which(name)
    except DrafterdError as error:
        return Finding(name, Level.ERROR, error.summary, error.hint)
    said = _output([str(path), *ask])
    match = re.search(r"(\d+)\.(\d+)(?:\.\d+)*", said or "")
    if match is None:
        return Finding(name, Level.ERROR, f"{path} does not run", "install it anew: pip install 'drafterd[all]'")
    if (int(match[1]), int(match[2])) < least:
        needed = ".".join(map(str, least))
        return Finding(
            name, Level.WARNING, f"{match[0]}, {path}", f"use {needed} or newer: pip install 'drafterd[all]'"
        )
    return _good(name, f"{match[0]}, {path}")


def _output(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_TOOL_TIMEOUT, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() or done.stderr.strip()


def _folders(config: Config) -> Findings:
    layout = config.layout()
    for name, folder in (
        ("drafts", layout.drafts),
        ("state", layout.state),
        ("sockets", layout.run),
        ("logs", layout.logs),
    ):
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            yield _good(name, str(folder) if nearest == folder else f"{folder} (will be made)")
        else:
            why = "cannot be written" if nearest.is_dir() else "is no folder"
            yield Finding(name, Level.ERROR, f"{nearest} {why}", f"mend its rights, or set `{name}` to another folder")


def _ports(config: Config) -> Findings:
    ours = daemon_lives(config)
    layout = config.layout()
    for key, address in config.listeners().items():
        if _free(address):
            yield _good(key, f"{address} is free")
        elif ours or _is_ours(address.port, (layout.state, layout.run)):
            yield _good(key, f"{address} is held by this drafterd")
        else:
            variable = f"DRAFTERD_{key.upper().replace('.', '__')}"
            option = {"proxy.listen": "--listen", "api.listen": "--api"}.get(key)
            instead = f"{option} HOST:PORT" if option else f"{variable}=HOST:PORT"
            mend = f"stop what holds it, or choose another with {instead}"
            yield Finding(key, Level.ERROR, f"{address} is taken by {_holder(address.port)}", mend)


def _free(address: Address) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except PermissionError:
            return True  # a port below 1024 that the proxy may have and we may not: nobody holds it
        except OSError:
            return False
        return True


def _listener(port: int) -> psutil.Process | None:
    """Who listens on a port, as far as we may see."""
    try:
        found = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None
    for connection in found:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr[1] == port
            and connection.pid
        ):
            try:
                return psutil.Process(connection.pid)
            except psutil.Error:
                return None
    return None


def _holder(port: int) -> str:
    process = _listener(port)
    if process is None:
        return "another program"
    try:
        return f"{process.name()} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"


def _is_ours(port: int, folders: tuple[Path, ...]) -> bool:
    """Whether a proxy of ours holds it that outlived its daemon: its command names our folders."""
    process = _listener(port)
    try:
        words = process.cmdline() if process else []
    except psutil.Error:
        return False
    return any(str(folder) in word for word in words for folder in folders)


def _pool(config: Config) -> Findings:
    first, last = config.ports.first, config.ports.last
    free = sum(_free(Address("127.0.0.1", port)) for port in range(first, last + 1))
    detail = f"{free} of {last - first + 1} free, {first} to {last}"
    if free:
        yield _good("ports", detail)
    else:
        yield Finding("ports", Level.ERROR, detail, "choose others with `ports.first` and `ports.last`")


def _inotify(_config: Config) -> Findings:
    for name, least in (("max_user_watches", WATCHES_MIN), ("max_user_instances", INSTANCES_MIN)):
        try:
            value = int((_INOTIFY / name).read_text())
        except (OSError, ValueError):
            yield Finding(f"inotify {name}", Level.WARNING, "unknown", "changes are still found, up to 20 s later")
            continue
        low = value < least
        mend = f"sysctl fs.inotify.{name}={least * 8}; until then changes are found up to 20 s later" if low else ""
        yield Finding(f"inotify {name}", Level.WARNING if low else Level.OK, str(value), mend)


def _open_files(_config: Config) -> Findings:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= FILES_MIN
    shown = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    mend = "" if enough else f"raise it to {FILES_MIN} (ulimit -Hn): each running draft needs four"
    yield Finding("open files", Level.OK if enough else Level.WARNING, shown, mend)


def _memory(_config: Config) -> Findings:
    memory = psutil.virtual_memory()
    low = memory.available < MEMORY_MIN
    mend = "free some: a Next.js build needs about 1 GB" if low else ""
    detail = f"{_gigabytes(memory.available)} of {_gigabytes(memory.total)} available"
    yield Finding("memory", Level.WARNING if low else Level.OK, detail, mend)


def _disk(config: Config) -> Findings:
    state = config.layout().state
    nearest = next(path for path in (state, *state.parents) if path.exists())
    usage = shutil.disk_usage(nearest)
    level = Level.ERROR if usage.free < DISK_FLOOR else Level.WARNING if usage.free < DISK_MIN else Level.OK
    mend = "" if level is Level.OK else "make room, or set `state` to a larger disk: a draft takes some 500 MB"
    yield Finding("disk", level, f"{_gigabytes(usage.free)} of {_gigabytes(usage.total)} free at {nearest}", mend)


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"


def _isolation(config: Config) -> Findings:
    wish = Wish(reach=Reach(config.build.network))
    for name, word, reach in (("build.sandbox", config.build.sandbox, wish), ("run.sandbox", config.run.sandbox, None)):
        try:
            sandbox = choose(word, Places(layout=config.layout()), reach)
        except DrafterdError as error:
            yield Finding(name, Level.ERROR, error.summary, error.hint)
            continue
        if sandbox.name == "plain":
            mend = "run only drafts that you trust, under a user of their own"
            yield Finding(name, Level.WARNING, f"isolation: {sandbox.isolation}", mend)
        else:
            yield _good(name, f"{sandbox.name}, isolation: {sandbox.isolation}")
    yield from _build_network(config, wish)


def _build_network(config: Config, wish: Wish) -> Findings:
    machine = strongest().machine
    if config.build.sandbox == "plain" or machine is None:
        return  # there is more to be said, and it has been
    out = way_out(machine, wish.reach)
    if out.way:
        yield _good("build.network", Fence(wish, out.way).meaning)
    else:
        mend = "install the package slirp4netns, and let the daemon's user open /dev/net/tun"
        yield Finding("build.network", Level.WARNING, f"builds share the network: {out.reason}", mend)


def _daemon(config: Config) -> Findings:
    lives = daemon_lives(config)
    yield _good("daemon", f"answers at {config.api_socket}" if lives else f"none at {config.api_socket}")


def _credentials(config: Config) -> Findings:
    try:
        values, absent = config.variables()
    except DrafterdError as error:
        yield Finding("credentials", Level.ERROR, error.summary, error.hint)
        return
    # A random one is made at the first start.
    missing = [name for name in absent if name != "NEXTAUTH_SECRET"]
    if missing:
        mend = "add them to the file that `credentials` names, if drafts need them"
        yield Finding("credentials", Level.WARNING, f"without {', '.join(missing)}", mend)
    else:
        yield _good("credentials", "all given")
    if values.get("DATABASE_URL") == DEFAULT_ENV["DATABASE_URL"]:
        detail = "DATABASE_URL is the default, for development only"
        yield Finding("database", Level.WARNING, detail, "set DATABASE_URL in the credentials")


_ALL: tuple[Callable[[Config], Findings], ...] = (
    _python,
    _node,
    _supervisord,
    _traefik,
    _folders,
    _ports,
    _pool,
    _inotify,
    _open_files,
    _memory,
    _disk,
    _isolation,
    _credentials,
    _daemon,
)

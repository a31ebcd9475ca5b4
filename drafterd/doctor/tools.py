"""Programs that drafterd needs: which one is taken, and whether it runs and is new enough."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from drafterd.config import Config
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.domain.errors import DrafterdError
from drafterd.toolchain import Toolchain, which

PYTHON_MIN = (3, 11)
NODE_MIN = 20
TRAEFIK_MIN = (3, 5)
NGINX_MIN = (1, 22)
SUPERVISOR_MIN = (4, 3)

_TIMEOUT = 60.0
"""Seconds for a program to say its version: a large one is read from a busy disk first."""


def python(_config: Config) -> Findings:
    """Python itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    level = Level.OK if sys.version_info >= PYTHON_MIN else Level.ERROR
    yield Finding(
        "python", level, f"{version}, {sys.executable}", "" if level is Level.OK else "use Python 3.11 or newer"
    )


def node(_config: Config) -> Findings:
    """Node and npm, which are one installation."""
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
    detail = f"{found.node_version}, {node}{_passed_over(node)}"
    yield Finding("node", Level.WARNING if old else Level.OK, detail, mend)
    said = _output([str(node), str(npm), "--version"])
    if said is None:
        yield Finding("npm", Level.ERROR, f"{npm} does not run", "install Node anew: pip install 'drafterd[node]'")
    else:
        yield good("npm", f"{said}, {npm}")


def _passed_over(node: Path) -> str:
    """The Node that a shell here would start, where that is another one."""
    other = shutil.which("node")
    return f"; not {other}, which stands on PATH" if other and Path(other).resolve() != node else ""


def supervisord(_config: Config) -> Findings:
    """What starts drafts."""
    yield _tool("supervisord", ["--version"], SUPERVISOR_MIN)


def proxy(config: Config) -> Findings:
    """The proxy that the configuration names."""
    if config.proxy.kind == "traefik":
        yield _tool("traefik", ["version"], TRAEFIK_MIN)
    elif config.proxy.managed is not False:
        yield _tool("nginx", ["-v"], NGINX_MIN)


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
    return good(name, f"{match[0]}, {path}")


def _output(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_TIMEOUT, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() or done.stderr.strip()


ESSENTIAL: tuple[Callable[[Config], Findings], ...] = (python, node, supervisord, proxy)
"""Without these nothing starts."""

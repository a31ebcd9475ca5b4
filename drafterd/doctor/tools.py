"""Programs that drafterd needs: which one is taken, and whether it runs and is new enough."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from drafterd.doctor.case import Case, Look
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.domain.errors import DrafterdError
from drafterd.toolchain import Toolchain, which

PYTHON_MIN = (3, 11)
NODE_MIN = 20
TRAEFIK_MIN = (3, 5)
NGINX_MIN = (1, 22)
SUPERVISOR_MIN = (4, 3)

_INSTALL: Mapping[str, str] = {"nginx": "apt-get install nginx-light"}
_ANSWER = 5.0
_SAID_MAX = 10_000
_TIMEOUT = 60.0
"""Seconds for a program to say its version: a large one is read from a busy disk first."""


def python(_case: Case) -> Findings:
    """Python itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    level = Level.OK if sys.version_info >= PYTHON_MIN else Level.ERROR
    yield Finding(
        "python", level, f"{version}, {sys.executable}", "" if level is Level.OK else "use Python 3.11 or newer"
    )


def node(_case: Case) -> Findings:
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


def supervisord(_case: Case) -> Findings:
    """What starts drafts."""
    yield _tool("supervisord", ["--version"], SUPERVISOR_MIN)


def proxy(case: Case) -> Findings:
    """The proxy that the configuration names."""
    chosen = case.config.proxy
    if chosen.kind == "nginx":
        yield _tool("nginx", ["-v"], NGINX_MIN)
    elif chosen.managed is False and (case.server is None or not case.server.proxy_unit):
        yield _running_traefik(str(chosen.dashboard))
    else:
        yield _tool("traefik", ["version"], TRAEFIK_MIN)


def _running_traefik(dashboard: str) -> Finding:
    """A Traefik that others run is asked: which program it is, they know."""
    try:
        with urllib.request.urlopen(f"http://{dashboard}/api/version", timeout=_ANSWER) as answer:
            said = str(json.loads(answer.read(_SAID_MAX))["Version"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        mend = "start it, and let it have its API there (`proxy.dashboard`)"
        return Finding("traefik", Level.WARNING, f"none says its version at {dashboard}", mend)
    return _judged("traefik", said, f"at {dashboard}", TRAEFIK_MIN)


def _tool(name: str, ask: list[str], least: tuple[int, ...]) -> Finding:
    try:
        path = which(name)
    except DrafterdError as error:
        return Finding(name, Level.ERROR, error.summary, error.hint)
    said = _output([str(path), *ask])
    return _judged(name, said or "", str(path), least)


def _judged(name: str, said: str, place: str, least: tuple[int, ...]) -> Finding:
    """Whether the version that a program has said is new enough."""
    match = re.search(r"(\d+)\.(\d+)(?:\.\d+)*", said)
    install = _INSTALL.get(name, "pip install 'drafterd[all]'")
    if match is None:
        return Finding(name, Level.ERROR, f"{place} does not run", f"install it anew: {install}")
    if (int(match[1]), int(match[2])) < least:
        needed = ".".join(map(str, least))
        return Finding(name, Level.WARNING, f"{match[0]}, {place}", f"use {needed} or newer: {install}")
    return good(name, f"{match[0]}, {place}")


def _output(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_TIMEOUT, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() or done.stderr.strip()


ESSENTIAL: tuple[Look, ...] = (python, node, supervisord, proxy)
"""Without these nothing starts."""

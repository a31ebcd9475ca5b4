"""The last step: keeps of a build what serves, and says how it is run.

The tree was written by a stranger's programs. Nothing is followed: every folder on the way is
looked at, and links that leave what is kept are taken out (servers) or refused (files that drafterd
itself serves).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from drafterd import files
from drafterd.build import release
from drafterd.build.failure import BuildFailed, failed
from drafterd.build.foreign import NODE_MODULES, env_files, inside, is_plain, leaving
from drafterd.domain.model import BuildOrder, Kind

_PROOF_MAX = 5_000_000
_NODE = "node"
_SERVER = "server.js"
_KEPT_DOT = frozenset({".well-known"})
_OUTPUTS = ("dist", "build", "out")
_OUTPUT_DEPTH = 3
_FALLBACKS = ("200.html", "__spa-fallback.html")
"""What tools call the page of an app with routes of its own, which answers for unknown paths."""
_STANDS_ALONE_SINCE = (12, 2)
"""The first version of Next.js that can leave a server without node_modules; it was an experiment before."""
_STANDALONE_HINT = "let next.config not set `output`, `basePath` or `distDir`, and build again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """How what was packed is served.

    Attributes:
        argv: The server's command; its first word is a tool of ours or lies in the release.
        base_path: The prefix that was built in.
        notes: What a person should know, for the log.
    """

    argv: tuple[str, ...] = ()
    cwd: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    base_path: str = ""
    fallback: str = ""
    notes: tuple[str, ...] = ()


def stands_alone(packages: Path) -> bool:
    """Whether the installed Next.js, if it is one, can leave a server that needs none of the packages."""
    return not (0, 0) < _next_version(packages) < _STANDS_ALONE_SINCE


def pack(source: Path, app: Path, order: BuildOrder, packages: Path) -> Packed:
    """Move what serves from the built `source` to the new folder `app`; `packages` is what it was built with.

    Raises:
        BuildFailed: There is nothing to serve, or it was built for something else.
        OSError: The file system fails.
    """
    packed = _PACKERS[order.recipe.kind](source, app, order, packages)
    for path in list(env_files(app)):
        path.unlink()
    removed = [str(link.relative_to(app)) for link in list(leaving(app))]
    if removed and not packed.argv:
        raise failed(
            "bad-link",
            f"the link {removed[0]!a} leaves what is to be served",
            step="pack",
            hint="replace links by what they point to",
        )
    for name in removed:
        (app / name).unlink()
    if not removed:
        return packed
    note = f"{len(removed)} links that leave the release were taken out, e.g. {removed[0]!a}"
    return replace(packed, notes=(note,))


# The kinds


def _next(source: Path, app: Path, order: BuildOrder, packages: Path) -> Packed:
    if order.recipe.start:
        return _server(source, app, order, packages)
    proof = _proof(source)
    standalone = inside(source, ".next", "standalone")
    version = _next_version(packages)
    if standalone is None and (0, 0) < version < _STANDS_ALONE_SINCE:
        return _next_whole(source, app, _base_path(proof, order))
    if proof.get("output", "standalone" if version < _STANDS_ALONE_SINCE else None) != "standalone":
        raise _wrong(f"Next.js built with output {proof.get('output')!a} instead of 'standalone'")
    base_path = _base_path(proof, order)
    if standalone is None:
        raise _wrong("Next.js left no .next/standalone")
    place = _server_folder(standalone)
    standalone.rename(app)
    for folder in ("public", ".next/static"):
        found = inside(source, *folder.split("/"))
        if found:
            target = app / place / folder
            files.remove_tree(target)
            found.rename(target)
    return Packed(
        argv=(_NODE, _SERVER),
        cwd=place,
        environment={"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"},
        base_path=base_path,
    )


def _next_whole(source: Path, app: Path, base_path: str) -> Packed:
    """A version that cannot leave a server of its own: the whole tree, and `next start`."""
    if cache := inside(source, ".next", "cache"):
        files.remove_tree(cache)
    source.rename(app)
    return Packed(
        argv=("npm", "run", "start"),
        environment={"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"},
        base_path=base_path,
        notes=("this version of Next.js cannot build a server that stands alone: it runs from the whole tree",),
    )


def _next_version(packages: Path) -> tuple[int, int]:
    """Major and minor version of the Next.js that built; (0, 0) if that cannot be told."""
    try:
        found = json.loads(files.read_regular(packages / "next" / "package.json", limit=_PROOF_MAX))
        major, minor, *_ = str(found["version"]).split(".")
        return int(major), int(minor)
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def _proof(source: Path) -> Mapping[str, object]:
    """The configuration that Next.js really built with."""
    found = inside(source, ".next")
    try:
        if found is None:
            raise FileNotFoundError
        facts = json.loads(files.read_regular(found / "required-server-files.json", limit=_PROOF_MAX))
        return dict(facts["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _wrong("Next.js left no .next/required-server-files.json that can be read") from error


def _base_path(proof: Mapping[str, object], order: BuildOrder) -> str:
    """The base path that was built in; it must be the one asked for, or the author's own."""
    found = proof.get("basePath") or ""
    own = order.recipe.own_base_path
    if found != order.base_path and not (own and found == own):
        raise _wrong(f"Next.js built for the base path {found!a} instead of {order.base_path!a}")
    return str(found)


def _server_folder(standalone: Path) -> str:
    """Where the one server.js lies: deeper when a lock file lay above the draft."""
    found = []
    for place, folders, names in os.walk(standalone, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in (NODE_MODULES, ".next"))
        if _SERVER in names and is_plain(Path(place, ".next", "BUILD_ID")):
            found.append(os.path.relpath(place, standalone))
    if len(found) != 1:
        raise _wrong(f"{len(found)} servers were found in .next/standalone instead of one")
    return found[0]


def _next_export(source: Path, app: Path, order: BuildOrder, _packages: Path) -> Packed:
    proof = _proof(source)
    if proof.get("output") != "export":
        raise _wrong(f"Next.js built with output {proof.get('output')!a} instead of 'export'")
    return _files(source, app, order, root=order.recipe.static_root or "out", base_path=_base_path(proof, order))


def _static(source: Path, app: Path, order: BuildOrder, _packages: Path) -> Packed:
    base_path = order.base_path if order.recipe.prefixed else ""
    return _files(source, app, order, root=_output(source, order), base_path=base_path)


def _output(source: Path, order: BuildOrder) -> str:
    """The folder with the files, where the build left it: a tool's configuration may put it elsewhere."""
    wanted = order.recipe.static_root
    if not order.recipe.build or not wanted:
        return wanted
    for root in dict.fromkeys((wanted, *_OUTPUTS)):
        place = inside(source, *_parts(root))
        found = None if place is None else _page_folder(place)
        if found is not None:
            return str(found.relative_to(source))
    return wanted


def _page_folder(place: Path) -> Path | None:
    """The folder with index.html, going down as long as there is one way only."""
    for _ in range(_OUTPUT_DEPTH):
        if is_plain(place / "index.html"):
            return place
        inner = [path for path in place.iterdir() if path.is_dir() and not path.is_symlink()]
        if "browser" in {path.name for path in inner}:
            inner = [place / "browser"]
        if len(inner) != 1:
            return None
        place = inner[0]
    return place if is_plain(place / "index.html") else None


def _parts(root: str) -> list[str]:
    return [part for part in root.split("/") if part not in ("", ".")]


def _files(source: Path, app: Path, order: BuildOrder, *, root: str, base_path: str) -> Packed:
    """Files that drafterd serves itself: all below `root` but what begins with a dot."""
    found = inside(source, *_parts(root))
    if found is None:
        raise _nothing(root)
    found.rename(app)
    for place, folders, names in os.walk(app, followlinks=False):
        for name in [*folders, *names]:
            if name.startswith(".") and name not in _KEPT_DOT:
                files.remove_tree(Path(place, name))
        folders[:] = [name for name in folders if not name.startswith(".") or name in _KEPT_DOT]
    if not any(app.iterdir()):
        raise _nothing(root)
    return Packed(base_path=base_path, fallback=_fallback(app, order))


def _nothing(root: str) -> BuildFailed:
    return failed(
        "no-output",
        f"there is nothing to serve in {root or 'the folder'}",
        step="pack",
        hint="the files that are to be served must lie there after the build",
    )


def _fallback(app: Path, order: BuildOrder) -> str:
    """What answers for an unknown path, as a good page. A 404.html does as well, but it says that it is one."""
    wanted = order.recipe.fallback
    safe = wanted and ".." not in _parts(wanted)
    return next((name for name in ((wanted,) if safe else ()) + _FALLBACKS if is_plain(app / name)), "")


def _node(source: Path, app: Path, order: BuildOrder, packages: Path) -> Packed:
    """A server, unless the build left files only."""
    recipe = order.recipe
    if recipe.static_root and not any(map(is_plain, _named(source, recipe.start))):
        return _static(source, app, order, packages)
    return _server(source, app, order, packages)


def _named(source: Path, start: tuple[str, ...]) -> list[Path]:
    """The file of the build's output that a command of node names last."""
    words = [word for word in start[1:] if ".." not in _parts(word)]
    return [source / words[-1]] if words else []


def _server(source: Path, app: Path, order: BuildOrder, _packages: Path) -> Packed:
    """A server of the author's own: the whole tree."""
    start = order.recipe.start
    if not start:
        raise failed(
            "no-start",
            "there is no command that starts a server",
            step="pack",
            hint="add a `start` script to package.json",
        )
    program = start[0]
    if program not in release.TOOLS:
        local = f"{NODE_MODULES}/.bin/{program}"
        if "/" in program or not (source / local).exists():
            raise failed(
                "no-start",
                f"the start command {program!a} is neither node nor a program of the draft's dependencies",
                step="pack",
                hint="start the server with node, npm, or a program that a dependency brings",
            )
        program = local
    if cache := inside(source, ".next", "cache"):
        files.remove_tree(cache)
    source.rename(app)
    base_path = order.base_path if order.recipe.prefixed else order.recipe.own_base_path
    own = {name: value.replace("{base}", order.base_path) for name, value in order.recipe.run_environment.items()}
    return Packed(argv=(program, *start[1:]), environment={**own, "NODE_ENV": "production"}, base_path=base_path)


_PACKERS: Mapping[Kind, Callable[[Path, Path, BuildOrder, Path], Packed]] = {
    Kind.NEXT: _next,
    Kind.NEXT_EXPORT: _next_export,
    Kind.NODE: _node,
    Kind.STATIC: _static,
}


def _wrong(summary: str) -> BuildFailed:
    return failed("wrong-output", summary, step="pack", hint=_STANDALONE_HINT)

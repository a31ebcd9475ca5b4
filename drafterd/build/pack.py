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


def pack(source: Path, app: Path, order: BuildOrder) -> Packed:
    """Move what serves from the built `source` to the new folder `app`.

    Raises:
        BuildFailed: There is nothing to serve, or it was built for something else.
        OSError: The file system fails.
    """
    packed = _PACKERS[order.recipe.kind](source, app, order)
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


def _next(source: Path, app: Path, order: BuildOrder) -> Packed:
    if order.recipe.start:
        return _server(source, app, order)
    proof = _proof(source)
    if proof.get("output") != "standalone":
        raise _wrong(f"Next.js built with output {proof.get('output')!a} instead of 'standalone'")
    base_path = _base_path(proof, order)
    standalone = inside(source, ".next", "standalone")
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


def _next_export(source: Path, app: Path, order: BuildOrder) -> Packed:
    proof = _proof(source)
    if proof.get("output") != "export":
        raise _wrong(f"Next.js built with output {proof.get('output')!a} instead of 'export'")
    return _files(source, app, order, root=order.recipe.static_root or "out", base_path=_base_path(proof, order))


def _static(source: Path, app: Path, order: BuildOrder) -> Packed:
    return _files(
        source,
        app,
        order,
        root=order.recipe.static_root,
        base_path=order.base_path if order.recipe.prefixed else "",
    )


def _files(source: Path, app: Path, order: BuildOrder, *, root: str, base_path: str) -> Packed:
    """Files that drafterd serves itself: all below `root` but what begins with a dot."""
    parts = [part for part in root.split("/") if part not in ("", ".")]
    found = inside(source, *parts)
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
    """What answers for an unknown path: the author's 404 page, else the page of a built single-page app."""
    if is_plain(app / "404.html"):
        return "404.html"
    built = order.recipe.kind is Kind.STATIC and order.recipe.build
    return "index.html" if built and is_plain(app / "index.html") else ""


def _server(source: Path, app: Path, order: BuildOrder) -> Packed:
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
    return Packed(argv=(program, *start[1:]), environment={"NODE_ENV": "production"}, base_path=base_path)


_PACKERS: Mapping[Kind, Callable[[Path, Path, BuildOrder], Packed]] = {
    Kind.NEXT: _next,
    Kind.NEXT_EXPORT: _next_export,
    Kind.NODE: _server,
    Kind.STATIC: _static,
}


def _wrong(summary: str) -> BuildFailed:
    return failed("wrong-output", summary, step="pack", hint=_STANDALONE_HINT)

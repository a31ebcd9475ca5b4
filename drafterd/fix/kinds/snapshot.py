"""Puts the base path into the configurations of a build's snapshot, for tools that take it from there.

A wrapper stands in for the author's file and imports it, whatever its shape. The author's folder is
never touched.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from drafterd import files
from drafterd.domain.model import Kind, Recipe
from drafterd.fix import package
from drafterd.fix.folder import READ_LIMIT
from drafterd.fix.kinds.basename import prepare_sources
from drafterd.fix.kinds.bundled import TOOLS
from drafterd.fix.kinds.detection import PLAIN_SERVER, SERVERS
from drafterd.fix.kinds.frameworks import PREVIEW
from drafterd.fix.kinds.vite import config_in_script

MARK = "// Made for this build around the author's configuration: "
_HERE = Path(__file__).parent
_SUFFIXES = ("js", "mjs", "ts", "cjs", "mts", "cts")
_ASTRO = ("mjs", "js", "ts", "mts", "cjs", "cts")
_SVELTE = ("js", "mjs")
_OWN_SERVERS = {*SERVERS.values(), PLAIN_SERVER}
_AS_SCRIPT = {"ts": "js", "mts": "mjs", "cts": "cjs"}


def prepare_snapshot(root: Path, *, recipe: Recipe) -> None:
    """Make a snapshot fit to be built for the base path that the build's environment names. Repeatable."""
    if recipe.kind is Kind.NODE and recipe.framework in _OWN_SERVERS:
        for place in _front_ends(root):
            _wrap(place, _vite_config(place), _SUFFIXES, _vite(routing=True))
    elif recipe.framework == "Vite":
        _wrap(root, _vite_config(root), _SUFFIXES, _vite(routing=True))
    elif recipe.framework == "React Router":
        _wrap(root, "vite.config", _SUFFIXES, _vite(routing=False))
        _wrap(root, "react-router.config", _SUFFIXES, _plain(recipe.framework), new="js")
    elif recipe.framework == "Astro":
        _wrap(root, "astro.config", _ASTRO, _plain(recipe.framework))
    elif recipe.framework == TOOLS["react-scripts"].name:
        prepare_sources(root)
    elif recipe.framework == "SvelteKit" and recipe.prefixed:
        _wrap(root, "svelte.config", _SVELTE, _plain(recipe.framework))
    elif recipe.framework == "SvelteKit" and PREVIEW in recipe.start:
        _write(root / PREVIEW, (_HERE / "draft_preview.mjs").read_text())


def _front_ends(root: Path) -> list[Path]:
    """Where Vite builds the pages that a server of the author's own serves: at the top, or one folder below.

    The proxy takes the base path off for such a server, so that only its pages need to know it.
    """
    places = [root, *sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())]
    return [
        place
        for place in places
        if place.name != "node_modules" and any(_plain_file(place / f"vite.config.{suffix}") for suffix in _SUFFIXES)
    ]


def _vite(*, routing: bool) -> str:
    return f"const ROUTING = {json.dumps(routing)};\n{(_HERE / 'vite_wrapper.js').read_text()}"


def _plain(tool: str) -> str:
    return f"const TOOL = {json.dumps(tool)};\n{(_HERE / 'plain_wrapper.js').read_text()}"


def _vite_config(root: Path) -> str:
    """The stem that Vite looks for, or the one file that the script names."""
    try:
        found = package.parse(files.read_regular(root / package.NAME, limit=READ_LIMIT))
    except (OSError, package.BadPackage):
        return "vite.config"
    named = config_in_script(found)
    return named if named and _plain_file(root / named) else "vite.config"


def _wrap(root: Path, stem: str, suffixes: Iterable[str], body: str, *, new: str = "mjs") -> None:
    """Put a wrapper in front of `stem.<suffix>`, or of the file `stem` itself."""
    if re.search(r"\.[cm]?[jt]s\Z", stem) and _plain_file(root / stem):
        found, wrapper = stem, stem
    else:
        found = next((f"{stem}.{suffix}" for suffix in suffixes if _plain_file(root / f"{stem}.{suffix}")), "")
        suffix = found.rpartition(".")[2]
        # A file in TypeScript stays where the compiler's own list of files has it: the script comes before it.
        wrapper = f"{stem}.{_AS_SCRIPT.get(suffix, suffix)}" if found else f"{stem}.{new}"
    known = _wrapped(root / found) if found else None
    original = known if known is not None else found
    if known is None and wrapper == found:
        original = re.sub(r"(\.[cm]?[jt]s)\Z", r".draft-original\1", found)
        (root / found).rename(root / original)
    imported = f"import * as original from './{original}';" if original else "const original = {};"
    _write(root / wrapper, f"// @ts-nocheck\n{MARK}{original}\n/* eslint-disable */\n{imported}\n{body}")


def _wrapped(path: Path) -> str | None:
    """The file that a wrapper of ours wraps, "" for none; None: it is no wrapper."""
    with contextlib.suppress(OSError):
        text = files.read_regular(path, limit=READ_LIMIT).decode(errors="replace")
        found = re.match(rf"[^\n]*\n{re.escape(MARK)}([\w.-]*)\n", text)
        return found[1] if found else None
    return None


def _plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _write(path: Path, text: str) -> None:
    files.write_atomic(path, text.encode(), sync=False)

"""Wraps the author's Next.js configuration in a build's snapshot: the place for what depends on the address.

The wrapper imports the original, whatever its shape, and sets what serving needs on top. What no
version of Next.js can load by its name or language is made loadable on the way.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from drafterd import files
from drafterd.domain.model import Kind, Recipe
from drafterd.fix import config_syntax as syntax
from drafterd.fix import package
from drafterd.fix.folder import READ_LIMIT
from drafterd.fix.next_config import MARK, NAMES, ORIGINAL, READ, language, original_of

_TYPESCRIPT = (".ts", ".mts")
_OLDEST_TYPESCRIPT = 15
"""The first major version of Next.js that reads a configuration in TypeScript."""

_BODY = Path(__file__).with_name("next_wrapper.js")
_LOADER = Path(__file__).with_name("next_original.mjs")
_MODULE_IMPORTS = "import { createRequire } from 'node:module';\nimport { join } from 'node:path';\n"
_SCRIPT_IMPORTS = "const { createRequire } = require('node:module');\nconst { join } = require('node:path');\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    """What of package.json counts here: whether `.js` is a module, and the major version of Next.js, 0 if unknown."""

    module: bool = False
    next: int = 0


def prepare_snapshot(root: Path, *, recipe: Recipe, base_path: str) -> None:
    """Make a build's snapshot fit to be built for `base_path`; "" is a host of its own.

    Only for Next.js; a second call replaces the wrapper of the first.
    """
    if recipe.kind not in (Kind.NEXT, Kind.NEXT_EXPORT):
        return
    known = _package(root)
    original = _original(root, known)
    serving = {
        "standalone": recipe.kind is Kind.NEXT and not recipe.start,
        "basePath": None if recipe.own_base_path else base_path,
    }
    name = _wrapper_name(root, original, known)
    script = name.endswith(".js") and not known.module
    text = "\n".join(
        (
            f"// @ts-nocheck\n{MARK}{original}",
            _SCRIPT_IMPORTS if script else _MODULE_IMPORTS,
            _imported(original, name, script=script),
            f"const serving = {json.dumps(serving)};",
            _BODY.read_text(),
            "module.exports = draftConfig;" if script else "export default draftConfig;",
            "",
        )
    )
    files.write_atomic(root / name, text.encode(), sync=False)


def _package(root: Path) -> _Package:
    try:
        found = package.parse(files.read_regular(root / package.NAME, limit=READ_LIMIT))
    except (OSError, package.BadPackage):
        return _Package()
    major = re.search(r"\d+", found.dependencies.get("next", ""))
    return _Package(module=found.module, next=int(major[0][:4]) if major else 0)


def _original(root: Path, known: _Package) -> str:
    """The name of the author's file after its renaming; "": there is none."""
    for name in NAMES:
        if _plain(root / name) and (wrapped := original_of(_text(root / name))) is not None:
            return wrapped if wrapped and _plain(root / wrapped) else ""
    found = next((name for name in READ if _plain(root / name)), "")
    if found:
        renamed = ORIGINAL + _suffix(root, found, known)
        (root / found).rename(root / renamed)
        return renamed
    # Left by a kill between the two writes, or by somebody who copied the folder of a build.
    return next(
        (f"{ORIGINAL}{Path(name).suffix}" for name in READ if _plain(root / f"{ORIGINAL}{Path(name).suffix}")), ""
    )


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return files.read_regular(path, limit=READ_LIMIT).decode(errors="replace")
    return ""


def _suffix(root: Path, name: str, known: _Package) -> str:
    """The original's ending; CommonJS under a name for modules gets the one that Node.js can load."""
    suffix = Path(name).suffix
    module = suffix == ".mjs" or (suffix == ".js" and known.module)
    if module and syntax.is_common_js(syntax.parse(_text(root / name), language(name))):
        return ".cjs"
    return suffix


def _wrapper_name(root: Path, original: str, known: _Package) -> str:
    if original.endswith(".ts") and not 0 < known.next < _OLDEST_TYPESCRIPT:
        return "next.config.ts"
    other = root / "next.config.mjs"
    # A second configuration is not read, but the first may import it.
    taken = _plain(other) and original_of(_text(other)) is None
    return "next.config.js" if taken else "next.config.mjs"


def _imported(original: str, wrapper: str, *, script: bool) -> str:
    if not original:
        return "const original = {};"
    if script:
        return f"const original = () => import('./{original}');"
    if wrapper.endswith(".ts"):
        # Without its ending: the compiler of Next.js finds it.
        return f"import * as original from './{original.removesuffix('.ts')}';"
    if original.endswith(_TYPESCRIPT):
        return f"{_LOADER.read_text()}\nconst original = await typeScript('./{original}');"
    return f"import * as original from './{original}';"

"""Wraps the author's Next.js configuration in a build's snapshot: the place for what depends on the address.

The wrapper imports the original, whatever its shape, and sets what serving needs on top.
"""

import contextlib
import json
import re
from pathlib import Path

from drafterd import files
from drafterd.domain.model import Kind, Recipe
from drafterd.fix import package
from drafterd.fix.folder import READ_LIMIT
from drafterd.fix.next_config import NAMES

ORIGINAL = "next.config.draft-original"
_SUFFIXES = (".js", ".mjs", ".ts", ".cjs")
_COMMON_JS = re.compile(r"\bmodule\.exports\b|\bexports\.\w+\s*=")
_MODULE = re.compile(r"^[ \t]*+(?:import\s|import[{*\"']|export\s|export[{*])", re.MULTILINE)

_WRAPPER = """\
// @ts-nocheck
// Made for this build: the author's configuration, with what serving the draft needs on top.
%(imports)s

const serving = %(serving)s;
const repairs = (process.env.DRAFT_REPAIRS ?? '').split(',');

function versionOfNext() {
  try {
    return parseInt(createRequire(join(process.cwd(), 'package.json'))('next/package.json').version, 10) || 99;
  } catch {
    return 99;
  }
}

async function unwrapped(found, args) {
  let config = found;
  for (let depth = 0; depth < 10; depth += 1) {
    config = await config;
    if (typeof config === 'function') config = config(...args);
    else if (config && config.default !== undefined && (config.__esModule || config[Symbol.toStringTag] === 'Module'))
      config = config.default;
    else if (config && config[Symbol.toStringTag] === 'Module') config = config['module.exports'] ?? {};
    else break;
  }
  return config ?? {};
}

export default async function draftConfig(...args) {
  const config = { ...(await unwrapped(original, args)) };
  if (serving.standalone && config.output !== 'export') config.output = 'standalone';
  if (repairs.includes('ignore-types')) config.typescript = { ...config.typescript, ignoreBuildErrors: true };
  if (versionOfNext() < 16) config.eslint = { ...config.eslint, ignoreDuringBuilds: true };
  if (repairs.includes('no-suspense-bailout') && versionOfNext() === 14)
    config.experimental = { ...config.experimental, missingSuspenseWithCSRBailout: false };
  if (serving.basePath !== null) {
    if (config.basePath && config.assetPrefix === config.basePath) delete config.assetPrefix;
    config.basePath = serving.basePath;
  }
  if (versionOfNext() >= 15) {
    if (!config.outputFileTracingRoot && !config.turbopack?.root) config.outputFileTracingRoot = process.cwd();
  } else if (!config.experimental?.outputFileTracingRoot) {
    config.experimental = { ...config.experimental, outputFileTracingRoot: process.cwd() };
  }
  return config;
}
"""


def prepare_snapshot(root: Path, *, recipe: Recipe, base_path: str) -> None:
    """Make a build's snapshot fit to be built for `base_path`; "" is a host of its own.

    Only for Next.js; a second call replaces the wrapper of the first.
    """
    if recipe.kind not in (Kind.NEXT, Kind.NEXT_EXPORT):
        return
    original = _original(root)
    wrapper = "next.config.ts" if original.endswith(".ts") else "next.config.mjs"
    serving = {
        "standalone": recipe.kind is Kind.NEXT and not recipe.start,
        "basePath": None if recipe.own_base_path else base_path,
    }
    text = _WRAPPER % {"imports": _imports(original), "serving": json.dumps(serving)}
    files.write_atomic(root / wrapper, text.encode(), sync=False)


def _original(root: Path) -> str:
    """The name of the author's file after its renaming; "": there is none."""
    for suffix in _SUFFIXES:
        if _plain(root / f"{ORIGINAL}{suffix}"):
            return f"{ORIGINAL}{suffix}"
    found = next((name for name in (*NAMES, "next.config.cjs") if _plain(root / name)), "")
    if not found:
        return ""
    renamed = ORIGINAL + _suffix(root, found)
    (root / found).rename(root / renamed)
    return renamed


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _suffix(root: Path, name: str) -> str:
    """The original's ending; CommonJS in a package of modules gets the one that Node can load."""
    suffix = name.removeprefix("next.config")
    if suffix != ".js":
        return suffix
    text = files.read_regular(root / name, limit=READ_LIMIT).decode(errors="replace")
    modules = False
    with contextlib.suppress(OSError, package.BadPackage):
        modules = package.parse(files.read_regular(root / package.NAME, limit=READ_LIMIT)).module
    return ".cjs" if modules and _COMMON_JS.search(text) and not _MODULE.search(text) else suffix


def _imports(original: str) -> str:
    lines = ["import { createRequire } from 'node:module';", "import { join } from 'node:path';"]
    if original:
        # A TypeScript file is imported without its ending: the compiler of Next.js finds it.
        lines.append(f"import * as original from './{original.removesuffix('.ts')}';")
    else:
        lines.append("const original = {};")
    return "\n".join(lines)

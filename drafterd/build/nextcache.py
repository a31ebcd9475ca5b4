"""`.next/cache` of a draft between its builds: kept after a good one, given to the next.

With Turbopack it halves a build. It belongs to one version of Next.js.
"""

import json
import shutil
from pathlib import Path

from drafterd import files
from drafterd.build import eviction, release
from drafterd.build.foreign import inside

_VERSION = "version"
_CACHE = "cache"
_MANIFEST_MAX = 1_000_000


def restore(kept: Path, source: Path, packages: Path) -> bool:
    """Copy the kept cache into a source that has these packages; whether there was one that fits."""
    try:
        version = (kept / _VERSION).read_text()
    except OSError:
        return False
    output = source / ".next"
    if version != _next_version(packages) or output.exists() or output.is_symlink():
        return False
    try:
        output.mkdir()
        shutil.copytree(kept / _CACHE, output / _CACHE, symlinks=True)
    except OSError:
        files.remove_tree(output)  # half a cache is worse than none
        return False
    return True


def keep(kept: Path, source: Path, packages: Path, *, size_max: int) -> None:
    """Take the cache out of a source that was built with these packages, unless it is larger than `size_max` bytes."""
    cache = inside(source, ".next", _CACHE)
    version = _next_version(packages)
    if cache is None or not any(cache.iterdir()) or not version or release.size(cache) > size_max:
        return
    fresh = kept.with_name(f"{kept.name}.new")
    files.remove_tree(fresh)
    fresh.mkdir(parents=True)
    cache.rename(fresh / _CACHE)
    (fresh / _VERSION).write_text(version)
    eviction.write_size(fresh)
    files.remove_tree(kept)
    fresh.rename(kept)


def _next_version(packages: Path) -> str:
    """The installed version of Next.js, or an empty string."""
    place = inside(packages, "next")
    if place is None:
        return ""
    try:
        return str(json.loads(files.read_regular(place / "package.json", limit=_MANIFEST_MAX))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""

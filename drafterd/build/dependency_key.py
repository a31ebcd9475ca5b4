"""The key of a draft's dependencies: equal for drafts whose install would lay down the same packages.

Names, versions and scripts of the draft itself are left out: of two drafts with the same dependencies
one is installed, the other takes its tree.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from drafterd import files

PACKAGE = "package.json"
_FORMAT = 1
"""Counts up when what lies in the store changes its form."""

_FIELDS = (
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "overrides",
    "resolutions",
    "pnpm",
    "trustedDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "dependenciesMeta",
    "allowScripts",
    "engines",
    "type",
)
_SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml", "bunfig.toml")
"""Files that change what an install lays down."""
_SCHEMAS = ("prisma/schema.prisma", "schema.prisma", "prisma.config.ts")
"""The install script of Prisma's client makes code of them in node_modules."""
_OWN_SCRIPTS = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
_ELSEWHERE = re.compile(
    r"(?:file|link|portal|workspace|patch|git|git\+\w+|github|gitlab|bitbucket|https?):|\.{0,2}/|~/"
)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:#.*)?\Z")
_AUTH = re.compile(rb"^.*(?:_auth|_password|authToken|username|email|npmAuth).*$", re.IGNORECASE | re.MULTILINE)
_PATCHES = "patches"
_READ_MAX = 50_000_000


def dependency_key(
    source: Path, *, manager: str, words: Iterable[str], locks: Iterable[str], surroundings: Mapping[str, str]
) -> str | None:
    """The key of what an install would make of a source; None where a tree cannot be shared.

    Not shared is what depends on more than names and versions: workspaces, packages of the draft's own folder or
    of a repository, install scripts of the draft's own, patches.

    Args:
        manager: The package manager with its version.
        words: The words of the install.
        locks: The lock files that it reads.
        surroundings: Whatever else makes installs differ: Node, the platform, the registry, settings of a repair.
    """
    package = _package(source)
    if package is None or not _shareable(package) or (source / _PATCHES).exists():
        return None
    hasher = blake3()
    facts = {
        "format": _FORMAT,
        "manager": manager,
        "words": list(words),
        "surroundings": dict(sorted(surroundings.items())),
        "package": {name: package[name] for name in _FIELDS if name in package},
    }
    hasher.update(json.dumps(facts, sort_keys=True).encode())
    for name in (*sorted(locks), *_SETTINGS, *_SCHEMAS):
        data = _bytes(source / name)
        if data is not None:
            plain = _AUTH.sub(b"", data) if name in _SETTINGS else data
            hasher.update(f"\0{name} {len(plain)}\n".encode() + plain)
    return hasher.hexdigest(length=16)


def _package(source: Path) -> dict[str, Any] | None:
    data = _bytes(source / PACKAGE)
    try:
        found = json.loads((data or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shareable(package: Mapping[str, Any]) -> bool:
    scripts = package.get("scripts")
    if package.get("workspaces") or (isinstance(scripts, dict) and any(scripts.get(name) for name in _OWN_SCRIPTS)):
        return False
    pnpm = package.get("pnpm")
    if isinstance(pnpm, dict) and pnpm.get("patchedDependencies"):
        return False
    return not any(_elsewhere(wanted) for wanted in _ranges(package))


def _ranges(package: Mapping[str, Any]) -> Iterable[object]:
    for name in _FIELDS[:4]:
        listed = package.get(name)
        if isinstance(listed, dict):
            yield from listed.values()


def _elsewhere(wanted: object) -> bool:
    """Whether a package comes from anywhere but the registry."""
    if not isinstance(wanted, str):
        return True
    plain = wanted.strip()
    return bool(_ELSEWHERE.match(plain) or _REPOSITORY.match(plain))


def _bytes(path: Path) -> bytes | None:
    try:
        return files.read_regular(path, limit=_READ_MAX)
    except OSError:
        return None

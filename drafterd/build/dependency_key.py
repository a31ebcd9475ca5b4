"""What may be installed once for many drafts, and the key of it: equal for drafts that would get the same packages.

The key is made of the very files that a shared install is given, and it is given no others: what a draft has
beside them can change nothing of what the next one takes. Names, versions and scripts of the draft itself are
left out: of two drafts with the same dependencies one is installed, the other takes its tree.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from drafterd import files
from drafterd.build.locks import OWN_WORKSPACE, WORKSPACE
from drafterd.build.managers import Manager

PACKAGE = "package.json"
_FORMAT = 2
"""Counts up when what lies in the store changes its form, or how it is installed."""

_RANGES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_OVERRIDES = ("overrides", "resolutions", "pnpm")
_FIELDS = (
    *_RANGES,
    *_OVERRIDES,
    "peerDependenciesMeta",
    "trustedDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "dependenciesMeta",
    "allowScripts",
    "engines",
    "devEngines",
    "type",
)
_SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", WORKSPACE, "bunfig.toml")
"""Files that change what an install lays down. Whole: who may not read a package must not get it from the store."""
_SCHEMAS = ("prisma/schema.prisma", "schema.prisma")
"""The install script of Prisma's client makes code of them in node_modules."""

_OWN_SCRIPTS = (
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "dependencies",
    "pnpm:devPreinstall",
)
_OWN_FILES = (
    "patches",
    "binding.gyp",
    ".pnpmfile.cjs",
    ".pnpmfile.mjs",
    "prisma/schema",
    *(f"{stem}.{ending}" for stem in ("prisma.config", ".config/prisma") for ending in ("ts", "mts", "js", "mjs")),
)
"""Files and folders of the draft that an install runs, compiles or reads together with others."""
_FILES_NAMED = re.compile(
    rb"pnpmfile|script-?shell|node-?options|cafile|certfile|keyfile|offline-?mirror|plugins?\b|patch|"
    rb"[\s\"'=@](?:file|link|portal):",
    re.IGNORECASE,
)
"""Settings that name further files of the draft, or programs."""
_LOCAL = re.compile(rb"[\s\"'@](?:file|link|portal):[\w./~]|\"link\": *true")
"""What a lock file says of a package that lies in the draft's own folder."""
_ELSEWHERE = re.compile(
    r"(?:file|link|portal|workspace|patch|git|git\+\w+|github|gitlab|bitbucket|https?):|\.{0,2}/|~/"
)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:#.*)?\Z")
_READ_MAX = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shareable:
    """An install whose tree others may take.

    Attributes:
        key: Equal for equal installs.
        files: All that the install is given of the draft, by path.
    """

    key: str
    files: Mapping[str, bytes]


def shareable(
    source: Path, *, manager: Manager, words: Iterable[str], surroundings: Mapping[str, str]
) -> Shareable | None:
    """What an install of a source reads, and its key; None where its tree cannot be shared.

    Not shared is what depends on more than names and versions: workspaces, packages of the draft's own folder or
    of a repository, install scripts of the draft's own, patches, settings that name other files.

    Args:
        words: The words of the install.
        surroundings: Whatever else makes installs differ: Node, the platform, the registry, settings of a repair.
    """
    package = _package(source)
    if package is None or not _plain(package) or any((source / name).exists() for name in _OWN_FILES):
        return None
    # Some locks tell the draft's name, and are refused with another one.
    fields = ("name", *_FIELDS) if manager.named else _FIELDS
    given = {PACKAGE: json.dumps({name: package[name] for name in fields if name in package}, sort_keys=True).encode()}
    for name in (*sorted(manager.locks), *_SETTINGS, *_SCHEMAS):
        data = _bytes(source / name)
        if data is not None:
            given[name] = data
        elif os.path.lexists(source / name):
            return None  # a link, which managers follow and we do not
    if any(_LOCAL.search(given.get(name, b"")) for name in manager.locks) or not _plain_settings(given):
        return None
    facts = {
        "format": _FORMAT,
        "manager": manager.word,
        "words": list(words),
        "surroundings": dict(sorted(surroundings.items())),
    }
    hasher = blake3(json.dumps(facts, sort_keys=True).encode())
    for name, data in given.items():
        hasher.update(f"\0{name} {len(data)}\n".encode() + data)
    return Shareable(key=hasher.hexdigest(length=16), files=given)


def _package(source: Path) -> dict[str, Any] | None:
    data = _bytes(source / PACKAGE)
    try:
        found = json.loads((data or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _plain(package: Mapping[str, Any]) -> bool:
    scripts, prisma, pnpm = (package.get(name) for name in ("scripts", "prisma", "pnpm"))
    if package.get("workspaces") or (isinstance(scripts, dict) and any(scripts.get(name) for name in _OWN_SCRIPTS)):
        return False
    if isinstance(prisma, dict) and "schema" in prisma:
        return False
    if isinstance(pnpm, dict) and pnpm.get("patchedDependencies"):
        return False
    overrides = (text for name in _OVERRIDES for text in _texts(package.get(name)))
    return not any(map(_elsewhere, (*_ranges(package), *overrides)))


def _plain_settings(given: Mapping[str, bytes]) -> bool:
    workspace = given.get(WORKSPACE, b"")
    if b"packages:" in workspace and workspace != OWN_WORKSPACE:
        return False
    return not any(_FILES_NAMED.search(given.get(name, b"")) for name in _SETTINGS)


def _ranges(package: Mapping[str, Any]) -> Iterator[object]:
    for name in _RANGES:
        listed = package.get(name)
        if isinstance(listed, dict):
            yield from listed.values()


def _texts(value: object) -> Iterator[str]:
    """All texts in a value, at any depth."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


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

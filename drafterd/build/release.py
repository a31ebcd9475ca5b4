"""Releases on disk: folders that exist whole or not at all, and the link to the current one.

`release.json` holds no absolute path, so that a state folder can be moved.
"""

import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from drafterd import files
from drafterd.domain.errors import BadName
from drafterd.domain.model import Release
from drafterd.domain.names import DraftId, ReleaseId, parse_draft_id, parse_release_id, release_number
from drafterd.layout import Layout

MANIFEST = "release.json"
APP = "app"
FILES = "files"
"""A link to `app` in releases without a server, and in no other: through it a proxy serves them, so that it can
never show a server's code, however late it learns that a draft has one by now."""
TOOLS = frozenset({"node", "npm", "npx"})
"""First words of a command that mean the toolchain's program."""

_VERSION = 1
_SIZE_MAX = 1_000_000
_REMOVED = "removed-"
_TRIES = 3
_TRY_EVERY = 0.1

_log = structlog.get_logger(__name__)


def write_manifest(folder: Path, release: Release) -> None:
    """Write `release.json` into a folder that is not published yet, and mark one of files alone."""
    if release.static:
        files.replace_link(folder / FILES, APP)
    facts = {
        "version": _VERSION,
        "id": release.id,
        "draft": release.draft,
        "key": release.key,
        "argv": list(release.argv),
        "cwd": release.cwd,
        "environment": dict(release.environment),
        "base_path": release.base_path,
        "strip": release.strip,
        "fallback": release.fallback,
        "created": release.created,
        "size": release.size,
    }
    files.write_atomic(folder / MANIFEST, json.dumps(facts, indent=2, sort_keys=True).encode() + b"\n")


def publish(layout: Layout, draft: DraftId, release: ReleaseId, packed: Path) -> None:
    """Move a packed folder among the releases in one step. It must lie in the same file system."""
    place = layout.release(draft, release)
    place.parent.mkdir(parents=True, exist_ok=True)
    files.sync_folder(packed)
    packed.rename(place)
    files.sync_folder(place.parent)


def read(layout: Layout, draft: DraftId, release: ReleaseId) -> Release | None:
    """A release as it lies on disk, or None if there is none that can be read."""
    folder = layout.release(draft, release)
    try:
        facts = json.loads(files.read_regular(folder / MANIFEST, limit=_SIZE_MAX))
        return _parse(layout, draft, release, folder / APP, facts)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("release.unreadable", draft=draft, release=release, reason=str(error))
        return None


def _parse(layout: Layout, draft: DraftId, release: ReleaseId, app: Path, facts: Mapping[str, Any]) -> Release:
    if facts["version"] != _VERSION:
        raise ValueError(f"version {facts['version']!a} of {MANIFEST} is not known")
    return Release(
        id=release,
        draft=draft,
        key=str(facts["key"]),
        path=str(app),
        argv=_absolute(layout, app, [str(word) for word in facts["argv"]]),
        cwd=str(facts["cwd"]),
        environment={str(name): str(value) for name, value in facts["environment"].items()},
        base_path=str(facts["base_path"]),
        strip=str(facts["strip"]),
        fallback=str(facts["fallback"]),
        created=float(facts["created"]),
        size=int(facts["size"]),
    )


def _absolute(layout: Layout, app: Path, argv: list[str]) -> tuple[str, ...]:
    """A stored command as it can be run: node and npm are the toolchain's, others the release's own."""
    if not argv:
        return ()
    program = layout.toolchain / argv[0] if argv[0] in TOOLS else app / argv[0]
    return (str(program), *argv[1:])


def listed(layout: Layout, draft: DraftId) -> tuple[Release, ...]:
    """Every release of a draft, oldest first."""
    names = []
    for name in _names(layout.releases(draft)):
        try:
            names.append(parse_release_id(name))
        except BadName:
            continue
    found = (read(layout, draft, name) for name in sorted(names, key=release_number))
    return tuple(release for release in found if release)


def current(layout: Layout, draft: DraftId) -> ReleaseId | None:
    """Where the link points, if a release is there."""
    try:
        name = parse_release_id(layout.current(draft).readlink().name)
    except (OSError, BadName):
        return None
    return name if (layout.release(draft, name) / MANIFEST).is_file() else None


def promote(layout: Layout, draft: DraftId, release: ReleaseId) -> None:
    """Point the link at a release."""
    files.replace_link(layout.current(draft), f"{layout.releases(draft).name}/{release}")


def prune(layout: Layout, draft: DraftId, release: ReleaseId) -> None:
    """Delete a release; it is moved away first, so that no half of it is ever seen."""
    place = layout.release(draft, release)
    grave = layout.builds(draft) / f"{_REMOVED}{release}-{os.urandom(4).hex()}"
    grave.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.rename(grave)
    except FileNotFoundError:
        return
    files.remove_tree(grave)


def discard(layout: Layout, draft: DraftId) -> None:
    """Delete all that builds left of a draft. What others keep in its folder stays."""
    layout.current(draft).unlink(missing_ok=True)
    for folder in (layout.releases(draft), layout.builds(draft), layout.next_cache(draft)):
        files.remove_tree(folder)
    for file in (layout.assets(draft), layout.action_key(draft)):
        file.unlink(missing_ok=True)
    logs = layout.build_log(draft, 0).parent
    for name in _names(logs):
        if name.startswith("build-"):
            (logs / name).unlink(missing_ok=True)


def last_number(layout: Layout, draft: DraftId) -> int:
    """The highest number that a release, a log or a scratch folder of the draft bears; 0 for none."""
    names = [*_names(layout.releases(draft)), *_names(layout.builds(draft))]
    names += [name.removeprefix("build-").removesuffix(".log") for name in _names(layout.build_log(draft, 0).parent)]
    numbers = (name.removeprefix("r") for name in names)
    return max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=0)


def sweep(layout: Layout) -> int:
    """Delete the scratch folders and temporary files that a killed daemon left; returns how many."""
    swept = 0
    for name in _names(layout.state / "drafts"):
        try:
            draft = parse_draft_id(name)
        except BadName:
            continue  # none of ours
        for scratch in _names(layout.builds(draft)):
            remove(layout.builds(draft) / scratch)
            swept += 1
        swept += sum(1 for _ in files.swept(layout.draft(draft)))
    return swept


def remove(folder: Path) -> None:
    """Delete a scratch folder; what dying processes still write into it may need another try."""
    for _ in range(_TRIES):
        try:
            files.remove_tree(folder)
        except OSError as error:
            reason = str(error)
            time.sleep(_TRY_EVERY)  # always called in a thread
        else:
            return
    _log.warning("scratch.left", path=str(folder), reason=reason)


def size(folder: Path) -> int:
    """Bytes of all plain files below a folder."""
    total = 0
    for place, _, names in os.walk(folder, followlinks=False):
        for name in names:
            status = Path(place, name).lstat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def _names(folder: Path) -> list[str]:
    """The names in a folder; none when it is not there."""
    try:
        return [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []

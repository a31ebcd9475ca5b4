"""Keeps what can be made again within a budget of disk: what is cheapest to make again goes first.

The order: what package managers have downloaded, dependencies used longest ago, `.next/cache` of the drafts
built longest ago. Nothing that a build is using goes, and no release.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from drafterd import files
from drafterd.build import release
from drafterd.build.dependency_store import DependencyStore
from drafterd.domain.errors import BadName
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.layout import Layout

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Cache:
    """A folder that can be made again; `used`: when it was last written."""

    path: Path
    size: int
    used: float


def evict(layout: Layout, store: DependencyStore, *, budget: int, building: Collection[DraftId]) -> int:
    """Delete until all of it fits; returns the bytes that were freed. Blocks: call it in a thread.

    Args:
        budget: Bytes that all of it may take.
        building: The drafts that are being built now.
    """
    downloads = [] if building else _caches(layout.caches.glob("*"))
    kept = 0 if downloads else _size(layout.caches)
    nexts = _caches(layout.state.glob("drafts/*/next-cache"))
    dependencies = store.size()
    over = kept + dependencies + sum(cache.size for cache in [*downloads, *nexts]) - budget
    before = over
    over -= _drop(downloads, over)
    if over > 0:
        store.sweep(max(0, dependencies - over))
        over -= dependencies - store.size()
    over -= _drop([cache for cache in nexts if _draft(cache.path.parent.name) not in building], over)
    return before - over


def _drop(caches: list[_Cache], over: int) -> int:
    """Delete the oldest until so many bytes are freed; how many were."""
    freed = 0
    for cache in sorted(caches, key=lambda cache: cache.used):
        if freed >= over:
            break
        # Out of the way in one go: a build that begins meanwhile makes a new one.
        aside = cache.path.with_name(f"{files.TEMPORARY}evicted-{cache.path.name}")
        files.remove_tree(aside)
        cache.path.rename(aside)
        files.remove_tree(aside)
        freed += cache.size
        _log.info("cache.evicted", path=str(cache.path), bytes=cache.size)
    return freed


def _caches(paths: Iterable[Path]) -> list[_Cache]:
    return [
        _Cache(path, release.size(path), path.stat().st_mtime)
        for path in paths
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(files.TEMPORARY)
    ]


def _size(folder: Path) -> int:
    return release.size(folder) if folder.is_dir() else 0


def _draft(name: str) -> DraftId | None:
    try:
        return parse_draft_id(name)
    except BadName:
        return None

"""Keeps what can be made again within a budget of disk: what is cheapest to make again goes first.

The order: what npm has downloaded, the longest kept first (an install that misses it fetches it again); package
managers and dependencies used longest ago; `.next/cache` of the drafts built longest ago. Nothing else that a
build or a release is using goes.
"""

import contextlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from drafterd import files
from drafterd.build import release
from drafterd.build.dependency_store import DependencyStore
from drafterd.build.foreign import NODE_MODULES
from drafterd.build.managers import PROGRAMS
from drafterd.domain.errors import BadName
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.layout import Layout

SIZE = "size"
"""A file in a folder of ours that tells how many bytes lie beside it: to count them at every build would take seconds."""

_ROOM = 2 << 30
"""Bytes that make a disk fit for a build."""
_LOW = 256 << 20
"""With fewer bytes free, not only builds are about to fail."""
_DIGITS = 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file or folder that can be made again; `used`: when it was last written or needed."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The disk that may be taken by what can be made again. Its methods block: call them in a thread.

    Attributes:
        most: Bytes.
        building: Whether a draft is being built now.
        idle: A package manager that no build has asked for in so many seconds is used by none.
    """

    layout: Layout
    store: DependencyStore
    most: int
    building: Callable[[DraftId], bool]
    idle: float
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self) -> int:
        """Delete until all of it fits, and more where the disk is nearly full; returns the bytes that were freed."""
        return self._evict(_ROOM if nearly_full(self.layout) else 0)

    def make_room(self) -> int:
        """Delete, within the budget too, until a build has room on the disk; returns the bytes that were freed."""
        return self._evict(_ROOM)

    def _evict(self, room: int) -> int:
        try:
            with self._lock:
                return self._evicted(room)
        except OSError as error:  # something was deleted while we looked: the next time will do
            _log.warning("cache.kept", reason=str(error))
            return 0

    def _evicted(self, room: int) -> int:
        for folder in (self.layout.managers, *_folders(self.layout.all_drafts.glob("*"))):
            for _ in files.swept(folder):  # what a kill left half deleted
                pass
        self.store.sweep()
        downloads = list(_files(self.layout.downloads))
        managers, nexts = list(self._managers()), list(self._nexts())
        dependencies = self.store.size()
        taken = dependencies + sum(kept.size for kept in (*downloads, *managers, *nexts))
        over = before = max(taken - self.most, room - _free(self.layout.state))
        if over <= 0:
            return 0
        over -= _drop(downloads, over)
        over -= _drop(managers, over, spared=self._is_needed)
        if over > 0:
            self.store.sweep(max(0, dependencies - over))
            over -= dependencies - self.store.size()
        over -= _drop(nexts, over, spared=lambda kept: self._is_building(kept.path.parent.name))
        return before - over

    def _managers(self) -> Iterator[_Kept]:
        for folder in _folders(self.layout.managers.glob("*")):
            yield _Kept(folder, _told(folder), folder.stat().st_mtime)

    def _nexts(self) -> Iterator[_Kept]:
        for folder in _folders(self.layout.all_drafts.glob("*/next-cache")):
            yield _Kept(folder, _told(folder), folder.stat().st_mtime)

    def _is_needed(self, manager: _Kept) -> bool:
        """Whether a build uses it, or a server's start script."""
        if time.time() - manager.path.stat().st_mtime < self.idle:
            return True
        links = (
            app / NODE_MODULES / ".bin" / program
            for app in self.layout.all_drafts.glob(f"*/releases/*/{release.APP}")
            for program in PROGRAMS
        )
        return any(_leads_to(link, manager.path.name) for link in links)

    def _is_building(self, name: str) -> bool:
        try:
            return self.building(parse_draft_id(name))
        except BadName:
            return False


def nearly_full(layout: Layout) -> bool:
    """Whether what can be made again should go, whatever the budget says."""
    return _free(layout.state) < _LOW


def write_size(folder: Path) -> None:
    """Note how much a new folder of ours holds."""
    files.write_atomic(folder / SIZE, str(release.size(folder)).encode(), sync=False)


def _told(folder: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(files.read_regular(folder / SIZE, limit=_DIGITS))
    return release.size(folder)


def _drop(kept: Iterable[_Kept], over: int, *, spared: Callable[[_Kept], bool] = lambda _kept: False) -> int:
    """Delete what was used longest ago until so many bytes are freed; how many were."""
    freed = count = 0
    for item in sorted(kept, key=lambda item: item.used):
        if freed >= over:
            break
        with contextlib.suppress(OSError):  # gone by itself, or it cannot be helped
            if spared(item):
                continue
            _delete(item.path)
            freed += item.size
            count += 1
    if count:
        _log.info("cache.evicted", path=str(item.path.parent), count=count, bytes=freed)
    return freed


def _delete(path: Path) -> None:
    if path.is_dir():
        # Out of the way in one go: a build that begins meanwhile makes a new one.
        aside = path.with_name(f"{files.TEMPORARY}evicted-{path.name}")
        files.remove_tree(aside)
        path.rename(aside)
        files.remove_tree(aside)
        return
    path.unlink()
    with contextlib.suppress(OSError):  # others lie beside it
        for folder in path.parents[:2]:
            folder.rmdir()


def _files(folder: Path) -> Iterator[_Kept]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with contextlib.suppress(OSError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    yield _Kept(path, status.st_size, status.st_mtime)


def _folders(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_dir() and not path.is_symlink() and not path.name.startswith("."))


def _leads_to(link: Path, manager: str) -> bool:
    """Whether a link beside a release's programs leads to a package manager of ours."""
    try:
        return manager in link.readlink().parts
    except OSError:
        return False


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return _ROOM  # there is nothing to be deleted yet

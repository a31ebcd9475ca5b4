"""Installed dependencies, kept for the drafts that ask for the same ones.

An entry is a folder that exists whole or not at all. Where the sandbox can lay it under the draft's own
folder it is lent; else a draft gets its files by hard links where builds run with our own rights anyway, as
copies where they are fenced in; what tools write in place is always copied. An entry that is not what was
stored is dropped once nobody uses it, and the draft is installed as if there had been none.
"""

import asyncio
import contextlib
import errno
import json
import os
import shutil
import stat
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from blake3 import blake3

from drafterd import files, tree
from drafterd.build.foreign import NODE_MODULES, copy_plain
from drafterd.domain.errors import DrafterdError

_ENTRY = "entry.json"
_LOCKS = "locks"
_NEW = "new-"
_GONE = f"{files.TEMPORARY}gone-"
_FORMAT = 2
_ENTRY_MAX = 1_000_000
_LIMITS = tree.TreeLimits(files=400_000, depth=60, size=8_000_000_000)
_SAMPLES = 64
"""Files of an entry whose contents are compared at every use; of all others size, time and mode."""
_WRITTEN = frozenset({".package-lock.json", ".yarn-integrity", ".yarn-state.yml", ".modules.yaml"})
_WRITTEN_BELOW = (".cache/", ".prisma/", "@prisma/client/", ".vite/", ".vite-temp/")
"""What tools write into in place."""
_ITSELF = 2
"""How often an entry is used by the build that stores it: for the rest of its time, and while it does so."""
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors that say nothing of an entry."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a stored tree.

    Attributes:
        created: Seconds since the epoch.
        stamp: Of its files, as `tree.scan` makes it.
        size: Bytes.
        samples: The hashes of some of its files, by path.
        locks: Those of the lock files that were made with it, by name.
    """

    created: float
    stamp: str
    size: int
    samples: Mapping[str, str]
    locks: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyStore:
    """The entries, each in a folder named by its key. What works on the disk is called in threads.

    Attributes:
        budget: Bytes that all entries may take together; what was used longest ago goes first.
        linked: Whether drafts get hard links.
        clock: Seconds since the epoch.
    """

    folder: Path
    budget: int
    linked: bool
    clock: Callable[[], float]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _used: dict[str, int] = field(default_factory=dict)
    _damaged: set[str] = field(default_factory=set)
    _turns: weakref.WeakValueDictionary[str, asyncio.Lock] = field(default_factory=weakref.WeakValueDictionary)

    def turn(self, key: str) -> asyncio.Lock:
        """Held by the one build that installs; others with the same key wait for its tree."""
        return self._turns.setdefault(key, asyncio.Lock())

    def restore(self, key: str, source: Path, *, linked: bool = True, not_before: float = 0.0) -> bool:
        """Give a source the stored tree in the place of its own; whether there was a sound one.

        Args:
            linked: Whether hard links will do: not for a tree that goes on living in a release, where
                another build could change it.
            not_before: An older one does not count, seconds since the epoch.

        Raises:
            OSError: The source cannot be written; it has no tree then. The stored one is as it was.
        """

        def clone(found: tree.Tree) -> None:
            _clone(self.folder / key / NODE_MODULES, found, source / NODE_MODULES, linked=linked and self.linked)

        return self._given(key, source, clone, not_before)

    def lend(self, key: str, source: Path, *, not_before: float = 0.0) -> Path | None:
        """The stored tree itself, to be laid under an empty folder in a source; None where there is no sound one.

        It must not be written into; `using` keeps it there.

        Raises:
            OSError: As for `restore`.
        """

        def empty(_found: tree.Tree) -> None:
            (source / NODE_MODULES).mkdir()

        return self.folder / key / NODE_MODULES if self._given(key, source, empty, not_before) else None

    def _given(self, key: str, source: Path, give: Callable[[tree.Tree], None], not_before: float) -> bool:
        with self.using(key):
            entry = self._read(key)
            if entry is None or entry.created < not_before or key in self._damaged:
                return False
            try:
                found = self._verified(key, entry)
            except (OSError, DrafterdError, _Damaged) as error:
                _log.warning("dependencies.damaged", key=key, reason=str(error))
                if not isinstance(error, OSError) or error.errno not in _OURS:
                    self._damaged.add(key)  # it goes when the last one that uses it lets go
                return False
            try:
                files.remove_tree(source / NODE_MODULES)
                give(found)
                for name in entry.locks:
                    copy_plain(self.folder / key / _LOCKS / name, source / name)
                os.utime(self.folder / key)  # when it was used last
            except OSError:
                files.remove_tree(source / NODE_MODULES)
                raise
        return True

    def keep(
        self,
        key: str,
        source: Path,
        *,
        scratch: Path,
        locks: Collection[str] = (),
        linked: bool = True,
        moved: bool = False,
        replace: bool = False,
    ) -> bool:
        """Store the tree of a source that has just been installed; whether it is there now.

        Args:
            locks: Lock files that belong to it.
            scratch: A folder of the caller's own in the same file system, where it is made.
            linked: Whether hard links will do, as for `restore`.
            moved: Whether the source can do without it, for it will be lent the stored one.
            replace: Whether an entry that is there already gives way, if no other build uses it.
        """
        with self.using(key):
            if self._read(key) is not None and key not in self._damaged and not replace:
                return True
            if self._used[key] > _ITSELF:
                return False
            new = scratch / f"{_NEW}{key}"
            try:
                files.remove_tree(new)
                self._make(new, source, locks=locks, linked=linked and self.linked, moved=moved)
                return self._put(new, key)
            except (OSError, DrafterdError, _Damaged) as error:
                _log.warning("dependencies.not_kept", key=key, reason=str(error))
                return False
            finally:
                with contextlib.suppress(OSError):
                    if not os.path.lexists(source / NODE_MODULES) and (new / NODE_MODULES).is_dir():
                        (new / NODE_MODULES).rename(source / NODE_MODULES)
                    files.remove_tree(new)

    def _put(self, new: Path, key: str) -> bool:
        """Put an entry into its place, unless another build has begun to use the one that is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._used[key] > _ITSELF:
                return False
            gone = self._aside(key)
            new.rename(self.folder / key)
        _delete(gone)
        return True

    def size(self) -> int:
        """Bytes of all entries."""
        with contextlib.suppress(OSError):
            return sum(entry.size for path in self.folder.iterdir() if (entry := self._read(path.name)))
        return 0

    def sweep(self, budget: int | None = None) -> None:
        """Drop what goes beyond the budget, or a smaller one, and what is no entry; never one that is being used."""
        most = self.budget if budget is None else budget
        with contextlib.suppress(OSError):
            found = {path.name: path.stat().st_mtime for path in self.folder.iterdir()}
            total = 0
            for key in sorted(found, key=lambda name: -found[name]):
                entry = self._read(key)
                total += entry.size if entry else 0
                if entry is None or total > most:
                    with self._lock:
                        gone = self._aside(key) if key not in self._used else None
                    if gone:
                        _log.info("dependencies.evicted", key=key)
                        _delete(gone)

    @contextlib.contextmanager
    def using(self, key: str) -> Iterator[None]:
        """Keep an entry from being swept or replaced meanwhile."""
        with self._lock:
            self._used[key] = self._used.get(key, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._used[key] -= 1
                if not self._used[key]:
                    del self._used[key]
                    if key in self._damaged:
                        self._aside(key)  # the next sweep deletes it

    def _aside(self, key: str) -> Path | None:
        """Take an entry out of its place, at once and under the lock: to delete it takes seconds."""
        self._damaged.discard(key)
        path = self.folder / key
        gone = path if key.startswith(_GONE) else self.folder / f"{_GONE}{os.urandom(4).hex()}"
        try:
            path.rename(gone)
        except OSError:
            return None
        return gone

    def _make(self, new: Path, source: Path, *, locks: Collection[str], linked: bool, moved: bool) -> None:
        root = source / NODE_MODULES
        if root.is_symlink() or not root.is_dir():
            raise _Damaged(f"{NODE_MODULES} is no folder")
        found = tree.scan(root, ignore=frozenset(), limits=_LIMITS)
        if not all(entry.link is not None or stat.S_ISREG(entry.mode) for entry in found.entries.values()):
            raise _Damaged(f"{NODE_MODULES} holds a pipe, a socket or a device")
        new.mkdir(parents=True)
        if moved and not _is_shared(root):
            root.rename(new / NODE_MODULES)
        else:
            _clone(root, found, new / NODE_MODULES, linked=linked)
        (new / _LOCKS).mkdir()
        kept_locks = [name for name in locks if copy_plain(source / name, new / _LOCKS / name)]
        kept = tree.scan(new / NODE_MODULES, ignore=frozenset(), limits=_LIMITS)
        paths = [path for path, entry in kept.entries.items() if entry.link is None]
        chosen = paths[:: max(1, len(paths) // _SAMPLES)]
        facts = {
            "format": _FORMAT,
            "created": self.clock(),
            "stamp": kept.stamp,
            "size": sum(entry.size for entry in kept.entries.values()),
            "samples": {path: _hash(new / NODE_MODULES / path) for path in chosen},
            "locks": {name: _hash(new / _LOCKS / name) for name in kept_locks},
        }
        files.write_atomic(new / _ENTRY, json.dumps(facts).encode())

    def _read(self, key: str) -> Entry | None:
        try:
            facts: dict[str, Any] = json.loads(files.read_regular(self.folder / key / _ENTRY, limit=_ENTRY_MAX))
            if facts["format"] != _FORMAT or key.startswith(_GONE):
                return None
            return Entry(
                created=float(facts["created"]),
                stamp=str(facts["stamp"]),
                size=int(facts["size"]),
                samples={str(path): str(value) for path, value in facts["samples"].items()},
                locks={str(name): str(value) for name, value in facts["locks"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _verified(self, key: str, entry: Entry) -> tree.Tree:
        """The files of an entry, which are what was stored."""
        root = self.folder / key / NODE_MODULES
        found = tree.scan(root, ignore=frozenset(), limits=_LIMITS)
        if found.stamp != entry.stamp:
            raise _Damaged("its files are not what was stored")
        samples = {root / path: value for path, value in entry.samples.items()}
        locks = {self.folder / key / _LOCKS / name: value for name, value in entry.locks.items()}
        for path, value in (samples | locks).items():
            if _hash(path) != value:
                raise _Damaged(f"{path.name!a} is not what was stored")
        return found


class _Damaged(Exception):
    """An entry is not what was stored."""


def _delete(path: Path | None) -> None:
    if path:
        with contextlib.suppress(OSError):
            files.remove_tree(path)


def _clone(root: Path, found: tree.Tree, target: Path, *, linked: bool) -> None:
    """Lay the same tree at `target`."""
    folders: set[str] = set()
    target.mkdir()
    for path, entry in found.entries.items():
        folder = path.rpartition("/")[0]
        if folder not in folders:
            (target / folder).mkdir(parents=True, exist_ok=True)
            folders.add(folder)
        if entry.link is not None:
            (target / path).symlink_to(entry.link)
        elif linked and not _is_written(path):
            _link(root / path, target / path)
        else:
            shutil.copy2(root / path, target / path, follow_symlinks=False)


def _is_shared(root: Path) -> bool:
    """Whether a file has another name somewhere, by which it could be changed later."""
    walk = os.fwalk(root, follow_symlinks=False)
    return any(os.lstat(name, dir_fd=folder).st_nlink > 1 for _, _, names, folder in walk for name in names)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or too many links
        shutil.copy2(source, target, follow_symlinks=False)


def _is_written(path: str) -> bool:
    return path.rpartition("/")[2] in _WRITTEN or path.startswith(_WRITTEN_BELOW)


def _hash(path: Path) -> str:
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest(length=16)

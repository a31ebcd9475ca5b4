"""Keeps what the author's files were before the first edit of ours, and puts them back to the byte.

What is needed is on disk before any file is changed, so that a kill at any moment loses nothing.
Values in the originals may be secrets: everything here is 0600 in a folder that is 0700.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from blake3 import blake3

from drafterd import files
from drafterd.domain.report import Undone
from drafterd.fix.folder import READ_LIMIT, Change, beneath
from drafterd.fix.undo_index import Entry, Index, dump, load
from drafterd.tree import OWN, digest, scan

BESIDE = f"{OWN}undo"
"""Where the originals lie in a folder that no daemon looks after; no walk of a source enters it."""

_INDEX = "index.json"
_INDEX_MAX = 10_000_000
_BYTES_MAX = READ_LIMIT * 2
_PRIVATE = 0o600
_PERMISSIONS = 0o7777
_ENVIRONMENT = ".env"


def hash_of(data: bytes | None) -> str | None:
    """How the index names a file's bytes; None for no file."""
    return None if data is None else blake3(data).hexdigest(length=16)


class Originals:
    """The originals of one folder. What writes is called while it is `held`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other passes over the same source out, those of other processes too."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def undone(self) -> bool:
        """Whether the fixes were taken back and the source may still be as it was then."""
        return self._read().undone is not None

    @property
    def changed(self) -> frozenset[str]:
        """The files that may hold edits of ours."""
        return frozenset(self._read().entries)

    def keep(self, root: Path, changes: tuple[Change, ...]) -> None:
        """Write down what `changes` will replace. Raises `OSError`: then nothing may be changed."""
        if not changes:
            return
        self._make()
        index = self._read()
        entries = {change.file: self._entry(root, change, index.entries.get(change.file)) for change in changes}
        self._write(Index(entries={**index.entries, **entries}))

    def _entry(self, root: Path, change: Change, known: Entry | None) -> Entry:
        old, new = hash_of(change.old), hash_of(change.new)
        rules = {edit.rule for edit in change.edits}
        if known is not None and (old == known.original or old in known.ours):
            written = old if old in known.ours else known.written
            return replace(known, written=written, pending=new, rules=known.rules | rules)
        # Whoever wrote the file since wrote the original that counts now.
        if change.old is not None and old is not None:
            # The index, which is written next, flushes the folder.
            files.write_atomic(self._folder / old, change.old, mode=_PRIVATE, sync_name=False)
        return Entry(original=old, mode=_mode(root, change), pending=new, rules=frozenset(rules))

    def settle(self, root: Path) -> None:
        """After the edits: what of them is really there."""
        index = self._read()
        if all(entry.pending is None for entry in index.entries.values()):
            return
        self._write(Index(entries=dict(self._settled(root, index.entries))))
        self._sweep()

    def _settled(self, root: Path, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
        for name, entry in entries.items():
            made = entry.pending is not None and hash_of(_present(root, name)) == entry.pending
            written = entry.pending if made else entry.written
            if written is not None:
                yield name, replace(entry, written=written, pending=None)

    def undo(self, root: Path) -> Undone:
        """Put back every file that still is as we left it. Repeatable after a kill.

        Raises:
            OSError: The originals cannot be read or written.
            DrafterdError: The folder cannot be walked.
        """
        index = self._read()
        if not index.entries:
            return Undone()
        self._write(replace(index, undone=""))
        done = self._restored(root, index.entries)
        left = {name: index.entries[name] for name in done.left}
        rest = digest(root, scan(root), skip_env=False) if done.restored else None
        self._write(Index(entries=left, undone=rest))
        self._sweep()
        return done

    def _restored(self, root: Path, entries: Mapping[str, Entry]) -> Undone:
        restored: list[str] = []
        left: dict[str, str] = {}
        # Values leave the env files only once the source holds them again.
        for name in sorted(entries, key=lambda name: (name.startswith(_ENVIRONMENT), name)):
            holds = any(not other.startswith(_ENVIRONMENT) and entries[other].values for other in left)
            if name.startswith(_ENVIRONMENT) and entries[name].values and holds:
                left[name] = "it holds values that a file which was left alone needs"
            elif reason := self._put_back(root, name, entries[name]):
                left[name] = reason
            else:
                restored.append(name)
        return Undone(restored=tuple(restored), left=left)

    def _put_back(self, root: Path, name: str, entry: Entry) -> str:
        """Restore one file; returns why it was left alone, or ""."""
        try:
            with beneath(root, name) as path:
                return self._replace(path, entry)
        except FileNotFoundError:
            return "" if entry.original is None else "it was deleted since"
        except OSError as error:
            return error.strerror or "it cannot be written"

    def _replace(self, path: Path, entry: Entry) -> str:
        try:
            present: bytes | None = files.read_regular(path, limit=_BYTES_MAX)
        except FileNotFoundError:
            present = None
        except files.NotRegular:
            return "it is no plain file any more"
        if hash_of(present) == entry.original:
            if present is not None and stat.S_IMODE(path.lstat().st_mode) != entry.mode:
                path.chmod(entry.mode)
            return ""
        if present is None:
            return "it was deleted since"
        if hash_of(present) not in entry.ours:
            return "it was changed since"
        original = self._original(entry)
        if entry.original is None:
            path.unlink()
        elif original is None:
            return "its original is lost"
        else:
            files.write_atomic(path, original, mode=entry.mode)
        return ""

    def resting(self, root: Path) -> bool:
        """Whether the source still is as an undo left it: then it is not to be changed again.

        An undo that a kill cut short is completed first.
        """
        index = self._read()
        if index.undone is None:
            return False
        if not index.undone:
            self.undo(root)
            index = self._read()
        if index.undone and digest(root, scan(root), skip_env=False) == index.undone:
            return True
        self._write(replace(index, undone=None))
        return False

    def wake(self) -> None:
        """Forget that there was an undo: the fixes are wanted again."""
        index = self._read()
        if index.undone is not None:
            self._write(replace(index, undone=None))

    def earlier(self, rule: str) -> Iterator[tuple[str, frozenset[str], bytes]]:
        """The files that `rule` changed: name, hashes of what we made of it, the author's bytes."""
        for name, entry in self._read().entries.items():
            data = self._original(entry) if rule in entry.rules else None
            if data is not None:
                yield name, entry.ours, data

    def discard(self) -> None:
        """Drop everything: the source is gone."""
        files.remove_tree(self._folder)

    # On disk

    def _original(self, entry: Entry) -> bytes | None:
        if entry.original is None:
            return None
        try:
            data = files.read_regular(self._folder / entry.original, limit=_BYTES_MAX)
        except OSError:
            return None
        return data if hash_of(data) == entry.original else None

    def _make(self) -> None:
        if self._folder.is_symlink():  # a stranger's folder could lead our writes elsewhere
            raise files.NotRegular(f"{self._folder.name} is a symbolic link")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            files.write_atomic(ignore, b"*\n", mode=_PRIVATE)

    def _read(self) -> Index:
        if self._folder.is_symlink():
            return Index()
        try:
            return load(files.read_regular(self._folder / _INDEX, limit=_INDEX_MAX))
        except OSError:
            return Index()

    def _write(self, index: Index) -> None:
        files.write_atomic(self._folder / _INDEX, dump(index), mode=_PRIVATE)

    def _sweep(self) -> None:
        """Delete what no entry needs any more."""
        needed = {entry.original for entry in self._read().entries.values()} | {_INDEX, ".gitignore"}
        for path in self._folder.iterdir():
            if path.name not in needed:
                files.remove_tree(path)


def _mode(root: Path, change: Change) -> int:
    if change.old is None:
        return 0
    with beneath(root, change.file) as path:
        return path.lstat().st_mode & _PERMISSIONS


def _present(root: Path, name: str) -> bytes | None:
    try:
        with beneath(root, name) as path:
            return files.read_regular(path, limit=_BYTES_MAX)
    except OSError:
        return None

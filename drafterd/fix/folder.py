"""A draft's files as the fixes see them: what lies on disk, with the changes proposed so far on top.

Apart, so that a fix is a plain function from files to changes: the same one serves a dry run, the
author's folder and a build's snapshot.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drafterd import files
from drafterd.domain.model import Edit
from drafterd.tree import Entry, Tree, scan

READ_LIMIT = 2_000_000
"""Larger files are nobody's configuration; they are left alone. Bytes."""

_WRITABLE = 0o222


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that is proposed for one file.

    Attributes:
        old: The bytes it was computed from; None: there is no such file.
        new: The bytes that take their place.
        mode: The permissions wanted; None keeps those of the file.
        edits: The single edits, for people.
    """

    file: str
    old: bytes | None
    new: bytes
    mode: int | None
    edits: tuple[Edit, ...]


@dataclass(slots=True)
class _Pending:
    old: bytes | None
    new: bytes
    mode: int | None
    edits: list[Edit]


class Folder:
    """The files below `root`, links never followed; `put` proposes, nothing is written here."""

    def __init__(self, root: Path, tree: Tree | None = None) -> None:
        self.root = root
        self.tree = scan(root) if tree is None else tree
        self.refused: dict[str, str] = {}
        """Files that a fix wanted to change and must not, with the reason."""
        self._read: dict[str, bytes | None] = {}
        self._pending: dict[str, _Pending] = {}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What lies on disk."""
        return self.tree.entries

    def names(self) -> Iterator[str]:
        """Every plain file by its path, also those that are proposed."""
        yield from (name for name, entry in self.entries.items() if stat.S_ISREG(entry.mode))
        yield from (name for name in self._pending if name not in self.entries)

    def has(self, name: str) -> bool:
        """Whether there is a plain file `name`."""
        entry = self.entries.get(name)
        return name in self._pending or (entry is not None and stat.S_ISREG(entry.mode))

    def holds(self, folder: str) -> bool:
        """Whether anything lies below the folder `folder`."""
        return any(name.startswith(f"{folder}/") for name in self.entries)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file with what is proposed for it; None: none that can be read."""
        if name in self._pending:
            return self._pending[name].new
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> bytes | None:
        entry = self.entries.get(name)
        if entry is None or not stat.S_ISREG(entry.mode) or entry.size > READ_LIMIT:
            return None
        try:
            with beneath(self.root, name) as path:
                return files.read_regular(path, limit=READ_LIMIT)
        except OSError:
            return None

    def load(self, names: Iterable[str]) -> None:
        """Read many files at once: each folder is opened only once."""
        by_folder: dict[str, list[str]] = {}
        for name in names:
            entry = self.entries.get(name)
            if name not in self._read and entry is not None and stat.S_ISREG(entry.mode) and entry.size <= READ_LIMIT:
                by_folder.setdefault(name.rpartition("/")[0], []).append(name)
        for inside in by_folder.values():
            self._read.update(dict.fromkeys(inside))
            with contextlib.suppress(OSError), opened(self.root, inside[0]) as descriptor:
                for name in inside:
                    self._read[name] = _bytes_at(descriptor, name.rpartition("/")[2])

    def text(self, name: str) -> str | None:
        """The file as text without its byte-order mark; None when it is none."""
        data = self.read(name)
        if data is None or b"\0" in data:
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    def refusal(self, name: str) -> str | None:
        """Why a file must not be changed, as far as its entry tells; None when it may."""
        return _refusal(self.entries.get(name))

    def put(self, name: str, new: bytes, edits: list[Edit], *, mode: int | None = None) -> bool:
        """Propose new bytes for a file; False: it must not be changed, and `refused` says why."""
        entry = self.entries.get(name)
        reason = _refusal(entry)
        old = self.read(name)
        if reason is None and entry is not None and old is None:
            reason = "it cannot be read"
        if entry is None and name not in self._pending and self._is_folder(name):
            reason = "there is a folder of that name"
        if reason is not None:
            self.refused[name] = reason
            return False
        pending = self._pending.get(name)
        if pending is None:
            self._pending[name] = _Pending(old, new, mode, list(edits))
        else:
            pending.new, pending.mode = new, mode if mode is not None else pending.mode
            pending.edits.extend(edits)
        return True

    def _is_folder(self, name: str) -> bool:
        """Whether a folder, which no walk lists, is in the place of a file."""
        try:
            with beneath(self.root, name) as path:
                return stat.S_ISDIR(path.lstat().st_mode)
        except OSError:
            return False

    def changes(self) -> tuple[Change, ...]:
        """Everything proposed, files with values first: a secret is kept before it leaves the source."""
        found = [
            Change(file=name, old=item.old, new=item.new, mode=item.mode, edits=tuple(item.edits))
            for name, item in self._pending.items()
        ]
        return tuple(sorted(found, key=lambda change: (not change.file.startswith(".env"), change.file)))


def _refusal(entry: Entry | None) -> str | None:
    if entry is None:
        return None
    if entry.link is not None:
        return "it is a symbolic link"
    if not stat.S_ISREG(entry.mode):
        return "it is no regular file"
    if not entry.mode & _WRITABLE:
        return "it is read-only"
    return None


def _bytes_at(folder: int, name: str) -> bytes | None:
    """The bytes of a plain file in an open folder; None where there is none that may be read."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > READ_LIMIT:
            return None
        data = os.read(descriptor, READ_LIMIT + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) <= READ_LIMIT else None


@contextlib.contextmanager
def beneath(root: Path, name: str) -> Iterator[Path]:
    """A path for `name` whose folders were opened one by one, no link followed.

    It is good inside the `with` only. Raises `OSError` where a folder is a link or not there.
    """
    with opened(root, name) as descriptor:
        yield Path(f"/proc/self/fd/{descriptor}") / name.rpartition("/")[2]


@contextlib.contextmanager
def opened(root: Path, name: str) -> Iterator[int]:
    """The folder that `name` lies in, opened as `beneath` does it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for folder in name.split("/")[:-1]:
            inner = os.open(folder, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)

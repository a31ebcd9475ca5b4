"""Reads a draft's folder as what it is: a tree written by a stranger.

Every walk is bounded, follows no link, and ignores what tools make again (`node_modules`, ...) and
what is drafterd's own (`.draft-*`).
"""

import errno
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from drafterd.domain.errors import BadDraft, Superseded

IGNORED = frozenset({"node_modules", ".next", ".git", ".hg", ".svn", ".turbo", ".vercel"})
"""Names of folders that no walk enters, at any depth."""

OWN = ".draft-"
"""Begins the names of drafterd's own files in a draft's folder: no part of the source."""

_CHUNK = 1 << 20
_COPIED_MODE = 0o100


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How large a source may be; more is refused, not cut off."""

    files: int = 20_000
    depth: int = 40
    size: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a source: a link has its target in `link`; other kinds are told by `mode`."""

    size: int
    mtime_ns: int
    mode: int
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a folder, by their relative path, in order.

    Attributes:
        stamp: Hash of paths, sizes, times and modes: cheap, changes whenever a file does.
    """

    entries: Mapping[str, Entry]
    stamp: str

    def without(self, folders: Collection[str]) -> "Tree":
        """The same without what lies below folders at its top; the stamp stays that of the whole."""
        if not folders:
            return self
        kept = {path: entry for path, entry in self.entries.items() if path.partition("/")[0] not in folders}
        return Tree(kept, self.stamp)


class _Walk:
    def __init__(self, ignore: frozenset[str], limits: TreeLimits) -> None:
        self.ignore = ignore
        self.limits = limits
        self.entries: dict[str, Entry] = {}
        self.size = 0

    def enter(self, folder: str, prefix: str, depth: int) -> None:
        if depth > self.limits.depth:
            raise BadDraft(
                f"folders are nested deeper than {self.limits.depth} levels", hint=f"look below {prefix[:80]!a}"
            )
        with os.scandir(folder) as listing:
            for item in listing:
                self.take(item, prefix, depth)

    def take(self, item: os.DirEntry[str], prefix: str, depth: int) -> None:
        if item.name.startswith(OWN):
            return
        path = f"{prefix}{item.name}"
        try:
            if item.is_dir(follow_symlinks=False):
                if item.name not in self.ignore:
                    self.enter(item.path, f"{path}/", depth + 1)
                return
            if item.name in self.ignore:
                return  # a link or file in the place of what tools make
            status = item.stat(follow_symlinks=False)
            link = os.readlink(item.path) if stat.S_ISLNK(status.st_mode) else None
        except FileNotFoundError:
            return  # deleted while we looked: the next walk sees the difference
        self.entries[path] = Entry(status.st_size, status.st_mtime_ns, status.st_mode, link)
        self.size += status.st_size
        if len(self.entries) > self.limits.files:
            raise BadDraft(
                f"the folder holds more than {self.limits.files} files", hint="keep only the project's source in it"
            )
        if self.size > self.limits.size:
            raise BadDraft(
                f"the folder holds more than {self.limits.size // 1_000_000} MB",
                hint="keep large files out of the source",
            )


def scan(root: Path, *, ignore: frozenset[str] = IGNORED, limits: TreeLimits | None = None) -> Tree:
    """Walk a folder.

    Raises:
        BadDraft: It has too many files, is nested too deep, or is too big.
        OSError: It cannot be read; `FileNotFoundError` when it is gone.
    """
    if root.is_symlink():
        raise BadDraft("the folder is a symbolic link", hint="put the project's folder itself here")
    walk = _Walk(ignore, limits or TreeLimits())
    walk.enter(str(root), "", 0)
    entries = dict(sorted(walk.entries.items()))
    hasher = blake3()
    for path, entry in entries.items():
        hasher.update(os.fsencode(path))
        hasher.update(f"\0{entry.size} {entry.mtime_ns} {entry.mode} {entry.link!a}\n".encode())
    return Tree(entries, hasher.hexdigest(length=16))


def is_environment(path: str) -> bool:
    """Whether a path names an env file (`.env`, `.env.local`, ...), which no snapshot holds."""
    name = path.rpartition("/")[2]
    return name == ".env" or (name.startswith(".env.") and name != ".env.example")


def digest(root: Path, tree: Tree, *, skip_env: bool = True) -> str:
    """The hash of paths and contents: equal for equal sources, whatever their times.

    Raises:
        Superseded: A file vanished or changed its kind since the walk.
    """
    hasher = blake3()
    for path, entry in tree.entries.items():
        if skip_env and is_environment(path):
            continue
        hasher.update(_head(path, entry))
        if stat.S_ISREG(entry.mode):
            hasher.update(_content(f"{root}/{path}"))
    return hasher.hexdigest(length=16)


def _head(path: str, entry: Entry) -> bytes:
    kind = "x" if stat.S_ISREG(entry.mode) and entry.mode & _COPIED_MODE else stat.filemode(entry.mode)[0]
    return os.fsencode(path) + f"\0{kind} {entry.link!a}\n".encode()


def _content(path: str) -> bytes:
    """The hash of one file's bytes; its own hash, so that no content can pose as the next path."""
    hasher = blake3()
    descriptor = _opened(path)
    try:
        while chunk := os.read(descriptor, _CHUNK):
            hasher.update(chunk)
    finally:
        os.close(descriptor)
    return hasher.digest(length=16)


def _open(path: Path) -> BinaryIO:
    return os.fdopen(_opened(str(path)), "rb")


def _opened(path: str) -> int:
    """Open a plain file; a link that took its place since the walk is never followed."""
    name = path.rpartition("/")[2]
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise Superseded(f"{name!a} changed while it was read") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Superseded(f"{name!a} changed while it was read")
    return descriptor


def copy(root: Path, tree: Tree, target: Path, *, skip_env: bool = True) -> str:
    """Copy the source into the new folder `target`; returns the digest of what was copied.

    Links that stay inside the folder are copied as links.

    Raises:
        BadDraft: A link leaves the folder, or an entry is a device, a pipe or a socket.
        Superseded: A file vanished or changed its kind since the walk.
    """
    target.mkdir(parents=True)
    links: list[str] = []
    hasher = blake3()
    for path, entry in tree.entries.items():
        if skip_env and is_environment(path):
            continue
        hasher.update(_head(path, entry))
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            if os.path.isabs(entry.link):
                raise BadDraft(f"the link {path!a} leaves the folder", hint="replace it by a copy of what it points to")
            place.symlink_to(entry.link)
            links.append(path)
        elif stat.S_ISREG(entry.mode):
            hasher.update(_copy_file(root / path, place, entry.mode))
        else:
            raise BadDraft(f"{path!a} is no regular file", hint="take devices, pipes and sockets out of the folder")
    _check_links(target, links)
    return hasher.hexdigest(length=16)


def _check_links(root: Path, links: list[str]) -> None:
    """Refuse links that leave the folder: judged where they are copied, links upon links included."""
    inside = os.path.realpath(root)
    for path in links:
        if not os.path.realpath(root / path).startswith(f"{inside}/"):
            raise BadDraft(f"the link {path!a} leaves the folder", hint="replace it by a copy of what it points to")


def _copy_file(source: Path, place: Path, mode: int) -> bytes:
    hasher = blake3()
    with _open(source) as file, place.open("xb") as copied:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            copied.write(chunk)
    place.chmod(0o755 if mode & _COPIED_MODE else 0o644)
    return hasher.digest(length=16)

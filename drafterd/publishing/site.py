"""What of a release is published: the same files that drafterd would serve, in the order they are copied."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from drafterd.domain.errors import DrafterdError
from drafterd.files import NotRegular

MARKER = ".drafterd-publish.json"
"""The record that stands beside the published files."""

_SERVED = ".well-known"
_PAGES = (".html", ".htm")
_LATE = frozenset({"sw.js", "service-worker.js", "manifest.json", "manifest.webmanifest", "version.json"})
"""Files that tell browsers to fetch others."""
_CHUNK = 1 << 20
_DEPTH_MAX = 63


class PublishFailed(DrafterdError):
    """The files could not be copied, or must not be."""

    code = "publish-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The files of one release.

    Attributes:
        draft: Whose they are.
        release: Which release.
        names: Every file, "/" between the parts, assets before pages.
        left_out: What is not served and so not published: links, hidden files, what is no file.
    """

    root: Path
    draft: str
    release: str
    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def open(self, name: str) -> int:
        """A descriptor of one of the files; no link is followed. Raises OSError."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in name.split("/"):
            parent = descriptor
            try:
                descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            finally:
                os.close(parent)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotRegular(f"{name} is no regular file")
        return descriptor

    def digest(self, name: str) -> str:
        """A hash of what is in a file. Raises OSError."""
        hasher = hashlib.blake2b(digest_size=16)
        with os.fdopen(self.open(name), "rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
        return hasher.hexdigest()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        written: Files that are new or have changed.
        same: How many were there already, as they are.
        deleted: Files of an earlier publication that are gone.
    """

    written: list[str] = field(default_factory=list)
    same: int = 0
    deleted: list[str] = field(default_factory=list)


def site_of(root: Path, *, draft: str, release: str) -> Site:
    """The files below `root`. Raises `PublishFailed` where there is none."""
    names: list[str] = []
    left_out: list[str] = []
    for name, served in _walk(root, ""):
        (names if served else left_out).append(name)
    if not names:
        raise PublishFailed(f"the release {release} of {draft} holds no file", hint="it may just have been replaced")
    return Site(
        root=root, draft=draft, release=release, names=tuple(sorted(names, key=_turn)), left_out=tuple(left_out)
    )


def _walk(folder: Path, below: str) -> Iterator[tuple[str, bool]]:
    """Each file, and whether it is served."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = f"{below}{entry.name}"
        hidden = entry.name.startswith(".") and entry.name != _SERVED
        if hidden or not _is_text(entry.name) or "\\" in entry.name:
            yield name, False
        elif entry.is_dir(follow_symlinks=False):
            if name.count("/") >= _DEPTH_MAX:
                yield name, False
                continue
            yield from _walk(folder / entry.name, f"{name}/")
        else:
            yield name, entry.is_file(follow_symlinks=False)


def _is_text(name: str) -> bool:
    """Whether a name can stand in an address: bytes that are no UTF-8, and control characters, cannot."""
    return not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in name)


def _turn(name: str) -> tuple[bool, str]:
    return is_page(name), name


def is_page(name: str) -> bool:
    """Whether a file names others, and so has to come after them."""
    return name.lower().endswith(_PAGES) or name.rpartition("/")[2] in _LATE

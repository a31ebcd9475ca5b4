"""The scripts and styles of the release before: lent to the next one, for the pages that are still open.

A page that was loaded before a switch asks for its chunks by names that only the old release has. Next.js
lists `.next/static` when it starts, so they are laid into the new release before that, and taken away again
later: a listed file that is gone is a plain 404.

Both trees are a stranger's, and the old one's server may change it meanwhile: every folder is opened from
the one above, no link is followed, only plain files are copied, and none is written over. What was lent
stands in a book beside the releases, where no draft can write.
"""

import errno
import itertools
import json
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath
from typing import BinaryIO

import structlog

from drafterd import files
from drafterd.build import release as disk
from drafterd.domain.errors import BadName
from drafterd.domain.model import Release
from drafterd.domain.names import DraftId, ReleaseId, parse_draft_id
from drafterd.layout import Layout

KEPT = 600.0
"""Seconds after a switch for which a file is lent."""
FILES_MAX = 5000
BYTES_MAX = 64_000_000
"""Of all that one release is lent."""

_STATIC, _EXPORTED = (".next", "static"), ("_next", "static")
_DEPTH_MAX = 20
_LOOKED_AT = 100_000
_BOOK_MAX = 20_000_000
_PIECE = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = f"{files.TEMPORARY}asset"

_Book = Mapping[ReleaseId, Mapping[str, float]]
"""By release: the paths that it was lent, and until when."""

_log = structlog.get_logger(__name__)


class OldAssets:
    """Lends files between the releases of a draft. Everything blocks: call it in a thread.

    Args:
        start_timeout: Seconds after which a switch comes at the latest: files are lent before it.
    """

    def __init__(self, layout: Layout, *, start_timeout: float, clock: Callable[[], float]) -> None:
        self._layout = layout
        self._kept = KEPT + start_timeout
        self._clock = clock
        self._turn = threading.Lock()

    def lend(self, old: Release, new: Release) -> int:
        """Lay what `old` has and `new` has not into `new`, which does not run yet; how many files. Repeatable.

        Raises:
            OSError: A file cannot be written.
        """
        with self._turn, _assets(old) as source, _assets(new) as target:
            if source is None or target is None:
                return 0
            book = self._read(new.draft)
            before, lent = book.get(old.id, {}), dict(book.get(new.id, {}))
            own = {path for path, _ in itertools.islice(_plain_files(target), _LOOKED_AT)} - lent.keys()
            now = self._clock()
            until = now + self._kept
            found = ((path, size) for path, size in _plain_files(source) if before.get(path, until) > now)
            wanted = _bounded((path, size) for path, size in found if path not in own)
            for path in wanted:
                lent[path] = max(before.get(path, until), lent.get(path, 0.0))
            # Noted first: what a kill leaves half done is taken away all the same.
            self._write(new.draft, {**book, new.id: lent})
            return sum(_copy(source, target, path) for path in wanted)

    def sweep(self) -> int:
        """Take away what was lent for long enough, of all drafts; how many files."""
        taken = 0
        for place in self._layout.state.glob("drafts/*"):
            with suppress(BadName):  # one that is none of ours
                draft = parse_draft_id(place.name)
                if self._layout.assets(draft).exists():
                    taken += self._take_back(draft)
        return taken

    def _take_back(self, draft: DraftId) -> int:
        with self._turn:
            book, now, taken = self._read(draft), self._clock(), 0
            left: dict[ReleaseId, Mapping[str, float]] = {}
            for name, lent in book.items():
                release = disk.read(self._layout, draft, name)
                if release is None:
                    continue  # pruned, with all that was in it
                taken += _remove(release, [path for path, until in lent.items() if until <= now])
                if kept := {path: until for path, until in lent.items() if until > now}:
                    left[name] = kept
            if not left:
                self._layout.assets(draft).unlink(missing_ok=True)
            elif left != book:
                self._write(draft, left)
            return taken

    def _read(self, draft: DraftId) -> _Book:
        try:
            book = json.loads(files.read_regular(self._layout.assets(draft), limit=_BOOK_MAX))
        except (OSError, ValueError):
            return {}  # there is none: nothing was lent
        return {ReleaseId(name): dict(lent) for name, lent in book.items()}

    def _write(self, draft: DraftId, book: _Book) -> None:
        files.write_atomic(self._layout.assets(draft), json.dumps(book).encode())


@contextmanager
def _assets(release: Release) -> Iterator[int | None]:
    """The open folder of a release's assets, or None: it has none."""
    parts = _EXPORTED if release.static else (*PurePosixPath(release.cwd).parts, *_STATIC)
    with ExitStack() as stack:
        try:
            app = _opened(stack, release.path, None)
        except OSError:
            app = None
        yield None if app is None else _below(stack, app, parts)


def _opened(stack: ExitStack, name: str, place: int | None) -> int:
    descriptor = os.open(name, _FOLDER, dir_fd=place)
    stack.callback(os.close, descriptor)
    return descriptor


def _below(stack: ExitStack, place: int, parts: Iterable[str], *, make: bool = False) -> int | None:
    """Go down from an open folder; None where a part is missing, a link, or leads out."""
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            return None
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=place)
            place = _opened(stack, part, place)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            return None
    return place


def _plain_files(place: int, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Path and size of every plain file below an open folder; what is nested too deep is left out."""
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and depth < _DEPTH_MAX:
                with ExitStack() as stack:
                    inner = _below(stack, place, (entry.name,))
                    if inner is not None:
                        for path, size in _plain_files(inner, depth + 1):
                            yield f"{entry.name}/{path}", size
            elif entry.is_file(follow_symlinks=False) and entry.name != _TEMPORARY:
                yield entry.name, entry.stat(follow_symlinks=False).st_size


def _bounded(found: Iterable[tuple[str, int]]) -> list[str]:
    """So many of the files as one release may be lent."""
    taken, size = list[str](), 0
    for path, more in found:
        size += more
        if len(taken) == FILES_MAX or size > BYTES_MAX:
            _log.warning("assets.left", reason=f"there are more than {FILES_MAX} files or {BYTES_MAX} bytes")
            break
        taken.append(path)
    return taken


def _copy(source: int, target: int, path: str) -> bool:
    """Copy one file from one tree to the other; False where that cannot be, or one is there already."""
    *folders, name = path.split("/")
    with ExitStack() as stack:
        old = _below(stack, source, folders)
        new = None if old is None else _below(stack, target, folders, make=True)
        if old is None or new is None:
            return False
        try:
            reading = os.open(name, _FILE, dir_fd=old)
        except OSError:
            return False  # gone, or a link by now
        with os.fdopen(reading, "rb") as file:
            if not stat.S_ISREG(os.fstat(reading).st_mode):
                return False
            with suppress(FileNotFoundError):
                os.unlink(_TEMPORARY, dir_fd=new)  # of a copy that was killed
            try:
                return _write_new(file, new, name)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(_TEMPORARY, dir_fd=new)


def _write_new(file: BinaryIO, place: int, name: str) -> bool:
    """Write a file that was not there, whole or not at all."""
    with os.fdopen(os.open(_TEMPORARY, _NEW, 0o644, dir_fd=place), "wb") as copy:
        left = BYTES_MAX  # it may grow while it is read
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            copy.write(piece)
            left -= len(piece)
        os.fchmod(copy.fileno(), 0o644)
    with suppress(FileExistsError):
        os.link(_TEMPORARY, name, src_dir_fd=place, dst_dir_fd=place, follow_symlinks=False)
        return True
    return False


def _remove(release: Release, paths: Iterable[str]) -> int:
    """Delete files that a release was lent; how many were still there."""
    removed = 0
    with _assets(release) as top:
        for path in paths:
            *folders, name = path.split("/")
            with ExitStack() as stack, suppress(FileNotFoundError, IsADirectoryError):
                place = None if top is None else _below(stack, top, folders)
                if place is not None:
                    os.unlink(name, dir_fd=place)
                    removed += 1
    return removed

"""What npm has downloaded, shared by all builds: contents alone, each under the hash of what it holds.

A build sees them below a cache of its own and cannot change them; what it adds is taken over once it has ended
and the hash is right, and npm compares the hash again at each use. Never shared is npm's index, which says what
an address has answered, nor anything that pnpm, Yarn and Bun keep: they trust what lies in their caches, and any
install script could have put it there.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

import structlog

from drafterd import tree
from drafterd.domain.errors import BadDraft
from drafterd.domain.interfaces import Layer

PLACE = Path("_cacache", "content-v2")
"""Where npm keeps contents, in its cache."""

_ALGORITHM = "sha512"
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{124}")
_MODE = 0o777
"""Of folders: a layer's place can be written into as its lower folder could be, whoever the build runs as."""
_LIMITS = tree.TreeLimits(files=20_000, depth=3, size=2_000_000_000)
"""Of what is taken over at a time."""

_log = structlog.get_logger(__name__)


def layer(shared: Path, cache: Path, room: Path) -> Layer:
    """The shared contents below a build's own cache of npm.

    Args:
        shared: Where they lie.
        cache: The build's own.
        room: A folder of the build's in the same file system, for what it adds.
    """
    made = Layer(place=cache / PLACE, lower=shared, upper=room / "contents", work=room / "contents.work")
    _folder(shared, _ALGORITHM)
    for folder in (made.place, made.upper, made.work):
        folder.mkdir(parents=True, exist_ok=True)
    return made


def take(shared: Path, added: Path) -> None:
    """Take over what a build has added, where it is what its name says; none of its processes may be left.

    A full disk costs no more than that.
    """
    try:
        found = tree.scan(added / _ALGORITHM, ignore=frozenset(), limits=_LIMITS)
        for name, entry in found.entries.items():
            # What was there already npm fetches only where it is damaged.
            if stat.S_ISREG(entry.mode) and _NAME.fullmatch(name):
                _take(shared, added, name)
    except FileNotFoundError:
        pass  # nothing was downloaded
    except (OSError, BadDraft) as error:
        _log.warning("downloads.not_kept", reason=str(error))


def _take(shared: Path, added: Path, name: str) -> None:
    *folders, last = (_ALGORITHM, *name.split("/"))
    path = added.joinpath(*folders, last)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_nlink > 1 or not stat.S_ISREG(status.st_mode):
            return  # by another name it could be changed later
        if hashlib.file_digest(file, _ALGORITHM).hexdigest() != name.replace("/", ""):
            return
        os.fchmod(file.fileno(), 0o644)
        _folder(shared, *folders)
        path.rename(shared.joinpath(*folders, last))


def _folder(shared: Path, *parts: str) -> None:
    shared.mkdir(parents=True, exist_ok=True)
    place = shared
    for part in parts:
        place /= part
        if not place.is_dir():
            place.mkdir(exist_ok=True)
            place.chmod(_MODE)

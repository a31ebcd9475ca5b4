"""Closes our folders to drafts by their modes, where there are no walls: each finds a way to its own and no other.

A draft's processes have a group of their own. Only that group may pass through the draft's folder, and nobody
but us may list what is above. All of it may be done again at any time. Blocks: call it in a thread.
"""

import contextlib
import os
import stat
from pathlib import Path

from drafterd.domain.names import DraftId
from drafterd.layout import Layout
from drafterd.sandbox.walk import folders

UMASK = 0o027
"""What we and our builds make is closed to others from its first moment on."""

_OTHERS = 0o007
_PASS = 0o001
_WAY = 0o710
_READ = 0o044
_ENTER = 0o011


def close(layout: Layout) -> None:
    """Close everything of an installation, but for the ways through it and the tools.

    Raises:
        OSError: A folder cannot be closed.
    """
    for folder in (layout.run, layout.logs):
        _strip(folder)
    if not is_open(layout.drafts):
        _strip(layout.drafts)
    made, tools = layout.state / "drafts", layout.toolchain.parent
    made.mkdir(parents=True, exist_ok=True)
    for path in layout.state.iterdir():
        if path not in (made, tools):
            _strip(path)
    for folder in (layout.state, made):
        _set(folder, (_mode(folder) & ~_OTHERS) | _PASS)
    for folder in made.iterdir():
        if folder.is_dir() and not folder.is_symlink() and _mode(folder) & 0o077 not in (0, 0o010):
            _set(folder, _WAY)
    share_tools(layout)


def is_open(folder: Path) -> bool:
    """Whether everybody may write into a folder: then it is meant so, and stays so."""
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False


def share_tools(layout: Layout) -> None:
    """Let everybody use Node, npm and the fetched package managers, and nobody but us change them."""
    for folder in (layout.toolchain.parent, layout.toolchain, layout.managers):
        if folder.is_dir():
            _set(folder, 0o755)
    with contextlib.suppress(FileNotFoundError):
        for manager in layout.managers.iterdir():
            if manager.lstat().st_uid != os.geteuid() or not _mode(manager) & 0o001:
                _share(manager)


def open_way(layout: Layout, draft: str, folder: Path, group: int) -> None:
    """Let a draft's group pass to a folder of the draft's. Raises `OSError`."""
    top = layout.state / "drafts" / draft
    way = [top, *(place for place in reversed(folder.parents) if top in place.parents)]
    for place in way:
        status = place.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(20, "Not a directory", str(place))
        if status.st_uid not in (os.geteuid(), group) and place != top:
            continue  # the draft's own by now, with what lies in it
        if status.st_gid != group:
            os.chown(place, -1, group, follow_symlinks=False)
        if stat.S_IMODE(status.st_mode) != _WAY:
            place.chmod(_WAY)


def barrier(path: Path) -> Path | None:
    """The first folder on the way to a path, or the path itself, that is closed to others; None: they may read it."""
    try:
        real = path.resolve(strict=True)
        for folder in reversed(real.parents):
            if not folder.stat().st_mode & _PASS:
                return folder
        return None if real.stat().st_mode & 0o004 else real
    except OSError:
        return path


def passable(folder: Path) -> Path | None:
    """The same for the way into a folder that may not be there yet: what is missing will be made."""
    for place in reversed((folder, *folder.parents)):
        try:
            if not place.stat().st_mode & _PASS:
                return place
        except OSError:
            return None
    return None


def _share(root: Path) -> None:
    """Make a tree ours, and readable for everybody; the top comes last."""
    for place, inner, others in folders(root):
        for name in (*inner, *others):
            mode = os.lstat(name, dir_fd=place).st_mode
            os.chown(name, os.geteuid(), os.getegid(), dir_fd=place, follow_symlinks=False)
            if not stat.S_ISLNK(mode):
                os.chmod(name, _shared(mode), dir_fd=place)
    os.chown(root, os.geteuid(), os.getegid(), follow_symlinks=False)
    root.chmod(_shared(root.lstat().st_mode))


def _shared(mode: int) -> int:
    # Never with another's rights (set-user-ID): it is ours from now on.
    return (mode & 0o755) | _READ | (_ENTER if mode & stat.S_IXUSR else 0)


def _strip(path: Path) -> None:
    """Take all rights from others; a link is left alone."""
    with contextlib.suppress(FileNotFoundError):
        if not path.is_symlink():
            _set(path, _mode(path) & ~_OTHERS)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _set(path: Path, mode: int) -> None:
    if _mode(path) != mode:
        path.chmod(mode)


def draft_of(layout: Layout, path: Path) -> DraftId | None:
    """Whose folder a path lies in, below those that hold what was made of drafts."""
    made = layout.state / "drafts"
    return DraftId(path.relative_to(made).parts[0]) if made in path.parents else None

"""Looking at a tree that a stranger's programs wrote, following nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

from drafterd import files, tree

NODE_MODULES = "node_modules"

_COPY_MAX = 50_000_000


def inside(root: Path, *parts: str) -> Path | None:
    """A folder below `root` that is reached without any link, or None."""
    place = root
    for part in parts:
        place /= part
        if part == ".." or place.is_symlink() or not place.is_dir():
            return None
    return place


def is_plain(path: Path) -> bool:
    """Whether it is a file itself, no link to one."""
    return path.is_file() and not path.is_symlink()


def copy_plain(path: Path, target: Path) -> bool:
    """Copy a file that is one itself and not too large, in the place of whatever is there; whether there was one.

    Raises:
        OSError: The target cannot be written.
    """
    try:
        data = files.read_regular(path, limit=_COPY_MAX)
    except OSError:
        return False
    files.write_atomic(target, data, sync=False)
    return True


def env_files(app: Path) -> Iterator[Path]:
    """Copies of env files: their values come by the environment, never by the release."""
    for place, folders, names in os.walk(app, followlinks=False):
        folders[:] = [name for name in folders if name != NODE_MODULES]
        yield from (Path(place, name) for name in names if tree.is_environment(name))


def leaving(app: Path) -> Iterator[Path]:
    """Links below `app` that point out of it or are absolute."""
    root = os.path.realpath(app)
    for place, folders, names in os.walk(app, followlinks=False):
        for name in [*folders, *names]:
            path = Path(place, name)
            if path.is_symlink():
                target = os.path.realpath(path)
                if path.readlink().is_absolute() or not f"{target}/".startswith(f"{root}/"):
                    yield path

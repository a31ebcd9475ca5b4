"""Writing, linking and deleting so that a kill between any two lines leaves old or new, never half.

Apart, because every other module relies on exactly these guarantees.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".draft-tmp-"
"""Begins the name of every temporary file; the sweep at start deletes what is left of them."""


_SHARED = stat.S_ISGID | stat.S_IRGRP | stat.S_IXGRP
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotRegular(OSError):
    """A path is not a plain file inside its folder: a link, a device, a pipe."""


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True, sync_name: bool = True) -> None:
    """Replace `path` by `data` in one step; the temporary file lies in the same folder.

    `sync=False` leaves the flush to the system, for files that can be made again. With `sync_name=False`
    a power cut may take the step back, but leaves the old file or the new one whole: for many files, of
    which a later one is flushed with the folder, or which are looked at anew anyway.
    """
    temporary = _temporary(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync and sync_name:
        sync_folder(path.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY}{path.name[:100]}{_own()}{os.urandom(4).hex()}")


def _own() -> str:
    """What the names of this process's temporary files hold."""
    return f".{os.getpid()}."


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_link(link: Path, target: str) -> None:
    """Point the symbolic link `link` at `target` in one step."""
    temporary = _temporary(link)
    temporary.symlink_to(target)
    try:
        temporary.replace(link)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(link.parent)


def read_regular(path: Path, *, limit: int) -> bytes:
    """The bytes of a plain file of at most `limit` bytes; follows no link in its last part.

    Raises:
        NotRegular: It is a link, a device, a pipe, or larger than `limit`.
        OSError: It cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise NotRegular(f"{path.name} is a symbolic link") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotRegular(f"{path.name} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > limit:
            raise NotRegular(f"{path.name} has {status.st_size} bytes, at most {limit} are read")
        return file.read(limit + 1)


def shared_with(folder: Path) -> int | None:
    """The group that a folder hands to whatever is made in it, and that may read it; None: it is its owner's alone.

    Where an administrator made it so (systemd's tmpfiles), another user of that group has a part in our work.
    """
    with contextlib.suppress(OSError):
        status = folder.stat()
        if status.st_mode & _SHARED == _SHARED:
            return status.st_gid
    return None


def modified(path: Path) -> float | None:
    """When a file was last written, seconds since the epoch; None where it is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return None


def remove_tree(path: Path) -> None:
    """Delete a folder with all that is in it, following no link; one that is gone is fine."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        with contextlib.suppress(PermissionError):  # another user's of our group, who let us in
            path.chmod(0o700)
        top = os.open(path, _FOLDER)
        try:
            _empty(top)
        finally:
            os.close(top)
        path.rmdir()


def _empty(top: int) -> None:
    """Delete all that is in an open folder.

    What lies deeper is moved up first: a draft may have nested folders deeper than any path can say, or
    than a walk could go.
    """
    numbers = itertools.count()
    while names := os.listdir(top):
        for name in names:
            if not _is_folder(name, top):
                os.unlink(name, dir_fd=top)
                continue
            folder = _entered(name, top)
            try:
                for inner in os.listdir(folder):  # noqa: PTH208 - as above
                    if _is_folder(inner, folder):
                        _unlock(inner, folder)
                        os.rename(inner, _unused(top, numbers), src_dir_fd=folder, dst_dir_fd=top)
                    else:
                        os.unlink(inner, dir_fd=folder)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _is_folder(name: str, place: int) -> bool:
    return stat.S_ISDIR(os.lstat(name, dir_fd=place).st_mode)


def _entered(name: str, place: int) -> int:
    """Open a folder; a draft may have taken our right to enter or empty it."""
    _unlock(name, place)
    return os.open(name, _FOLDER, dir_fd=place)


def _unlock(name: str, place: int) -> None:
    """Give us all rights of a folder, unless it is another user's, of our group: then that one's word counts."""
    with contextlib.suppress(PermissionError):
        os.chmod(name, 0o700, dir_fd=place)


def _unused(place: int, numbers: Iterator[int]) -> str:
    """A name that nothing in the folder has."""
    for number in numbers:
        name = f"{TEMPORARY}{number}"
        try:
            os.lstat(name, dir_fd=place)
        except FileNotFoundError:
            return name
    raise AssertionError("numbers do not end")


def swept(folder: Path) -> Iterator[Path]:
    """Delete temporary files that a kill left directly in `folder`, and name them.

    Those of this process are being written right now.
    """
    if not folder.is_dir():
        return
    for entry in list(folder.iterdir()):
        if entry.name.startswith(TEMPORARY) and _own() not in entry.name:
            remove_tree(entry)
            yield entry


def holds(path: Path, data: bytes) -> bool:
    """Whether a file is there and holds just these bytes."""
    try:
        return read_regular(path, limit=len(data)) == data
    except OSError:
        return False

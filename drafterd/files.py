"""Writing, linking and deleting so that a kill between any two lines leaves old or new, never half.

Apart, because every other module relies on exactly these guarantees.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".draft-tmp-"
"""Begins the name of every temporary file; the sweep at start deletes what is left of them."""


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
        _make_writable(path)
        shutil.rmtree(path, ignore_errors=False)


def _make_writable(path: Path) -> None:
    """A draft may have taken our right to enter or empty its folders; take it back."""
    for folder, names, _ in os.walk(path, followlinks=False):
        Path(folder).chmod(0o700)
        names[:] = [name for name in names if not (Path(folder) / name).is_symlink()]


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

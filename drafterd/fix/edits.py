"""Writes proposed changes into a folder: each file whole or not at all, and only where it still is as it was read."""

from pathlib import Path

from drafterd import files
from drafterd.domain.errors import Superseded
from drafterd.fix.folder import READ_LIMIT, Change, beneath

_NEW_MODE = 0o644
_PERMISSIONS = 0o7777


def apply(root: Path, changes: tuple[Change, ...]) -> dict[str, str]:
    """Write `changes` in their order; returns the files that could not be written, with the reason.

    Raises:
        Superseded: A file is no longer what its change was computed from. Files before it are
            written: repeating the whole pass finds them done.
    """
    failed: dict[str, str] = {}
    for change in changes:
        try:
            _write(root, change)
        except FileNotFoundError as error:
            raise Superseded(f"{change.file} vanished while it was being changed") from error
        except OSError as error:
            failed[change.file] = error.strerror or "it cannot be written"
            if change.file.startswith(".env"):
                # Its values have no other home: what was to be replaced by them stays as it is.
                failed.update({later.file: f"{change.file} cannot be written" for later in changes})
                return failed
    return failed


def _write(root: Path, change: Change) -> None:
    with beneath(root, change.file) as path:
        if not matches(path, change.old):
            raise Superseded(f"{change.file} changed while it was being fixed")
        mode = change.mode
        if mode is None:
            mode = _NEW_MODE if change.old is None else path.lstat().st_mode & _PERMISSIONS
        # Values must be there for good before the source lets go of them; a step of the source that a
        # power cut takes back is made again by the next pass.
        files.write_atomic(path, change.new, mode=mode, sync_name=change.file.startswith(".env"))


def matches(path: Path, wanted: bytes | None) -> bool:
    """Whether the plain file at `path` holds exactly `wanted` (None: whether there is nothing)."""
    try:
        return files.read_regular(path, limit=READ_LIMIT * 2) == wanted
    except FileNotFoundError:
        return wanted is None
    except files.NotRegular:
        return False

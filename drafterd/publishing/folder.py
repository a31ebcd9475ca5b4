"""Publishes into a folder: file by file, each replaced in one step."""

import os
import shutil
from pathlib import Path

from drafterd.files import TEMPORARY, read_regular, swept, write_atomic
from drafterd.publishing.record import RECORD_MAX, Record, owned, parse
from drafterd.publishing.site import MARKER, Outcome, PublishFailed, Site

_MODE = 0o644


def publish(site: Site, folder: Path, *, dry: bool = False) -> Outcome:
    """Make the folder hold the site's files and no others; `dry`: only say what would be done.

    Raises:
        PublishFailed: The folder holds what is not this draft's, or cannot be written.
    """
    try:
        return _published(site, folder, dry=dry)
    except OSError as error:
        raise PublishFailed(
            f"{error.filename or folder}: {error.strerror or error}", hint="mend that, then publish again"
        ) from error


def _published(site: Site, folder: Path, *, dry: bool) -> Outcome:
    before = owned(_record(folder), site.draft, str(folder), empty=not folder.exists() or not any(folder.iterdir()))
    outcome = Outcome()
    digests = {name: site.digest(name) for name in site.names}
    due = [name for name in site.names if before.files.get(name) != digests[name] or not _is_whole(site, folder, name)]
    outcome.written, outcome.same = due, len(site.names) - len(due)
    outcome.deleted = sorted(before.files.keys() - digests.keys())
    if dry:
        return outcome
    folder.mkdir(parents=True, exist_ok=True)
    for _ in swept(folder):
        pass  # what a kill left of an earlier publication
    # Named before they are written: a publication that is cut off leaves nothing that nobody owns.
    begun = {**before.files, **dict.fromkeys(due, "")}
    _keep(folder, Record(draft=site.draft, release=site.release, files=begun))
    for name in outcome.deleted:
        if any(wanted.startswith(f"{name}/") or name.startswith(f"{wanted}/") for wanted in due):
            _delete(folder, name)  # a file in the way of a folder, or the other way round
    for name in due:
        _copy(site, folder, name)
    for name in outcome.deleted:
        _delete(folder, name)
    _keep(folder, Record(draft=site.draft, release=site.release, files=digests))
    return outcome


def _record(folder: Path) -> Record | None:
    try:
        return parse(read_regular(folder / MARKER, limit=RECORD_MAX), str(folder / MARKER))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _keep(folder: Path, record: Record) -> None:
    write_atomic(folder / MARKER, record.text(), mode=_MODE)


def _is_whole(site: Site, folder: Path, name: str) -> bool:
    """Whether what lies there has at least the right size: somebody may have deleted or cut it."""
    try:
        descriptor = site.open(name)
        try:
            return os.fstat(descriptor).st_size == (folder / name).lstat().st_size
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _copy(site: Site, folder: Path, name: str) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{TEMPORARY}publish.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with os.fdopen(site.open(name), "rb") as source, temporary.open("xb") as copy:
            shutil.copyfileobj(source, copy)
            os.fchmod(copy.fileno(), _MODE)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _delete(folder: Path, name: str) -> None:
    """Delete a file of ours, and the folders that are empty without it."""
    place = folder / name
    try:
        place.unlink(missing_ok=True)
    except (IsADirectoryError, NotADirectoryError):
        return  # a folder has taken its place, or a file that of its folder
    for parent in place.parents:
        if parent == folder:
            return
        try:
            parent.rmdir()
        except OSError:
            return  # not empty: it holds others

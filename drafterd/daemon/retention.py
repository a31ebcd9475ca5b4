"""Deletes, at the start and once a day, what no draft's own life deletes: orphans, and what exceeds the budget.

What can be made again goes too whenever the disk is nearly full: before builds fail, or the ledger.

An orphan is what a kill at the wrong moment left of a draft or a release that is there no more. What is in
use is never touched: a log, a specification or a folder of something that exists stays.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from pathlib import Path

import structlog

from drafterd.build.eviction import nearly_full
from drafterd.domain.errors import BadName
from drafterd.domain.names import DraftId, InstanceId, instance_id, parse_draft_id, parse_instance_id, release_id
from drafterd.layout import Layout

EVERY = 24 * 3600.0
FIRST_AFTER = 60.0
"""Seconds after the start: the drafts come first."""
LOOK_EVERY = 10.0
"""Seconds between two looks at the disk."""

_log = structlog.get_logger(__name__)


async def keep_tidy(
    layout: Layout,
    *,
    drafts: Callable[[], Iterable[DraftId]],
    instances: Callable[[], Awaitable[Collection[InstanceId]]],
    evict: Callable[[], Awaitable[int]],
    every: float = EVERY,
    first_after: float = FIRST_AFTER,
    look_every: float = LOOK_EVERY,
) -> None:
    """Sweep now and then, until cancelled.

    Args:
        drafts: The drafts that there are, or were until lately.
        instances: Those that run, or may be started.
        evict: Brings what can be made again within its budget, and below it on a full disk; gives the freed bytes.
    """
    due = time.monotonic() + first_after
    while True:
        await asyncio.sleep(max(0.0, min(look_every, due - time.monotonic())))
        if time.monotonic() < due:
            await _relieve(layout, evict)
            continue
        due = time.monotonic() + every
        try:
            swept = await asyncio.to_thread(sweep, layout, drafts=frozenset(drafts()), instances=await instances())
            freed = await evict()
        except Exception:  # noqa: BLE001 - a sweep that fails is tried again the next day; nothing depends on it
            _log.exception("retention.failed")
        else:
            _log.info("retention.swept", orphans=swept, freed=freed)


async def _relieve(layout: Layout, evict: Callable[[], Awaitable[int]]) -> None:
    try:
        if nearly_full(layout) and (freed := await evict()):
            _log.warning("disk.relieved", freed=freed)
    except OSError:
        _log.exception("retention.failed")


def sweep(layout: Layout, *, drafts: Collection[DraftId], instances: Collection[InstanceId]) -> int:
    """Delete the orphans; returns how many there were. Blocks: call it in a thread."""
    swept = 0
    for path in (*_orphaned_files(layout, instances), *_empty_folders(layout, drafts)):
        try:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        except OSError as error:
            _log.warning("orphan.left", path=str(path), reason=str(error))
        else:
            swept += 1
            _log.info("orphan.removed", path=str(path))
    return swept


def _orphaned_files(layout: Layout, instances: Collection[InstanceId]) -> Iterator[Path]:
    """Logs and specifications of instances whose release is there no more."""
    for folder in (layout.logs, layout.state / "instances"):
        for path in folder.glob("*"):
            instance = _instance(path.name)
            if instance is not None and instance not in instances and path.is_file() and not path.is_symlink():
                draft, release = parse_instance_id(instance)
                if not layout.release(draft, release).exists():
                    yield path


def _instance(name: str) -> InstanceId | None:
    """The instance that a file is named after: `<draft>.r<number>.<what it is>`."""
    draft, _, rest = name.partition(".")
    word = rest.partition(".")[0]
    if not (word.startswith("r") and word[1:].isascii() and word[1:].isdigit()):
        return None
    try:
        return instance_id(parse_draft_id(draft), release_id(int(word[1:])))
    except BadName:
        return None


def _empty_folders(layout: Layout, drafts: Collection[DraftId]) -> Iterator[Path]:
    """What is left of drafts that nobody knows, the innermost first, where it holds no file."""
    for folder in layout.state.glob("drafts/*"):
        if folder.name in drafts or folder.is_symlink() or not folder.is_dir():
            continue
        inside = sorted(folder.rglob("*"), key=lambda path: -len(path.parts))
        if all(path.is_dir() and not path.is_symlink() for path in inside):
            yield from (*inside, folder)

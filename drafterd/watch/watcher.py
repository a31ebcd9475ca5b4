"""Watches the folder of drafts: watchdog on the folder itself, a bounded walk of each draft.

Events are hints that something arrived or left; what counts is the next look. Nothing below a draft
is ever watched: a `node_modules` would drown us (docs/decisions).
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from drafterd import tree
from drafterd.domain.errors import BadDraft, BadName
from drafterd.domain.model import Mend, Presence, Problem, Source
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.watch.settle import Quiet

READY = ".draft-ready"
"""A file of this name in a draft says: do not wait for quiet."""

SKIP = ".draft-skip"
"""A file of this name in a draft keeps it out."""

ROOT_EVERY = 2.0
LIVELY_EVERY = 2.0
QUIET_EVERY = 20.0
LIVELY_FOR = 300.0
REJECTED_MAX = 100

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tracked:
    """What is remembered of one draft's folder."""

    quiet: Quiet = field(default_factory=Quiet)
    looks_missing: int = 0
    gone_since: float | None = None
    ready: bool = False
    skip: bool = False
    problem: Problem | None = None
    next_walk: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What one walk of a draft found."""

    stamp: str = ""
    ready: bool = False
    skip: bool = False
    missing: bool = False
    problem: Problem | None = None


class FolderWatcher:
    """The watched folder; implements `domain.interfaces.Drafts`.

    Args:
        root: The folder of drafts; made if it is not there.
        settle: Quiet seconds before a draft is taken.
        known: Drafts that something was made of earlier: their folders may be gone.
        settled_stamp: The stamp a draft had when it was last fixed, or None: a draft that is
            unchanged since then has nothing to wait for.
        on_change: Called in the event loop with each draft that is worth a look.
    """

    def __init__(
        self,
        root: Path,
        *,
        settle: float,
        known: Iterable[DraftId],
        settled_stamp: Callable[[DraftId], str | None],
        on_change: Callable[[DraftId], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._settle = settle
        self._settled_stamp = settled_stamp
        self._on_change = on_change
        self._clock = clock
        self._tracked = {draft: _Tracked() for draft in known}
        self._rejected: dict[str, Problem] = {}
        self.problem: Problem | None = None
        """Why the folder of drafts cannot be read, or None."""
        self._hint = asyncio.Event()
        self._scan_lock = asyncio.Lock()
        self._walkers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="walk")

    # What the core asks

    def known(self) -> Iterable[DraftId]:
        """Every draft that has a folder, or had one since the start."""
        return tuple(self._tracked)

    def rejected(self) -> Mapping[str, Problem]:
        """Folders whose names cannot be used, by their name as it may be shown."""
        return dict(self._rejected)

    def observe(self, draft: DraftId) -> Source:
        """The folder as it was last seen."""
        tracked = self._tracked.get(draft)
        if tracked is None:
            return Source(presence=Presence.GONE, gone_since=0.0)
        if tracked.looks_missing:
            presence = Presence.GONE if tracked.gone_since is not None else Presence.MISSING
            return Source(presence=presence, stamp=tracked.quiet.stamp, gone_since=tracked.gone_since)
        rest = 0.0 if tracked.ready else tracked.quiet.settles_in(self._settle, self._clock())
        seen = bool(tracked.quiet.stamp)
        return Source(
            presence=Presence.PRESENT,
            stamp=tracked.quiet.stamp,
            settled=seen and rest == 0.0,
            settles_in=rest if seen else self._settle,
            skip=tracked.skip,
            problem=tracked.problem,
        )

    def rest(self, draft: DraftId, stamp: str) -> None:
        """Take `stamp` for settled: the change to it was our own."""
        if tracked := self._tracked.get(draft):
            tracked.quiet = tracked.quiet.rest(stamp)

    def forget(self, draft: DraftId) -> None:
        """Drop what is remembered of a draft whose folder is gone."""
        tracked = self._tracked.get(draft)
        if tracked is not None and tracked.gone_since is not None:
            del self._tracked[draft]

    async def scan(self) -> None:
        """Look at every folder now."""
        await self._look(everything=True)

    # The loop

    async def run(self) -> None:
        """Watch until cancelled."""
        self._root.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        observer = self._observe_root(loop)
        try:
            while True:
                await self._look(everything=False)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._hint.wait()
                self._hint.clear()
        finally:
            if observer is not None:
                observer.stop()
                await asyncio.to_thread(observer.join)
            self._walkers.shutdown(wait=False, cancel_futures=True)

    def _observe_root(self, loop: asyncio.AbstractEventLoop) -> BaseObserver | None:
        observer = Observer()
        observer.schedule(_Hints(loop, self._hint), str(self._root), recursive=False)
        try:
            observer.start()
        except OSError as error:
            _log.warning("watch.degraded", reason=str(error), hint="raise fs.inotify.max_user_watches")
            return None  # the walk alone finds everything, two seconds later
        return observer

    def _pause(self) -> float:
        """Seconds until the next look: the root's turn, or sooner when a draft settles."""
        now = self._clock()
        rests = [
            rest
            for tracked in self._tracked.values()
            if not tracked.looks_missing and (rest := tracked.quiet.settles_in(self._settle, now)) > 0
        ]
        return min([ROOT_EVERY, *rests]) + 0.01

    async def _look(self, *, everything: bool) -> None:
        async with self._scan_lock:
            loop = asyncio.get_running_loop()
            names = await loop.run_in_executor(self._walkers, _folders, self._root)
            self._note_root(readable=names is not None)
            if names is None:
                return  # the root itself cannot be read: better blind for a while than all gone
            present = self._sort(names)
            now = self._clock()
            due = [
                draft
                for draft, tracked in self._tracked.items()
                if draft not in present or everything or self._is_due(tracked, now)
            ]
            looks = await loop.run_in_executor(self._walkers, self._walk_all, due, present)
            for draft, look in looks:
                self._take(draft, look)

    def _note_root(self, *, readable: bool) -> None:
        """Say once when the folder of drafts can no longer be read, and that it can again."""
        if readable:
            self.problem = None
        elif self.problem is None:
            self.problem = Problem(
                code="drafts-unreadable",
                summary=f"the folder of drafts cannot be read: {self._root}",
                hint="bring it back, or give the daemon's user the right to read it; drafts serve on meanwhile",
                mend=Mend.MACHINE,
                since=self._clock(),
            )
            _log.error("watch.failed", reason=self.problem.summary, hint=self.problem.hint)

    def _is_due(self, tracked: _Tracked, now: float) -> bool:
        unsettled = tracked.quiet.settles_in(self._settle, now) > 0
        return now >= tracked.next_walk or (unsettled and not tracked.ready)

    def _sort(self, names: list[str]) -> set[DraftId]:
        """Tell the drafts from folders that cannot be any; new drafts are tracked from here on."""
        present: set[DraftId] = set()
        rejected: dict[str, Problem] = {}
        for name in names:
            try:
                draft = DraftId(name) if name in self._tracked else parse_draft_id(name)
            except BadName as error:
                if len(rejected) < REJECTED_MAX:
                    shown = ascii(name)[1:-1]
                    before = self._rejected.get(shown)
                    rejected[shown] = before or self._reject(error)
                continue
            present.add(draft)
            self._tracked.setdefault(draft, _Tracked())
        self._rejected = rejected
        return present

    def _reject(self, error: BadName) -> Problem:
        _log.warning("draft.rejected", reason=error.summary, hint=error.hint)
        return Problem(code=error.code, summary=error.summary, hint=error.hint, mend=Mend.DRAFT, since=self._clock())

    def _walk_all(self, drafts: list[DraftId], present: set[DraftId]) -> list[tuple[DraftId, _Look]]:
        return [(draft, self._walk(draft) if draft in present else _Look(missing=True)) for draft in drafts]

    def _walk(self, draft: DraftId) -> _Look:
        folder = self._root / draft
        try:
            skip = (folder / SKIP).exists()
            ready = (folder / READY).exists()
            return _Look(stamp=tree.scan(folder).stamp, ready=ready, skip=skip)
        except FileNotFoundError:
            return _Look(missing=True)
        except BadDraft as error:
            problem = Problem(
                code="bad-folder", summary=error.summary, hint=error.hint, mend=Mend.DRAFT, since=self._clock()
            )
            return _Look(stamp=f"!{error.summary}", problem=problem)
        except OSError as error:
            problem = Problem(
                code="unreadable",
                summary=f"the folder cannot be read: {error.strerror}",
                hint="give the daemon's user the right to read it",
                mend=Mend.MACHINE,
                since=self._clock(),
            )
            return _Look(stamp=f"!{error.errno}", problem=problem)

    def _take(self, draft: DraftId, look: _Look) -> None:
        tracked = self._tracked.get(draft)
        if tracked is None:
            return
        before = self.observe(draft)
        now = self._clock()
        if look.missing:
            tracked.looks_missing += 1
            tracked.next_walk = 0.0
            if tracked.looks_missing > 1 and tracked.gone_since is None:
                tracked.gone_since = now
        else:
            self._take_tree(draft, tracked, look, now)
        after = self.observe(draft)
        if replace(after, settles_in=0.0) != replace(before, settles_in=0.0):
            self._on_change(draft)

    def _take_tree(self, draft: DraftId, tracked: _Tracked, look: _Look, now: float) -> None:
        tracked.looks_missing = 0
        tracked.gone_since = None
        known = look.stamp == tracked.quiet.stamp
        tracked.quiet = tracked.quiet.seen(look.stamp, now)
        if not known and look.stamp == self._settled_stamp(draft):
            tracked.quiet = tracked.quiet.rest(look.stamp)
        tracked.ready, tracked.skip = look.ready, look.skip
        if _without_time(tracked.problem) != _without_time(look.problem):
            tracked.problem = look.problem
        lively = now - tracked.quiet.changed_at < LIVELY_FOR
        # Spread over the interval, so that two hundred quiet drafts are not walked in one breath.
        spread = 0.0 if lively else (hash(draft) % 1000) / 1000 * LIVELY_EVERY
        tracked.next_walk = now + (LIVELY_EVERY if lively else QUIET_EVERY + spread) - 0.1


class _Hints(FileSystemEventHandler):
    """Runs in watchdog's thread; does one thing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hint: asyncio.Event) -> None:
        self._loop = loop
        self._hint = hint
        self._lock = threading.Lock()

    def on_any_event(self, _event: FileSystemEvent) -> None:
        """Wake the loop up."""
        with self._lock, contextlib.suppress(RuntimeError):  # the loop is closing
            self._loop.call_soon_threadsafe(self._hint.set)


def _without_time(problem: Problem | None) -> Problem | None:
    return problem and replace(problem, since=0.0)


def _folders(root: Path) -> list[str] | None:
    """The names of the folders in `root`, or None when it cannot be read."""
    try:
        with os.scandir(root) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and (entry.is_symlink() or entry.is_dir())
            )
    except OSError:
        return None

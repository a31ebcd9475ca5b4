"""The queue of builds: per draft at most one waits and one runs; newer wishes replace older ones.

Rows of the ledger are the queue's memory: after a kill, what waited goes on and what ran is found
interrupted, its processes are ended, and the planner asks again.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from drafterd import process
from drafterd.build import commands, failure
from drafterd.build import release as disk
from drafterd.build.commands import Prepare
from drafterd.build.job import Job
from drafterd.build.settings import BuildSettings
from drafterd.build.steps import SNAPSHOT
from drafterd.build.threads import in_thread
from drafterd.build.unsteady import Unsteady
from drafterd.domain.capacity import BURST, YOUNG, held_back
from drafterd.domain.errors import Busy, DrafterdError
from drafterd.domain.interfaces import Ledger, Sandbox
from drafterd.domain.model import Build, BuildOrder, BuildStatus, Mend, Problem, Release
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.layout import Layout
from drafterd.toolchain import Toolchain

_SHUTDOWN_GRACE = 5.0
"""Seconds from the daemon's end until builds are killed: it must be gone within ten."""
_LOOK_EVERY = 2.0
"""Seconds after which what waits for memory is looked at again."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Active:
    """A build that has a slot, until it has ended; then it only cleans up behind itself.

    Attributes:
        began: When it got it, by `time.monotonic`.
        ending: It is being cancelled; `problem` is what a person said, if one did.
    """

    build: Build
    began: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    ending: bool = False
    problem: Problem | None = None


class BuildQueue:
    """The queue and the releases it left; implements `domain.interfaces.Builds`.

    All calls come from the event loop's thread.

    Args:
        order: What is to be built now of a draft, or None: nothing.
        prepare: Makes a snapshot fit to be built; called in a thread.
        on_change: Called after every change of a draft's builds or releases.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        ledger: Ledger,
        sandbox: Sandbox,
        toolchain: Toolchain,
        settings: BuildSettings,
        order: Callable[[DraftId], BuildOrder | None],
        prepare: Prepare,
        on_change: Callable[[DraftId], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._layout = layout
        self._ledger = ledger
        self._settings = settings
        self._order = order
        self._on_change = on_change
        self._clock = clock
        self._tools = commands.tools(
            layout=layout,
            sandbox=sandbox,
            toolchain=toolchain,
            settings=settings,
            prepare=prepare,
            clock=clock,
            building=lambda draft: draft in self._active,
        )
        self._waiting: dict[DraftId, Build] = {}
        self._active: dict[DraftId, _Active] = {}
        self._refused: dict[DraftId, None] = {}
        self._unsteady = Unsteady(retry_after=settings.retry_after, clock=clock)
        self._builds: dict[DraftId, tuple[Build, ...]] = {}
        self._releases: dict[DraftId, tuple[Release, ...]] = {}
        self._current: dict[DraftId, ReleaseId | None] = {}
        self._wake = asyncio.Event()
        self._watched: Counter[DraftId] = Counter()

    # What is

    def builds(self, draft: DraftId) -> tuple[Build, ...]:
        """The draft's builds, newest first."""
        if draft not in self._builds:
            self._builds[draft] = self._ledger.builds(draft, self._settings.keep_builds)
        return self._builds[draft]

    def releases(self, draft: DraftId) -> tuple[Release, ...]:
        """The releases on disk, oldest first."""
        if draft not in self._releases:
            self._releases[draft] = disk.listed(self._layout, draft)
        return self._releases[draft]

    def current(self, draft: DraftId) -> ReleaseId | None:
        """Where the `current` link points, if that release is there."""
        if draft not in self._current:
            self._current[draft] = disk.current(self._layout, draft)
        return self._current[draft]

    def queue(self) -> tuple[Build, ...]:
        """What runs and what waits, in the order of its turn."""
        return (*self._building(), *map(self._waiting.__getitem__, self._turns()))

    def held_back(self, draft: DraftId) -> str:
        """Why a draft's build that waits does not begin now, for people; "": it does."""
        if active := self._active.get(draft):
            running = active.build.status.active
            return f"waits until its build {active.build.number} has {'ended' if running else 'been cleared away'}"
        before = itertools.takewhile(lambda other: other != draft, self._turns())
        return self._full(before=sum(other not in self._active for other in before))

    def _full(self, *, before: int = 0) -> str:
        """Why no more builds begin; `before`: so many of those that wait have their turn before."""
        building, now = self._building(), time.monotonic()
        young = sum(now - active.began < YOUNG for active in self._active.values() if active.build.status.active)
        settings, (available, pressure) = self._settings, self._settings.memory()
        slots = settings.slots + (settings.burst_slots if len(self._waiting) >= BURST else 0)
        return held_back(
            len(building) + before, young=young + before, slots=slots, available=available, pressure=pressure
        )

    def _building(self) -> list[Build]:
        """What has a slot: deleting what a build leaves behind takes none, and can take long."""
        return [active.build for active in self._active.values() if active.build.status.active]

    @contextlib.contextmanager
    def watched(self, draft: DraftId) -> Iterator[None]:
        """Somebody looks at the draft until the block ends: it is built before those that nobody looks at."""
        self._watched[draft] += 1
        try:
            yield
        finally:
            self._watched[draft] -= 1
            self._watched += Counter()  # without those that nobody looks at any more

    def _turns(self) -> list[DraftId]:
        """What waits, in the order of its turn."""
        return sorted(self._waiting, key=lambda draft: not self._watched[draft])

    def log_path(self, draft: DraftId, number: int) -> Path:
        """The log file of a build; it may not exist."""
        return self._layout.build_log(draft, number)

    # What is asked

    async def enqueue(self, draft: DraftId, key: str, *, clean: bool = False) -> Build:
        """Ask for a build; what waits or runs for another key is superseded. Raises `Busy`."""
        waiting, active = self._waiting.get(draft), self._active.get(draft)
        if active and not active.build.status.active:
            active = None  # it has ended, and only cleans up behind itself
        if active and not active.ending and active.build.key == key and (active.build.clean or not clean):
            if waiting:
                self._drop(draft, None)
            return active.build
        if waiting and waiting.key == key:
            if clean and not waiting.clean:
                waiting = self._waiting[draft] = replace(waiting, clean=True)
                self._save(waiting)
            return waiting
        if waiting is None and len(self._waiting) >= self._settings.queue_max:
            self._refused[draft] = None
            raise Busy(f"{len(self._waiting)} builds wait already", hint="wait for some of them to end, or cancel them")
        build = Build(
            draft=draft,
            number=self._next_number(draft),
            key=key,
            status=BuildStatus.QUEUED,
            created=self._clock(),
            clean=clean,
        )
        if waiting:
            self._save(replace(waiting, status=BuildStatus.CANCELLED, finished=self._clock()))
        if active:
            self._end(active, None)
        self._refused.pop(draft, None)
        self._waiting[draft] = build  # in the place of the one it replaces: a draft keeps its turn
        self._save(build)
        self._wake.set()
        return build

    async def cancel(self, draft: DraftId, *, problem: Problem | None = None) -> None:
        """End what is queued or running, down to its last process."""
        self._drop(draft, problem)
        active = self._active.get(draft)
        if active is None:
            return
        self._end(active, problem)
        if active.task:
            await asyncio.wait([active.task])

    async def promote(self, draft: DraftId, release: ReleaseId) -> None:
        """Point `current` at a release, atomically."""
        await in_thread(disk.promote, self._layout, draft, release)
        self._forget(draft)

    async def prune(self, draft: DraftId, release: ReleaseId) -> None:
        """Delete a release's folder."""
        await in_thread(disk.prune, self._layout, draft, release)
        self._forget(draft)

    async def discard(self, draft: DraftId) -> None:
        """End its builds and delete all that was built of a draft."""
        await self.cancel(draft)
        await in_thread(disk.discard, self._layout, draft)
        self._unsteady.forget(draft)
        self._builds.pop(draft, None)
        self._forget(draft)

    async def evict(self) -> int:
        """Delete of what can be made again what goes beyond the budget; returns the bytes that were freed."""
        return await in_thread(self._tools.budget.keep)

    # The work

    async def run(self) -> None:
        """Build what waits, until cancelled; what runs then is ended, and asked for again at the next start."""
        await self._recover()
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    self._wake.clear()
                    self._fill(group)
                    self._invite()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_EVERY if self._waiting else None):
                            await self._wake.wait()
            except asyncio.CancelledError:
                for active in self._active.values():
                    if active.task:
                        asyncio.get_running_loop().call_later(_SHUTDOWN_GRACE, active.task.cancel)
                raise

    async def _recover(self) -> None:
        """End what an earlier daemon left running, and take over what it left waiting."""
        for build in self._ledger.active_builds():
            if build.status is BuildStatus.RUNNING:
                leader = commands.recorded(self._layout.scratch(build.draft))
                killed = process.end_group(leader) if leader else False
                _log.info("build.interrupted", draft=build.draft, build=build.number, killed=killed)
                self._save(replace(build, status=BuildStatus.INTERRUPTED, finished=self._clock()))
            elif build.draft not in self._waiting:
                self._waiting[build.draft] = build
        prefix = commands.mark_prefix(self._layout)
        await in_thread(process.sweep, lambda mark: mark.startswith(prefix))
        await in_thread(disk.sweep, self._layout)

    def _fill(self, group: asyncio.TaskGroup) -> None:
        """Give free slots to what somebody looks at, then to what has waited longest."""
        for draft in self._turns():
            if self._full():
                return
            if draft not in self._active:
                active = _Active(build=self._waiting.pop(draft))
                self._active[draft] = active
                active.task = group.create_task(self._work(active), name=f"build {draft}")
                active.task.add_done_callback(partial(self._leave, active))

    def _invite(self) -> None:
        """Have those look again that found the queue full, in their order, as many as there is room for."""
        for draft in list(self._refused)[: max(0, self._settings.queue_max - len(self._waiting))]:
            del self._refused[draft]
            self._on_change(draft)

    def _leave(self, active: _Active, _ended: asyncio.Task[None]) -> None:
        """Let the draft's next build begin; one that was cancelled before its task began has not been ended yet."""
        self._active.pop(active.build.draft, None)
        if active.build.status.active:
            self._set(active, self._unfinished(active))
        self._wake.set()

    async def _work(self, active: _Active) -> None:
        """One build from its turn to its end."""
        self._set(active, replace(active.build, status=BuildStatus.RUNNING, started=self._clock()))
        draft = active.build.draft
        order = self._wanted(active)
        if order is None:
            return
        job = Job(self._tools, order, active.build, lambda build: self._set(active, build), lambda: bool(self._waiting))
        try:
            ended = await job.run()
        except asyncio.CancelledError:
            ended = self._unfinished(active)
        except Exception:  # noqa: BLE001 - a fault of ours that one draft's files bring to light must not end the daemon
            _log.exception("build.crashed", draft=draft, build=active.build.number)
            ended = replace(active.build, status=BuildStatus.FAILED, finished=self._clock(), problem=_INTERNAL)
        self._releases.pop(draft, None)
        self._set(active, self._unsteady.counted(failure.backed_off(ended, self.builds(draft))))
        self._ledger.record_event(draft, "built", {"build": ended.number, "status": ended.status.value})
        await job.clean()

    def _wanted(self, active: _Active) -> BuildOrder | None:
        """What is to be built; None when nobody wants this build any more, or it cannot be said."""
        build = active.build
        try:
            order = self._order(build.draft)
        except OSError as error:
            problem = failure.of_system(error, SNAPSHOT, now=self._clock(), retry=self._settings.retry_after).problem
        except DrafterdError as error:
            problem = failure.failed(error.code, error.summary, step=SNAPSHOT, hint=error.hint).problem
        else:
            if order is not None and order.key == build.key:
                return order
            gone = replace(build, status=BuildStatus.CANCELLED, step=SNAPSHOT, finished=self._clock())
            self._set(active, self._unsteady.counted(gone))
            return None
        self._set(active, replace(build, status=BuildStatus.FAILED, finished=self._clock(), problem=problem))
        return None

    # Its own books

    def _unfinished(self, active: _Active) -> Build:
        """How a cancelled build is recorded: somebody ended it, or the daemon stops."""
        # Not as interrupted: three of those in a row are held against the build. It is asked for again.
        return replace(active.build, status=BuildStatus.CANCELLED, finished=self._clock(), problem=active.problem)

    def _drop(self, draft: DraftId, problem: Problem | None) -> None:
        """Take a draft's build out of the line."""
        waiting = self._waiting.pop(draft, None)
        if waiting:
            self._save(replace(waiting, status=BuildStatus.CANCELLED, finished=self._clock(), problem=problem))
            self._wake.set()

    def _end(self, active: _Active, problem: Problem | None) -> None:
        """Cancel a running build; once, so that its processes keep their time to end."""
        active.problem = active.problem or problem
        if active.ending or active.task is None:
            return
        active.ending = True
        active.task.cancel()

    def _set(self, active: _Active, build: Build) -> None:
        active.build = build
        self._save(build)
        if not build.status.active:
            self._wake.set()

    def _save(self, build: Build) -> None:
        self._ledger.save_build(build)
        others = (known for known in self.builds(build.draft) if known.number != build.number)
        newest = sorted((build, *others), key=lambda known: known.number, reverse=True)
        self._builds[build.draft] = tuple(newest[: self._settings.keep_builds])
        self._on_change(build.draft)

    def _forget(self, draft: DraftId) -> None:
        self._releases.pop(draft, None)
        self._current.pop(draft, None)
        self._on_change(draft)

    def _next_number(self, draft: DraftId) -> int:
        known = max((build.number for build in self.builds(draft)), default=0)
        return max(known, disk.last_number(self._layout, draft)) + 1


_INTERNAL = Problem(
    code="internal",
    summary="drafterd itself failed during this build",
    hint="the daemon's log says where; please report it",
    mend=Mend.MACHINE,
)

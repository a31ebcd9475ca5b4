"""What may be asked of the daemon from outside: reports, logs, wishes.

Apart, because the API, the pages and `drafterd up` see nothing else of the house.
"""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from drafterd.domain import plan, state
from drafterd.domain.addressing import Addressing
from drafterd.domain.errors import DrafterdError, NotFound, WrongState
from drafterd.domain.interfaces import Builds, Drafts, Fixes, Ledger, Proxy, Runtime
from drafterd.domain.log_lines import LogLine
from drafterd.domain.masking import Mask
from drafterd.domain.model import Build, BuildStatus, FixRecord, Goal, Intent, Presence, Problem
from drafterd.domain.names import DraftId, InstanceId
from drafterd.domain.plan import Rules
from drafterd.domain.report import Check, DraftReport, StatusReport, Undone
from drafterd.domain.routing import RouteTable
from drafterd.domain.state import State, Work
from drafterd.domain.view import View
from drafterd.files import modified
from drafterd.layout import Layout
from drafterd.metrics import Metrics
from drafterd.reconcile import figures
from drafterd.reconcile.logs import Logs
from drafterd.reconcile.publish import Publisher
from drafterd.reconcile.purge import purge_source
from drafterd.reconcile.queue import WorkQueue
from drafterd.reconcile.report import report_of, shown_instance
from drafterd.reconcile.rollback import Rollback

SUBSCRIBER_MAX = 1000


class Control:
    """The daemon as its users see it.

    Args:
        views: The newest view of each draft, kept by the loop.
        home_port: The draft's home port if it has one.
        restarting: Instances that the operator wants started anew.
        usage: Resident memory in bytes by pid of an instance's first process.
    """

    def __init__(
        self,
        *,
        version: str,
        layout: Layout,
        views: Mapping[DraftId, View],
        queue: WorkQueue,
        drafts: Drafts,
        fixes: Fixes,
        builds: Builds,
        runtime: Runtime,
        proxy: Proxy,
        publisher: Publisher,
        ledger: Ledger,
        addressing: Addressing,
        rules: Rules,
        metrics: Metrics,
        logs: Logs,
        home_port: Callable[[DraftId], int | None],
        ports_free: Callable[[], int],
        sandbox: str,
        limits: str = "",
        restarting: set[InstanceId],
        usage: Callable[[], Mapping[int, int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._version = version
        self._layout = layout
        self._views = views
        self._queue = queue
        self._drafts = drafts
        self._fixes = fixes
        self._builds = builds
        self._runtime = runtime
        self._proxy = proxy
        self._publisher = publisher
        self._ledger = ledger
        self._addressing = addressing
        self._rules = rules
        self._metrics = metrics
        self._logs = logs
        self._home_port = home_port
        self._ports_free = ports_free
        self._sandbox = sandbox
        self._limits = limits
        self._restarting = restarting
        self._measure = usage
        self._usage: Mapping[int, int] = {}
        self._clock = clock
        self._started = clock()
        self._subscribers: set[asyncio.Queue[DraftId]] = set()
        self.rollback = Rollback(
            view=self._view, ledger=ledger, queue=queue, subscribe=self.subscribe, rules=rules, clock=clock
        )
        self.ready = False
        """Every draft has been looked at once."""

    # The daemon

    def status(self) -> StatusReport:
        """The daemon as a whole."""
        memory = psutil.virtual_memory()
        disk = shutil.disk_usage(self._layout.state)
        checks = self._last_checks
        return StatusReport(
            version=self._version,
            uptime=self._clock() - self._started,
            states=Counter(report.state.value for report in self.drafts()),
            queue=len([build for build in self.queue() if build.status is BuildStatus.QUEUED]),
            ports_free=self._ports_free(),
            sandbox=self._sandbox,
            limits=self._limits,
            proxy=checks[1],
            runtime=checks[0],
            ready=self.ready,
            problems=tuple(problem for problem in (self._drafts.problem, self._publisher.problem) if problem),
            rejected=self._drafts.rejected(),
            memory={"total": memory.total, "available": memory.available},
            disk={"total": disk.total, "free": disk.free},
        )

    _last_checks: tuple[Check, Check, Check] = (
        Check(name="runtime", ok=False, detail="not asked yet"),
        Check(name="proxy", ok=False, detail="not asked yet"),
        Check(name="first-pass", ok=False, detail="not every draft has been looked at yet"),
    )

    async def health(self) -> tuple[Check, ...]:
        """Whether supervisord and the proxy answer, and every draft was looked at once."""
        try:
            await self._runtime.observe()
            runtime = Check(name="runtime", ok=True, detail="supervisord answers")
        except DrafterdError as error:
            runtime = Check(name="runtime", ok=False, detail=error.summary)
        alive = await self._proxy.alive()
        proxy = Check(name="proxy", ok=alive, detail="the proxy answers" if alive else "the proxy does not answer")
        first = Check(
            name="first-pass", ok=self.ready, detail="" if self.ready else "not every draft was looked at yet"
        )
        self._last_checks = (runtime, proxy, first)
        return self._last_checks

    async def watch_health(self, every: float) -> None:
        """Ask for the health now and then, so that the status page can tell it at once."""
        while True:
            await self.health()
            with suppress(OSError):  # out of descriptors: the figures wait, the daemon lives
                self._usage = await asyncio.to_thread(self._measure)
            await asyncio.sleep(every)

    def metrics(self) -> bytes:
        """Everything that is counted, as Prometheus' text."""
        figures.measure(
            self._metrics,
            status=self.status(),
            reports=self.drafts(),
            views=self._views.values(),
            queue=self.queue(),
        )
        return self._metrics.text()

    def routes(self) -> RouteTable:
        """What the proxy has confirmed."""
        return self._publisher.confirmed

    def queue(self) -> tuple[Build, ...]:
        """What is being built, then what waits, in the order of its turn."""
        return self._builds.queue()

    def held_back(self, draft: DraftId) -> str:
        """Why a draft that waits to be built does not begin now, for people; "": it does."""
        return self._builds.held_back(draft)

    async def scan(self) -> None:
        """Look at every folder now."""
        await self._drafts.scan()

    # Drafts

    def drafts(self) -> tuple[DraftReport, ...]:
        """Every draft, by id; those that are kept out or fully removed are not shown."""
        positions = self._positions()
        return tuple(
            self._report(view, positions) for _, view in sorted(self._views.items()) if not self._is_hidden(view)
        )

    def draft(self, draft: DraftId) -> DraftReport:
        """One draft. Raises `NotFound`."""
        return self._report(self._view(draft), self._positions())

    def _view(self, draft: DraftId) -> View:
        view = self._views.get(draft)
        if view is None or self._is_hidden(view):
            raise NotFound(f"there is no draft {draft}", hint=f"drop a folder of that name into {self._layout.drafts}")
        return view

    @staticmethod
    def _is_hidden(view: View) -> bool:
        nothing_made = not (view.releases or view.builds or view.instances)
        removed = view.intent.goal is Goal.REMOVE and plan.removing(view)
        gone = view.source.presence is Presence.GONE
        return nothing_made and (view.source.skip or removed or gone)

    def _positions(self) -> Mapping[DraftId, int]:
        waiting = (build for build in self.queue() if build.status is BuildStatus.QUEUED)
        return {build.draft: number for number, build in enumerate(waiting, start=1)}

    def _report(self, view: View, positions: Mapping[DraftId, int]) -> DraftReport:
        instance = shown_instance(view)
        return replace(
            report_of(view, self._rules, self._addressing.urls(view.draft)),
            port=self._home_port(view.draft),
            settled_at=modified(self._layout.fix_record(view.draft)) if view.fix else None,
            rss_bytes=self._usage.get(instance.pid) if instance and instance.pid else None,
            queue_position=positions.get(view.draft, 0),
        )

    async def wait(self, draft: DraftId, *, state: State, timeout: float) -> DraftReport:  # noqa: ASYNC109 - told to people
        """The draft once it is in that state, or has failed for good, or the time is over."""
        deadline = time.monotonic() + timeout
        with self.subscribe() as changes:
            while True:
                report = self.draft(draft)
                over = report.state is State.FAILED and report.work is Work.NONE
                rest = deadline - time.monotonic()
                if report.state is state or over or rest <= 0:
                    return report
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(rest, 5.0)):
                        while await changes.get() != draft:
                            pass

    @contextmanager
    def subscribe(self, watched: DraftId | None = None) -> Iterator[asyncio.Queue[DraftId]]:
        """A queue with the id of each draft that changes, from now on; bounded, the oldest are dropped.

        `watched` is a draft that somebody looks at meanwhile.
        """
        changes: asyncio.Queue[DraftId] = asyncio.Queue(SUBSCRIBER_MAX)
        self._subscribers.add(changes)
        try:
            with self._builds.watched(watched) if watched else nullcontext():
                yield changes
        finally:
            self._subscribers.discard(changes)

    def changed(self, draft: DraftId) -> None:
        """Tell all subscribers; called by the loop."""
        for changes in self._subscribers:
            if changes.full():
                changes.get_nowait()
            changes.put_nowait(draft)

    # Builds and logs

    def builds(self, draft: DraftId) -> tuple[Build, ...]:
        """Newest first."""
        self._view(draft)
        return self._builds.builds(draft)

    def build(self, draft: DraftId, number: int) -> Build:
        """One build. Raises `NotFound`."""
        for build in self.builds(draft):
            if build.number == number:
                return build
        raise NotFound(f"{draft} has no build {number}", hint="drafterd show lists its builds")

    def build_log(self, draft: DraftId, number: int) -> Path:
        """The log file of a build. Raises `NotFound`."""
        self.build(draft, number)
        return self._builds.log_path(draft, number)

    def instance_log(self, draft: DraftId) -> tuple[Path, Mask] | None:
        """The file with what the draft's server prints, and what hides its secrets; None: it has none."""
        instance = self.draft(draft).instance
        return (self._runtime.log_path(instance.id), self._runtime.mask(instance.id)) if instance else None

    def tail(self, path: Path, lines: int) -> tuple[str, ...]:
        """The last lines of a log; none if it does not exist."""
        return self._logs.tail(path, lines)

    def last_lines(self, draft: DraftId, number: int, count: int) -> tuple[LogLine, ...]:
        """The last lines of a build's log."""
        return self._logs.last(self.build_log(draft, number), count)

    def follow(
        self, draft: DraftId, number: int, *, offset: int, live: bool = True
    ) -> AsyncIterator[tuple[LogLine, ...]]:
        """The lines of a build's log from a byte offset on, until the build has ended; not `live`: until now."""
        path = self.build_log(draft, number)

        def ended() -> bool:
            try:
                return not (live and self.build(draft, number).status.active)
            except NotFound:
                return True

        return self._logs.follow(path, offset, ended)

    def around_error(self, build: Build, problem: Problem) -> tuple[tuple[LogLine, ...], int]:
        """The lines of a failed build around its first error, and which of them it is; -1 for none."""
        log, scratch = self.build_log(build.draft, build.number), self._layout.scratch(build.draft)
        return self._logs.around_error(log, problem, scratch)

    def fixes(self, draft: DraftId) -> FixRecord | None:
        """What the fixes found and did, or None: they have not run yet."""
        self._view(draft)
        return self._fixes.record(draft)

    async def undo(self, draft: DraftId) -> Undone:
        """Put the author's files back as they were before the fixes."""
        self._view(draft)
        done = await self._fixes.undo(draft)
        self._ledger.record_event(draft, "undone", {"files": len(done.restored)})
        await self._drafts.scan()
        self._queue.add(draft)
        return done

    async def rebuild(self, draft: DraftId, *, clean: bool) -> Build:
        """Build once more, whatever came of the last time. Raises `WrongState`."""
        view = self._view(draft)
        if view.key is None or not plan.fresh(view, self._rules):
            problem = state.problem(view, self._rules)
            why = problem.summary if problem else "its source has not settled"
            raise WrongState(f"{draft} cannot be built yet: {why}", hint="mend that first; it is then built by itself")
        if view.intent.goal is not Goal.RUN:
            self._want(draft, replace(view.intent, goal=Goal.RUN, asked_at=self._clock()))
        build = await self._builds.enqueue(draft, view.key, clean=clean)
        self._queue.add(draft)
        return build

    async def cancel(self, draft: DraftId) -> None:
        """End the draft's build. Raises `WrongState` when there is none."""
        if self._view(draft).active_build is None:
            raise WrongState(f"{draft} is not being built", hint="drafterd queue shows what is")
        problem = Problem(
            code="cancelled",
            summary="the build was cancelled",
            hint="change the source, or ask for the build again",
            since=self._clock(),
        )
        await self._builds.cancel(draft, problem=problem)
        self._queue.add(draft)

    # Wishes

    async def pause(self, draft: DraftId) -> bool:
        """Stop the draft and keep it stopped; False if it already is."""
        return self._want_goal(draft, Goal.PAUSE)

    async def resume(self, draft: DraftId) -> bool:
        """Let the draft run again; False if it already may."""
        return self._want_goal(draft, Goal.RUN)

    async def restart(self, draft: DraftId) -> bool:
        """Stop the draft's server and start it anew; False if there is none. Raises `NotFound`."""
        view = self._view(draft)
        instance = view.instance(view.current)
        if instance is None:
            return False
        self._restarting.add(instance.id)
        self._queue.add(draft)
        return True

    async def remove(self, draft: DraftId, *, purge: bool) -> None:
        """Unroute and stop the draft and delete all that was made of it; its folder too with `purge`."""
        self._view(draft)
        await self._drafts.scan()  # what is removed is the source as it is now
        if purge:
            await asyncio.to_thread(purge_source, self._layout, draft)
        stamp = self._drafts.observe(draft).stamp
        self._want(draft, Intent(goal=Goal.REMOVE, asked_at=self._clock(), stamp=stamp))
        if purge:
            await self._drafts.scan()

    def _want_goal(self, draft: DraftId, goal: Goal) -> bool:
        intent = self._view(draft).intent
        if intent.goal is goal:
            return False
        self._want(draft, replace(intent, goal=goal, asked_at=self._clock()))
        return True

    def _want(self, draft: DraftId, intent: Intent) -> None:
        self._ledger.set_intent(draft, intent)
        self._ledger.record_event(draft, "asked", {"goal": intent.goal.value})
        self._queue.add(draft)

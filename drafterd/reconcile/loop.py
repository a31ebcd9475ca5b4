"""The reconcile loop: takes a draft from the queue, observes it, plans, performs.

A draft is never handled by two workers; an unexpected error slows that draft down and no other.
"""

import asyncio
import errno
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from drafterd.domain import state
from drafterd.domain.errors import DiskFull, DrafterdError, MachineFailed, Superseded
from drafterd.domain.interfaces import Drafts
from drafterd.domain.model import Mend, Problem
from drafterd.domain.names import DraftId
from drafterd.domain.plan import Plan, Rules, plan
from drafterd.domain.view import View
from drafterd.metrics import Metrics
from drafterd.reconcile.observe import Observer
from drafterd.reconcile.perform import Performer
from drafterd.reconcile.queue import WorkQueue

WORKERS = 4
BEAT = 5
RESYNC = 30
PULSE = DraftId("_drafterd")
"""No draft can have this name: a turn of the loop that only shows that it turns."""
BACK_OFF = (1.0, 2.0, 5.0, 15.0, 60.0)

_log = structlog.get_logger(__name__)


class Loop:
    """Keeps every draft as it should be.

    Args:
        on_view: Called with the old (or None) and the new view whenever one was taken.
        on_first_pass: Called once, when every draft was looked at.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        drafts: Drafts,
        observer: Observer,
        performer: Performer,
        rules: Rules,
        metrics: Metrics,
        on_view: Callable[[View | None, View], None],
        on_first_pass: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._drafts = drafts
        self._observer = observer
        self._performer = performer
        self._rules = rules
        self._metrics = metrics
        self._on_view = on_view
        self._on_first_pass = on_first_pass
        self._clock = clock
        self._troubles: dict[DraftId, Problem] = {}
        self._failures: dict[DraftId, int] = {}
        self._unseen: set[DraftId] | None = None
        self.views: dict[DraftId, View] = {}
        self.turns = 0
        """Counts every look, at least one every `BEAT` seconds: what feeds the watchdog."""

    async def run(self) -> None:
        """Work until cancelled."""
        await self._drafts.scan()
        self._unseen = set(self._drafts.known())
        for draft in sorted(self._unseen):
            self._queue.add(draft)
        self._seen(None)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(self._work())
            tasks.create_task(self._resync())

    async def _resync(self) -> None:
        """Look at every draft now and then, whatever the events said; spread over a beat."""
        for beat in itertools.count(1):
            await asyncio.sleep(BEAT)
            self._queue.add(PULSE)
            if beat % (RESYNC // BEAT) == 0:
                for draft in self._drafts.known():
                    self._queue.add(draft, after=random.uniform(0, BEAT))  # noqa: S311 - spreads load, guards nothing

    async def _work(self) -> None:
        while True:
            draft = await self._queue.get()
            begun = time.monotonic()
            try:
                await self._look_at(draft)
                self._failures.pop(draft, None)
            except Superseded:
                self._queue.add(draft, after=0.1)
            except DrafterdError as error:
                self._fail(draft, error)
            except OSError as error:
                self._fail(draft, _of_system(error))
            except Exception as error:  # noqa: BLE001 - the one place: a fault in one draft must not end the others
                _log.exception("reconcile.failed", draft=draft)
                self._metrics.reconcile_errors.inc()
                self._fail(draft, DrafterdError(f"unexpected error: {type(error).__name__}"))
            finally:
                self._queue.done(draft)
                self.turns += 1
                self._metrics.reconcile_seconds.observe(time.monotonic() - begun)
                self._seen(draft)

    async def _look_at(self, draft: DraftId) -> None:
        if draft not in self._drafts.known():
            self.views.pop(draft, None)  # discarded, nothing of it is left; or the pulse
            return
        view = self._take(
            self._observer.view(draft, await self._observer.instances(draft), trouble=self._troubles.get(draft))
        )
        decided = plan(view, self._clock(), self._rules)
        for action in decided.actions:
            await self._performer.perform(view, action)
        if self._troubles.pop(draft, None) is not None and not decided.actions:
            self._queue.add(draft)
        self._look_again(draft, decided)

    def _look_again(self, draft: DraftId, decided: Plan) -> None:
        if decided.actions:
            _log.debug("reconcile.done", draft=draft, why=decided.why)
            self._queue.add(draft)
        elif decided.again_after is not None:
            self._queue.add(draft, after=decided.again_after)

    def _take(self, view: View) -> View:
        before = self.views.get(view.draft)
        self.views[view.draft] = view
        if before is None or _told(before) != _told(view):
            self._note_edge(before, view)
            self._on_view(before, view)
        return view

    def _note_edge(self, before: View | None, view: View) -> None:
        new = state.derive(view, self._rules)
        if before is None:
            return
        old = state.derive(before, self._rules)
        if old is new:
            return
        problem = state.problem(view, self._rules)
        _log.info(
            "draft.state", draft=view.draft, state=new.value, before=old.value, reason=problem and problem.summary
        )
        if new not in state.LEGAL_EDGES[old]:
            self._metrics.illegal_edges.inc()
            _log.warning("draft.edge", draft=view.draft, state=new.value, before=old.value)

    def _fail(self, draft: DraftId, error: DrafterdError) -> None:
        failures = self._failures.get(draft, 0)
        self._failures[draft] = failures + 1
        wait = BACK_OFF[min(failures, len(BACK_OFF) - 1)]
        known = self._troubles.get(draft)
        trouble = Problem(
            code=error.code,
            summary=error.summary,
            hint=error.hint,
            mend=Mend.MACHINE,
            since=known.since if known and known.code == error.code else self._clock(),
            retry_at=self._clock() + wait,
        )
        if known is None or known.code != trouble.code:
            _log.warning("reconcile.postponed", draft=draft, reason=error.summary, hint=error.hint)
        self._troubles[draft] = trouble
        # Nothing may be looked up here: what failed may have been just that.
        last = self.views.get(draft) or View(draft=draft, source=self._drafts.observe(draft))
        self._take(replace(last, trouble=trouble))
        self._queue.add(draft, after=wait)

    def _seen(self, draft: DraftId | None) -> None:
        if self._unseen is None:
            return
        self._unseen.discard(draft or DraftId(""))
        if not self._unseen:
            self._unseen = None
            self._on_first_pass()


def _of_system(error: OSError) -> DrafterdError:
    """What a refused call to the system means for people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("there is no space left on the disk", hint="free space where drafterd keeps its state")
    where = f"{error.filename}: " if error.filename else ""
    return MachineFailed(f"{where}{error.strerror or error}", hint="look at that file's rights, and at the disk")


def _told(view: View) -> View:
    """The view without what changes by itself with time."""
    return replace(
        view, source=replace(view.source, settles_in=0.0), trouble=view.trouble and replace(view.trouble, retry_at=None)
    )

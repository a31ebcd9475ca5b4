"""Hands the route table to the proxy: one coalescing task for all drafts.

Many drafts that become ready at once give one table. What the proxy has confirmed, and what is on
its way to it, is known here, so that no instance is stopped while a route names it.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

import structlog

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.interfaces import Proxy
from drafterd.domain.model import Address, Instance, Mend, Problem
from drafterd.domain.names import DraftId, InstanceId
from drafterd.domain.routing import RouteTable, Target, table_of

COALESCE = 0.02
VERIFY_EVERY = 5.0
RETRY = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0)

_ADOPT_WITHIN = 1.0
"""Seconds that the start waits for the proxy to show what it was given before."""

_Parts = tuple[RouteTable, frozenset[Address], Mapping[DraftId, Target | None]]

_log = structlog.get_logger(__name__)


class Publisher:
    """The desired routes of all drafts, and how far the proxy is with them.

    Args:
        on_change: Called with each draft whose confirmed route changed.
        on_published: Called with the seconds each publication took.
    """

    def __init__(
        self,
        proxy: Proxy,
        *,
        on_change: Callable[[DraftId], None],
        on_published: Callable[[float], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._proxy = proxy
        self._on_change = on_change
        self._on_published = on_published
        self._clock = clock
        self._targets: Mapping[DraftId, Target | None] = {}
        self._confirmed = RouteTable()
        self._unconfirmed: frozenset[Address] = frozenset()
        self._left_out: frozenset[DraftId] = frozenset()
        self._named_by: tuple[_Parts, frozenset[Address]] | None = None
        self._left: dict[Address, float] = {}
        self._wake = asyncio.Event()
        self._opened = asyncio.Event()
        self._started_at = clock()
        self._verified = False
        self.problem: Problem | None = None

    async def adopt(self) -> None:
        """Take over the table that the proxy already has: what an earlier daemon left.

        Where the proxy shows it at once, what was served is ready from the first look on: visitors of static drafts,
        who have waited for this daemon, are not told that their draft is starting.
        """
        self._confirmed = await self._proxy.observe()
        self._targets = {route.draft: route.target for route in self._confirmed.routes}
        if not self._confirmed.routes or not await self._proxy.alive():
            return
        with suppress(ProxyRejected, TimeoutError):
            async with asyncio.timeout(_ADOPT_WITHIN):
                await self._proxy.publish(self._confirmed)
                self._verified = True

    def open(self, known: Collection[DraftId]) -> None:
        """From now on tables are published: every draft has been looked at once.

        Routes that an earlier daemon left for drafts nobody knows any more are dropped.
        """
        self._targets = {draft: target for draft, target in self._targets.items() if draft in known}
        self._opened.set()
        self._wake.set()

    @property
    def confirmed(self) -> RouteTable:
        """The newest table that the proxy has; an adopted one counts once the proxy has shown it."""
        return self._confirmed if self._verified else RouteTable()

    def reached(self, draft: DraftId) -> Target | None:
        """What visitors of a draft surely reach, or None.

        A table on its way, which the proxy may have by now, must not have left the draft out.
        """
        return None if draft in self._left_out else self.confirmed.target(draft)

    def target(self, draft: DraftId) -> Target | None:
        """What was last asked for a draft."""
        return self._targets.get(draft)

    def route(self, draft: DraftId, target: Target | None) -> None:
        """Ask for a draft's route; published soon after."""
        if self._targets.get(draft) == target:
            return
        # A new mapping, never a changed one: `_named` goes by that.
        others = {name: other for name, other in self._targets.items() if name != draft}
        self._targets = others if target is None else {**others, draft: target}
        self._wake.set()

    def routed(self, instances: Iterable[Instance]) -> frozenset[Address]:
        """Those addresses of the instances that the confirmed table, one on its way, or the next one names."""
        named = self._named()
        return frozenset(
            instance.address for instance in instances if instance.address is not None and instance.address in named
        )

    def _named(self) -> frozenset[Address]:
        """Every address that is named; found anew only when one of the parts is another object."""
        parts = (self._confirmed, self._unconfirmed, self._targets)
        if self._named_by is None or any(new is not old for new, old in zip(parts, self._named_by[0], strict=True)):
            asked = frozenset(target.address for target in self._targets.values() if target and target.address)
            self._named_by = (parts, self._confirmed.addresses | self._unconfirmed | asked)
        return self._named_by[1]

    def unrouted_since(self, instances: Iterable[Instance]) -> Mapping[InstanceId, float]:
        """When the address of each instance left the table; none for those that were never in it.

        Of an instance that is older than this daemon nobody knows: it counts from the start.
        """
        found = {}
        for instance in instances:
            if instance.address is None:
                continue
            left = self._left.get(instance.address)
            if left is not None:
                found[instance.id] = left
            elif 0 < instance.since < self._started_at:
                found[instance.id] = self._started_at
        return found

    def forget(self, address: Address) -> None:
        """An instance is gone: its address may be another's from now on."""
        self._left.pop(address, None)

    async def run(self) -> None:
        """Publish until cancelled."""
        await self._opened.wait()
        failures = 0
        while True:
            wanted = table_of(self._targets)
            if await self._publish(wanted):
                failures = 0
                pause = VERIFY_EVERY
            else:
                pause = RETRY[min(failures, len(RETRY) - 1)]
                failures += 1
            await self._idle(pause, eager=failures == 0)

    async def _idle(self, pause: float, *, eager: bool) -> None:
        """Wait for a wish, at most `pause` seconds; then let others join it."""
        self._wake.clear()
        if eager and table_of(self._targets) != self._confirmed:
            return  # asked for while we published
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(COALESCE)

    async def _publish(self, wanted: RouteTable) -> bool:
        changed = wanted != self._confirmed or not self._verified
        self._unconfirmed = self._unconfirmed | wanted.addresses
        self._left_out |= _drafts(self._confirmed) - _drafts(wanted)
        begun = time.monotonic()
        try:
            await self._proxy.publish(wanted)
        except ProxyRejected as error:
            self._fail(error)
            return False
        seconds = time.monotonic() - begun
        before = self._confirmed.addresses | self._unconfirmed
        known, self._confirmed, self._unconfirmed, self.problem = self._confirmed, wanted, frozenset(), None
        doubtful, self._left_out = self._left_out & _drafts(wanted), frozenset()
        for draft in doubtful:
            self._on_change(draft)
        if not self._verified:
            self._verified = True
            for route in wanted.routes:
                self._on_change(route.draft)
        if changed:
            self._on_published(seconds)
            _log.info("route.published", routes=len(wanted.routes), seconds=round(seconds, 3))
            self._note(known, wanted, before)
        return True

    def _fail(self, error: ProxyRejected) -> None:
        """Old routes stay; what the table names may have arrived all the same, and stays guarded."""
        if self.problem is None:
            _log.error("route.rejected", reason=error.summary, hint=error.hint)
        self.problem = Problem(
            code=error.code,
            summary=error.summary,
            hint=error.hint,
            mend=Mend.MACHINE,
            since=self.problem.since if self.problem else self._clock(),
        )

    def _note(self, before: RouteTable, after: RouteTable, routed: frozenset[Address]) -> None:
        """`routed` holds every address that some table named since the last confirmation."""
        now = self._clock()
        for address in routed - after.addresses:
            self._left[address] = now
        for address in after.addresses:
            self._left.pop(address, None)
        was = {route.draft: route.target for route in before.routes}
        is_now = {route.draft: route.target for route in after.routes}
        for draft in was.keys() | is_now.keys():
            if was.get(draft) != is_now.get(draft):
                self._on_change(draft)


def _drafts(table: RouteTable) -> frozenset[DraftId]:
    return frozenset(route.draft for route in table.routes)

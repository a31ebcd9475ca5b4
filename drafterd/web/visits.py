"""The live part of a waiting page: its steps as they go, its log, and the moment it is over."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from aiohttp_sse import EventSourceResponse

from drafterd.domain.errors import NotFound
from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State
from drafterd.reconcile.control import Control
from drafterd.web.events import next_changes
from drafterd.web.log_stream import LogStream, Position
from drafterd.web.pages import render
from drafterd.web.places import Place

_LOOK_EVERY = 5.0
"""Seconds after which a page is told anew even if no change was heard of."""
_NOT_OFTENER = 0.1

_WAITING = frozenset({State.SETTLING, State.QUEUED, State.BUILDING, State.STARTING, State.ASLEEP})

Produce = Callable[[EventSourceResponse], Awaitable[None]]


def draft_events(control: Control, place: Place, *, details: bool, position: Position | None = None) -> Produce:
    """Events of one draft's page.

    `live` carries the new inner HTML of the page's living part, `reload` says that the page is another
    one from now on; those of its log are told in `log_stream`.

    Args:
        details: Whether the visitor may see lines of logs.
        position: What the page knows of the log.
    """

    async def produce(response: EventSourceResponse) -> None:
        visit = _Visit(control, place, response)
        logs = LogStream(control, place.draft, response, position)
        async with asyncio.TaskGroup() as group:
            follower = group.create_task(visit.follow(logs)) if details else None
            await visit.tell_changes()
            if follower is not None:
                follower.cancel()

    return produce


class _Visit:
    def __init__(self, control: Control, place: Place, response: EventSourceResponse) -> None:
        self._control = control
        self._place = place
        self._response = response
        self._look = asyncio.Event()

    async def tell_changes(self) -> None:
        """Until the page is another one."""
        with self._control.subscribe(self._place.draft) as changes:
            began_with = _kind(self._report())
            told = ""
            while True:
                report = self._report()
                self._look.set()
                if _kind(report) != began_with or began_with == "ready":
                    await self._response.send(json.dumps(_kind(report)), event="reload")
                    return
                if report is not None and began_with == "waiting":
                    told = await self._tell(report, told)
                await self._next(changes)

    async def _tell(self, report: DraftReport, told: str) -> str:
        html = render("progress.html", report=report)
        if html != told:
            await self._response.send(html, event="live")
        return html

    async def _next(self, changes: asyncio.Queue[DraftId]) -> None:
        ends = time.monotonic() + _LOOK_EVERY
        while (left := ends - time.monotonic()) > 0:
            if self._place.draft in await next_changes(changes, within=left):
                break
        await asyncio.sleep(_NOT_OFTENER)

    async def follow(self, logs: LogStream) -> None:
        """The logs of the builds that run while the page is open."""
        while True:
            await self._look.wait()
            self._look.clear()
            await logs.follow_running()

    def _report(self) -> DraftReport | None:
        try:
            return self._control.draft(self._place.draft)
        except NotFound:
            return None


def _kind(report: DraftReport | None) -> str:
    """Which page a draft has now."""
    if report is None:
        return "unknown"
    return "waiting" if report.state in _WAITING else report.state.value

"""The log of a draft's builds as events of a page, each build that runs while it is open.

`log` carries lines of one step as HTML, `step` says that a step begins, `ended` how the last one ended, `clear`
that another log begins. The id of an event is a place in a log, so that a page that was cut off goes on there.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from itertools import groupby

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from drafterd.domain.errors import NotFound
from drafterd.domain.log_lines import LineKind, LogLine
from drafterd.domain.model import Build, BuildStatus
from drafterd.domain.names import DraftId
from drafterd.reconcile.control import Control
from drafterd.web.display import duration
from drafterd.web.events import next_changes
from drafterd.web.log_view import LINES, label, position_of, rows, state_of

_POSITION = re.compile(r"(\d{1,9})-(\d{1,15})\Z", re.ASCII)
_AT_ONCE = 500
"""Lines of a flood that a page is sent of each piece; nobody reads more."""

_LOOK_EVERY = 5.0

Position = tuple[int, int]


def asked_position(request: web.Request) -> Position | None:
    """Which build's log a page knows up to which byte; None for none."""
    given = request.headers.get("Last-Event-ID") or request.query.get("log", "")
    found = _POSITION.match(given)
    return (int(found[1]), int(found[2])) if found else None


def log_events(
    control: Control, draft: DraftId, position: Position | None
) -> Callable[[EventSourceResponse], Awaitable[None]]:
    """Events of the logs alone, for a page that has its other news from elsewhere."""

    async def produce(response: EventSourceResponse) -> None:
        stream = LogStream(control, draft, response, position)
        with control.subscribe(draft) as changes:
            while True:
                await stream.follow_running()
                await next_changes(changes, within=_LOOK_EVERY)

    return produce


class LogStream:
    """Sends one page the logs of one draft."""

    def __init__(
        self, control: Control, draft: DraftId, response: EventSourceResponse, position: Position | None
    ) -> None:
        self._control = control
        self._draft = draft
        self._response = response
        self._position = position
        self._followed = 0

    async def follow_running(self) -> None:
        """Send the log of the build that runs now, to its end. Returns at once when none does."""
        try:
            build = self._control.draft(self._draft).build
            if build is None or build.number == self._followed or not self._is_news(build):
                return
            self._followed = build.number
            await self._follow(build)
        except NotFound:
            return

    def _is_news(self, build: Build) -> bool:
        """Whether it runs, or ran when the page was made: then its last lines are missing there."""
        known = self._position is not None and self._position[0] == build.number
        return build.status is BuildStatus.RUNNING or (known and not build.status.active)

    async def _follow(self, build: Build) -> None:
        offset = await self._begin(build)
        async for lines in self._control.follow(self._draft, build.number, offset=offset):
            await self._send(build, lines)
        ended = self._control.build(self._draft, build.number)
        step = ended.step or ["", *ended.steps][-1]
        await self._tell("ended", {"state": state_of(ended, step), "took": _took(ended, step)})

    async def _begin(self, build: Build) -> int:
        """Where the page's knowledge ends; it is given the last lines where it has none."""
        if self._position is not None and self._position[0] == build.number:
            return self._position[1]
        await self._response.send("", event="clear")
        lines = await asyncio.to_thread(self._control.last_lines, self._draft, build.number, LINES)
        await self._send(build, lines)
        return lines[-1].end if lines else 0

    async def _send(self, build: Build, lines: tuple[LogLine, ...]) -> None:
        for step, found in groupby(_fewer(lines), key=lambda line: line.step):
            part = list(found)
            if part[0].kind is LineKind.STEP:
                await self._tell_step(build.number, step)
            html = rows(part, began=build.started)
            if html:
                position = position_of(build.number, part[-1].end)
                await self._tell("log", {"step": step, "label": label(step), "html": html}, position)

    async def _tell_step(self, number: int, step: str) -> None:
        """A step begins: the one before it has ended well."""
        build = self._control.build(self._draft, number)
        before = ["", *(name for name in build.steps if name != step)][-1]
        await self._tell("step", {"step": step, "label": label(step), "took": _took(build, before)})

    async def _tell(self, event: str, said: dict[str, str], position: str | None = None) -> None:
        await self._response.send(json.dumps(said), event=event, id=position)


def _took(build: Build, step: str) -> str:
    return duration(build.steps.get(step))


def _fewer(lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
    """Steps, and the last lines of a flood with a word on what is missing."""
    if len(lines) <= _AT_ONCE:
        return lines
    left, shown = lines[:-_AT_ONCE], lines[-_AT_ONCE:]
    steps = [line for line in left if line.kind is LineKind.STEP]
    missing = len(left) - len(steps)
    word = LogLine(left[-1].end, left[-1].time, LineKind.NOTE, left[-1].step, f"{missing} lines are not shown here")
    return (*steps, word, *shown)

"""A log as an answer: its text, its last lines, or the lines of a running build as they come."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from drafterd.domain.errors import NotFound
from drafterd.domain.model import BuildStatus
from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.reconcile.control import Control
from drafterd.web.display import clean_line, clean_lines, without_time
from drafterd.web.operations import Call
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import Body, LogQuery

EVENT_STREAM = "text/event-stream"
_TEXT = "text/plain"
_OFFSET_DIGITS = 15


async def log_answer(call: Call[LogQuery, Any], path: Path) -> web.StreamResponse:
    """The file's text, whole (with `Range`) or its tail. Raises `NotFound`."""
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("there is no log yet")
    if call.query.tail is None:
        return web.FileResponse(
            path, headers={"Content-Type": f"{_TEXT}; charset=utf-8", "Cache-Control": "private, no-cache"}
        )
    lines = clean_lines(call.control.tail(path, call.query.tail))
    return web.Response(text="".join(f"{line}\n" for line in lines), content_type=_TEXT)


async def build_log_answer(call: Call[LogQuery, Body]) -> web.StreamResponse:
    """The log of one build; live when an event stream is asked for."""
    call.control.build(call.draft, call.number)
    path = call.control.build_log(call.draft, call.number)
    if EVENT_STREAM not in call.request.headers.get("Accept", ""):
        return await log_answer(call, path)
    draft, number, control = call.draft, call.number, call.control
    offset = _resume_at(call.request)

    async def produce(response: EventSourceResponse) -> None:
        async for after, line in control.follow(draft, number, offset=offset):
            await response.send(clean_line(line), id=str(after))
        await response.send(control.build(draft, number).status.value, event="end")

    return await call.streams.serve(call.request, produce)


def _resume_at(request: web.Request) -> int:
    """The byte that the visitor has read up to."""
    given = request.headers.get("Last-Event-ID", "")
    if not given:
        return 0
    if given.isascii() and given.isdigit() and len(given) <= _OFFSET_DIGITS:
        return int(given)
    raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-values", "Last-Event-ID: not one of this stream")


async def latest_lines(control: Control, draft: DraftId, number: int, *, window: int) -> AsyncIterator[str]:
    """The last `window` bytes of a build's log in whole lines, then each line as it comes."""
    path = control.build_log(draft, number)
    start = _start(path, window)
    whole = start == 0
    async for _, line in control.follow(draft, number, offset=start):
        if whole:
            yield clean_line(without_time(line))
        whole = True


def _start(path: Path, window: int) -> int:
    """Where the last `window` bytes begin; 0 for a file that is not there yet."""
    try:
        return max(0, path.stat().st_size - window)
    except OSError:
        return 0


def last_lines(control: Control, report: DraftReport, count: int) -> tuple[str, ...]:
    """The end of the log of a draft's newest build, as a page shows it; none before it runs."""
    build = report.build
    if build is None or build.status is BuildStatus.QUEUED:
        return ()
    tail = control.tail(control.build_log(report.id, build.number), count)
    return tuple(clean_line(without_time(line)) for line in tail)

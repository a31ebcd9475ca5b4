"""The log of a build as an answer: its text, its last lines, its first error, or its lines as they come."""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Protocol

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from drafterd.domain.errors import NotFound
from drafterd.domain.log_lines import TELLS_OF_ERROR, LineKind, LogLine, plain
from drafterd.domain.model import Build
from drafterd.reconcile.control import Control
from drafterd.web.build_shapes import Shape
from drafterd.web.display import coloured_line
from drafterd.web.operations import Call
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import LINES_MAX, Body, BuildLogQuery

EVENT_STREAM = "text/event-stream"
_TEXT, _LINES = "text/plain", "application/x-ndjson"
_OFFSET_DIGITS = 15


class _Show(Protocol):
    """A way to show a line."""

    def __call__(self, line: LogLine, *, error: bool = False) -> str: ...


class LogLineShape(Shape):
    """One line of a build's log.

    `kind` is `step` (its text is the step's name), `note` (a word of ours) or `output`; `text` keeps its colours;
    `error`: it is the first error of a failed build. `time` is "" where none is known.
    """

    time: str
    step: str
    kind: str
    text: str
    error: bool = False

    @classmethod
    def of(cls, line: LogLine, *, error: bool = False) -> "LogLineShape":
        """A line as it may be shown."""
        return cls(
            time=line.time, step=coloured_line(line.step), kind=line.kind, text=coloured_line(line.text), error=error
        )


async def build_log_answer(call: Call[BuildLogQuery, Body]) -> web.StreamResponse:
    """The log of one build; live when an event stream is asked for. Raises `NotFound`, `HttpProblem`."""
    build = call.control.build(call.draft, call.number)
    shown = _SHOWN[call.query.format]
    if EVENT_STREAM in call.request.headers.get("Accept", ""):
        return await _live(call, shown)
    path = call.control.build_log(call.draft, call.number)
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("there is no log yet")
    if call.query.errors is not None:
        return _answer(call, await asyncio.to_thread(_errors, call.control, build))
    if call.query.tail is not None:
        lines = await asyncio.to_thread(call.control.last_lines, call.draft, call.number, call.query.tail)
        return _answer(call, [(line, False) for line in lines])
    if call.query.format == "json":
        return await _whole(call)
    return web.FileResponse(
        path, headers={"Content-Type": f"{_TEXT}; charset=utf-8", "Cache-Control": "private, no-cache"}
    )


def _answer(call: Call[BuildLogQuery, Body], lines: Iterable[tuple[LogLine, bool]]) -> web.Response:
    shown = _SHOWN[call.query.format]
    text = "".join(f"{shown(line, error=error)}\n" for line, error in lines)
    return web.Response(text=text, content_type=_TEXT if call.query.format == "text" else _LINES)


async def _whole(call: Call[BuildLogQuery, Body]) -> web.StreamResponse:
    """An object for each line that there is now."""
    response = web.StreamResponse(headers={"Content-Type": _LINES, "Cache-Control": "private, no-cache"})
    await response.prepare(call.request)
    if call.request.method != "HEAD":
        async for lines in call.control.follow(call.draft, call.number, offset=0, live=False):
            await response.write("".join(f"{_as_json(line)}\n" for line in lines).encode())
    await response.write_eof()
    return response


def _errors(control: Control, build: Build) -> list[tuple[LogLine, bool]]:
    """The first error of a failed build and the lines around it, else whatever tells of errors."""
    if build.problem is not None:
        lines, first = control.around_error(build, build.problem)
        return [(line, number == first) for number, line in enumerate(lines)]
    lines = control.last_lines(build.draft, build.number, LINES_MAX)
    return [
        (line, False) for line in lines if line.kind is not LineKind.STEP and TELLS_OF_ERROR.search(plain(line.text))
    ]


async def _live(call: Call[BuildLogQuery, Body], shown: _Show) -> web.StreamResponse:
    draft, number, control = call.draft, call.number, call.control
    offset = _resume_at(call.request)

    async def produce(response: EventSourceResponse) -> None:
        async for lines in control.follow(draft, number, offset=offset):
            for line in lines:
                await response.send(shown(line), id=str(line.end))
        await response.send(control.build(draft, number).status.value, event="end")

    return await call.streams.serve(call.request, produce)


def _as_text(line: LogLine, *, error: bool = False) -> str:
    text = f"{line.time} {line.marked}" if line.time else line.marked
    return f"{'> ' if error else ''}{coloured_line(text)}"


def _as_json(line: LogLine, *, error: bool = False) -> str:
    return LogLineShape.of(line, error=error).model_dump_json()


_SHOWN: Mapping[str, _Show] = {"text": _as_text, "json": _as_json}


def _resume_at(request: web.Request) -> int:
    """The byte that the visitor has read up to."""
    given = request.headers.get("Last-Event-ID", "")
    if not given:
        return 0
    if given.isascii() and given.isdigit() and len(given) <= _OFFSET_DIGITS:
        return int(given)
    raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-values", "Last-Event-ID: not one of this stream")

"""The API's operations on drafts."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from drafterd.domain.errors import NotFound
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State
from drafterd.web.access import Need
from drafterd.web.logs import log_answer
from drafterd.web.operations import Call, Handle, Operation, json_answer
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import Body, DeleteQuery, DraftQuery, DraftsQuery, LogQuery, Query
from drafterd.web.shapes import DraftShape, DraftsShape, FixesShape, UndoneShape

_WAIT_SLICE = 0.5
"""A long poll looks this often whether its visitor and its server are still there, seconds."""

Key = tuple[str | float, str]

_SORTS: Mapping[str, Callable[[DraftReport], str | float]] = {
    "id": lambda report: report.id,
    "state": lambda report: report.state.value,
    "port": lambda report: float(report.port or 0),
    "settled": lambda report: report.settled_at or 0.0,
}


async def list_drafts(call: Call[DraftsQuery, Body]) -> web.StreamResponse:
    """A page of drafts, with an ETag."""
    reports, following = select(call.control.drafts(), call.query)
    now = time.time()
    shape = DraftsShape(
        items=tuple(DraftShape.of(report, now=now, full=call.visitor.trusted) for report in reports), next=following
    )
    answer = json_answer(shape, headers={"Cache-Control": "private, no-cache"})
    assert isinstance(answer.body, bytes)
    answer.etag = hashlib.blake2b(answer.body, digest_size=12).hexdigest()
    known = call.request.if_none_match or ()
    if answer.etag and any(etag.value in {answer.etag.value, "*"} for etag in known):
        return web.Response(
            status=HTTPStatus.NOT_MODIFIED, headers={name: answer.headers[name] for name in ("ETag", "Cache-Control")}
        )
    return answer


def select(reports: tuple[DraftReport, ...], query: DraftsQuery) -> tuple[list[DraftReport], str | None]:
    """The drafts that are asked for, and the cursor of the page after them.

    The cursor names the last draft shown, so that drafts that come and go move no other ones.

    Raises:
        HttpProblem: The cursor is none of ours.
    """
    backwards = query.sort.startswith("-")
    key_of = _SORTS[query.sort.removeprefix("-")]

    def key(report: DraftReport) -> Key:
        return key_of(report), report.id

    wanted = query.q.lower()
    found = [r for r in reports if (query.state is None or r.state is query.state) and wanted in r.id.lower()]
    found.sort(key=key, reverse=backwards)
    if query.cursor:
        after = _read_cursor(query.cursor, numeric=isinstance(key_of(found[0]), float) if found else False)
        found = [report for report in found if (key(report) < after if backwards else key(report) > after)]
    page = found[: query.limit]
    return page, _write_cursor(key(page[-1])) if len(found) > len(page) else None


def _write_cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, *, numeric: bool) -> Key:
    try:
        value, draft = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError):
        value = draft = None
    if isinstance(draft, str) and isinstance(value, float if numeric else str):
        return value, draft
    raise HttpProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-values", "query.cursor: not a cursor of this list and order"
    )


async def show_draft(call: Call[DraftQuery, Body]) -> web.StreamResponse:
    """One draft; with `wait`, once it is in that state or cannot get there by itself."""
    report = call.control.draft(call.draft)
    if call.query.wait is not None:
        report = await _wait(call, call.query.wait)
    return json_answer(DraftShape.of(report, now=time.time(), full=call.visitor.trusted))


async def _wait(call: Call[DraftQuery, Body], state: State) -> DraftReport:
    """In slices, so that a visitor who has gone does not leave a wait behind, nor a server that stops cut it off."""
    ends = time.monotonic() + call.query.timeout
    while True:
        left = ends - time.monotonic()
        piece = max(0.0, min(left, _WAIT_SLICE))
        began = time.monotonic()
        report = await call.control.wait(call.draft, state=state, timeout=piece)
        gone = call.request.transport is None or call.request.transport.is_closing()
        early = time.monotonic() - began < piece
        if gone or call.streams.closing or early or report.state is state or left <= _WAIT_SLICE:
            return report


async def remove_draft(call: Call[DeleteQuery, Body]) -> web.StreamResponse:
    """Take a draft down, with its folder if asked."""
    await call.control.remove(call.draft, purge=call.query.purge == "source")
    return web.Response(status=HTTPStatus.ACCEPTED)


async def start_draft(call: Call[Query, Body]) -> web.StreamResponse:
    """End a pause."""
    return _changed(call, changed=await call.control.resume(call.draft))


async def stop_draft(call: Call[Query, Body]) -> web.StreamResponse:
    """Pause."""
    return _changed(call, changed=await call.control.pause(call.draft))


async def restart_draft(call: Call[Query, Body]) -> web.StreamResponse:
    """Replace the running process."""
    return _changed(call, changed=await call.control.restart(call.draft))


def _changed(call: Call[Any, Any], *, changed: bool) -> web.Response:
    report = call.control.draft(call.draft)
    status = HTTPStatus.ACCEPTED if changed else HTTPStatus.OK
    return json_answer(DraftShape.of(report, now=time.time(), full=True), status=status)


async def show_fixes(call: Call[Query, Body]) -> web.StreamResponse:
    """What was changed in the draft's files."""
    call.control.draft(call.draft)
    record = call.control.fixes(call.draft)
    if record is None:
        raise NotFound("the fixes have not run yet", hint="wait until the draft has settled")
    return json_answer(FixesShape.of(record))


async def undo_fixes(call: Call[Query, Body]) -> web.StreamResponse:
    """Put the author's files back."""
    return json_answer(UndoneShape.of(await call.control.undo(call.draft)))


async def show_log(call: Call[LogQuery, Body]) -> web.StreamResponse:
    """What the running draft prints."""
    call.control.draft(call.draft)
    found = call.control.instance_log(call.draft)
    if found is None:
        raise NotFound("the draft has no running process", hint="its builds have logs of their own")
    return await log_answer(call, *found)


def _verb(word: str, summary: str, handle: Handle) -> Operation:
    return Operation(
        method="POST",
        path=f"/api/v1/drafts/{{id}}/{word}",
        name=f"{word}Draft",
        summary=summary,
        need=Need.TOKEN,
        handle=handle,
        body=Body,
        answers={200: DraftShape, 202: DraftShape},
        raises=(400, 404, 409, 415),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/drafts",
        name="listDrafts",
        summary="All drafts, a page at a time",
        need=Need.LOOPBACK,
        handle=list_drafts,
        query=DraftsQuery,
        answers={200: DraftsShape, 304: None},
    ),
    Operation(
        method="GET",
        path="/api/v1/drafts/{id}",
        name="showDraft",
        summary="One draft; waits for a state when asked to",
        need=Need.LOOPBACK,
        handle=show_draft,
        query=DraftQuery,
        answers={200: DraftShape},
        raises=(404,),
    ),
    Operation(
        method="DELETE",
        path="/api/v1/drafts/{id}",
        name="removeDraft",
        summary="Take a draft down and remove what was made of it",
        need=Need.TOKEN,
        handle=remove_draft,
        query=DeleteQuery,
        body=Body,
        answers={202: None},
        raises=(404, 409),
    ),
    _verb("start", "End a pause", start_draft),
    _verb("stop", "Pause", stop_draft),
    _verb("restart", "Replace the running process", restart_draft),
    Operation(
        method="GET",
        path="/api/v1/drafts/{id}/fixes",
        name="showFixes",
        summary="What the fixes changed",
        need=Need.TOKEN,
        handle=show_fixes,
        answers={200: FixesShape},
        raises=(404,),
    ),
    Operation(
        method="POST",
        path="/api/v1/drafts/{id}/fixes/undo",
        name="undoFixes",
        summary="Put the author's files back",
        need=Need.TOKEN,
        handle=undo_fixes,
        body=Body,
        answers={200: UndoneShape},
        raises=(400, 404, 409, 415),
    ),
    Operation(
        method="GET",
        path="/api/v1/drafts/{id}/log",
        name="showLog",
        summary="What the running draft prints",
        need=Need.TOKEN,
        handle=show_log,
        query=LogQuery,
        answers={200: "text/plain", 206: "text/plain"},
        raises=(404, 416),
    ),
)
"""What this module adds to the API."""

"""What a draft's server prints, as an answer: a file that grows, with stars for its secrets.

It is written by the supervisor, as it comes. So it is made fit to be shown when it is read, and every byte
stays in its place: whoever follows it asks for what lies behind the bytes that are known.
"""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from drafterd.domain.errors import NotFound
from drafterd.domain.masking import Mask
from drafterd.web.display import coloured_line
from drafterd.web.operations import Call
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import LogQuery

_TEXT = "text/plain"
_READ_MAX = 8_000_000
_STEERS = re.compile(rb"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[[0-9;:]{0,40}m)|\xc2[\x80-\x9f]")


async def log_answer(call: Call[LogQuery, Any], path: Path, mask: Mask) -> web.StreamResponse:
    """The file's text, whole (with `Range`) or its tail. Raises `NotFound`."""
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("there is no log yet")
    if call.query.tail is not None:
        return await _tail(call.control.tail, path, call.query.tail, mask)
    size = (await asyncio.to_thread(path.stat)).st_size
    begin, end, partial = _range(call.request, size)
    headers = {"Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
    if partial:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    if call.request.method == "HEAD":
        response = web.Response(headers={**headers, "Content-Length": str(end - begin)})
        response.content_type, response.charset = _TEXT, "utf-8"
        return response
    data = await asyncio.to_thread(_shown, path, begin, end, mask)
    return web.Response(
        status=HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK,
        body=data,
        headers=headers,
        content_type=_TEXT,
        charset="utf-8",
    )


async def _tail(read: Callable[[Path, int], tuple[str, ...]], path: Path, count: int, mask: Mask) -> web.StreamResponse:
    """The last lines. The last of them may be only half written."""
    text = await asyncio.to_thread(lambda: mask.cut("\n".join(read(path, count))))
    lines = text.split("\n") if text else []
    return web.Response(text="".join(f"{coloured_line(line)}\n" for line in lines), content_type=_TEXT)


def _range(request: web.Request, size: int) -> tuple[int, int, bool]:
    """Which bytes are asked for, and whether they are a part only. Raises `HttpProblem` 416."""
    try:
        wanted = request.http_range
    except ValueError as error:
        raise _not_there(size) from error
    if wanted.start is None and wanted.stop is None:
        return max(0, size - _READ_MAX), size, False
    begin = wanted.start or 0
    begin = max(0, size + begin) if begin < 0 else begin
    end = min(size, wanted.stop if wanted.stop is not None else size, begin + _READ_MAX)
    if begin >= size or end <= begin:
        raise _not_there(size)
    return begin, end, True


def _not_there(size: int) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "range-not-satisfiable",
        "the log has no such bytes",
        headers={"Content-Range": f"bytes */{size}"},
    )


def _shown(path: Path, begin: int, end: int, mask: Mask) -> bytes:
    """Bytes of the file, read with so much around them that no secret is missed for being cut in two."""
    first = max(0, begin - mask.longest)
    try:
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(end - first + mask.longest)
    except OSError:
        data = b""
    shown = mask.starred(data, cut=True).ljust(end - first)
    return _STEERS.sub(lambda found: b"?" * len(found[0]), shown[begin - first : end - first])

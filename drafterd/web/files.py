"""Serves a release's files: a static draft's answers.

The tree is a draft's own work, so nothing in it is believed: every part of a path is opened below
the one before it, and no link is followed anywhere.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from drafterd.domain.media import cache_control, content_type

_ASK = "no-cache"
_READING = frozenset({"GET", "HEAD"})
_PAGE_MAX = 2_000_000
_DEPTH_MAX = 64
_BASE_HEADERS = {
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Missing(Exception):
    """There is no such file, or it must not be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is served.

    Attributes:
        root: The folder.
        base: Its address as a path.
        fallback: The file that answers for unknown pages, or "".
        listed: Whether search engines may list it.
        private: Whether caches that many visitors share must keep nothing of it.
    """

    root: str
    base: str
    fallback: str
    listed: bool = False
    private: bool = False

    def headers(self, *, cache: str) -> dict[str, str]:
        """What every answer bears."""
        unlisted = {} if self.listed else {"X-Robots-Tag": "noindex"}
        kept = f"private, {cache.removeprefix('public, ')}" if self.private else cache
        return {**_BASE_HEADERS, **unlisted, "Cache-Control": kept}


async def serve_file(request: web.Request, site: Site, rest: str) -> web.StreamResponse:
    """Answer from the site's folder; `rest` lies below its address, still encoded.

    Raises:
        Missing: Nothing there answers for this path.
        HTTPMethodNotAllowed: Files can only be read.
    """
    if request.method not in _READING:
        raise web.HTTPMethodNotAllowed(request.method, sorted(_READING))
    if not rest:
        return _moved(request, site, "/")
    try:
        parts = _split(rest)
        with _opened(site.root, parts) as found:
            if found.folder and not rest.endswith("/"):
                return _moved(request, site, f"{rest}/")
            return await _send(request, site, found)
    except Missing:
        return await _instead(request, site, rest)


class _OpenFile(web.FileResponse):
    """A file sent while its descriptor is open; the server asks for every answer once more afterwards."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it, once."""
        return None if self.prepared else await super().prepare(request)


class _Found:
    """An open file of the release; `name` is its path below the root."""

    def __init__(self, descriptor: int, name: str, *, folder: bool = False) -> None:
        self.descriptor = descriptor
        self.name = name
        self.folder = folder


def _split(rest: str) -> list[str]:
    """The decoded parts of a path. Raises `Missing` for what no file of a draft may be called."""
    try:
        parts = [unquote_to_bytes(part).decode() for part in rest.split("/")[1:]]
    except UnicodeDecodeError as error:
        raise Missing from error
    if parts and not parts[-1]:
        parts.pop()
    for part in parts:
        hidden = part.startswith(".") and part != ".well-known"
        if not part or hidden or any(sign in part for sign in "/\\\0"):
            raise Missing
    if len(parts) > _DEPTH_MAX:
        raise Missing
    return parts


@contextmanager
def _opened(root: str, parts: list[str]) -> Iterator[_Found]:
    """What a path means: the file itself, a folder's `index.html`, or the file with `.html` added."""
    descriptors: list[int] = []
    try:
        try:
            found = _choose(_enter(root, parts[:-1], descriptors), parts, descriptors)
        except (OSError, ValueError) as error:
            raise Missing from error
        # Only the file stays open while it is sent: slow visitors must not use up our descriptors.
        for descriptor in descriptors:
            if descriptor != found.descriptor:
                os.close(descriptor)
        descriptors = [found.descriptor]
        yield found
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _enter(root: str, parts: list[str], descriptors: list[int]) -> int:
    folder = _open(root, None, os.O_DIRECTORY)
    descriptors.append(folder)
    for part in parts:
        folder = _open(part, folder, os.O_DIRECTORY)
        descriptors.append(folder)
    return folder


def _choose(folder: int, parts: list[str], descriptors: list[int]) -> _Found:
    if not parts:
        return _index(folder, "", descriptors)
    last = parts[-1]
    name = "/".join(parts)
    try:
        descriptor = _open(last, folder, 0)
    except OSError:
        page = _open(f"{last}.html", folder, 0)
        descriptors.append(page)
        return _Found(_regular(page), f"{name}.html")
    descriptors.append(descriptor)
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        return _Found(_regular(descriptor), name)
    try:
        found = _index(descriptor, name, descriptors)
    except OSError:
        page = _open(f"{last}.html", folder, 0)
        descriptors.append(page)
        return _Found(_regular(page), f"{name}.html")
    found.folder = True
    return found


def _index(folder: int, name: str, descriptors: list[int]) -> _Found:
    descriptor = _open("index.html", folder, 0)
    descriptors.append(descriptor)
    return _Found(_regular(descriptor), f"{name}/index.html")


def _open(name: str, folder: int | None, flags: int) -> int:
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags, dir_fd=folder)


def _regular(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise Missing
    return descriptor


async def _send(request: web.Request, site: Site, found: _Found) -> web.StreamResponse:
    """Through the open descriptor: what was checked is what is sent. Ranges and 304 included."""
    headers = {**site.headers(cache=cache_control(found.name)), "Content-Type": content_type(found.name)}
    response = _OpenFile(Path(f"/proc/self/fd/{found.descriptor}"), headers=headers)
    await response.prepare(_as_it_counts(request, os.fstat(found.descriptor)))
    return response


def _as_it_counts(request: web.Request, file: os.stat_result) -> web.Request:
    """The request without a range that is none here: of another version, in other units, of several pieces."""
    asked, version = request.headers.get("Range", "").lower(), request.headers.get("If-Range", "")
    # Dates in `If-Range` are looked at by the server.
    another = version.startswith(('"', "W/")) and version != f'"{file.st_mtime_ns:x}-{file.st_size:x}"'
    if not asked or (asked.startswith("bytes=") and "," not in asked and file.st_size and not another):
        return request
    headers = request.headers.copy()
    del headers["Range"]
    return request.clone(headers=headers)


async def _instead(request: web.Request, site: Site, rest: str) -> web.StreamResponse:
    """The draft's own answer for what is not there: its fallback page, else its `404.html`."""
    if site.fallback and _wants_page(request, rest):
        with _opened(site.root, _split(f"/{site.fallback}")) as found:
            return await _send(request, site, found)
    with _opened(site.root, ["404.html"]) as found:
        if os.fstat(found.descriptor).st_size > _PAGE_MAX or not _wants_page(request, rest):
            raise Missing
        body = os.pread(found.descriptor, _PAGE_MAX, 0)
    headers = {**site.headers(cache="no-store"), "Content-Type": content_type("404.html")}
    return web.Response(status=HTTPStatus.NOT_FOUND, body=body, headers=headers)


def _wants_page(request: web.Request, rest: str) -> bool:
    """A page and not a picture or script: for those a page would be a wrong answer."""
    return "text/html" in request.headers.get("Accept", "") or "." not in rest.rpartition("/")[2]


def _moved(request: web.Request, site: Site, path: str) -> web.Response:
    """To a path below the site's address."""
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    headers = {**site.headers(cache=_ASK), "Location": f"{site.base}{path}{query}"}
    return web.Response(status=HTTPStatus.FOUND, headers=headers)

"""Serves a release's files: a static draft's answers.

The tree is a draft's own work, so nothing in it is believed: every part of a path is opened below
the one before it, and no link is followed anywhere.
"""

import mimetypes
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_HASHED = re.compile(r"(?:^|/)_next/static/(?!.*\.html?$)")
_READING = frozenset({"GET", "HEAD"})
_PAGE_MAX = 2_000_000
_DEPTH_MAX = 64
_BASE_HEADERS = {
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_TYPES = mimetypes.MimeTypes()
for _extension, _type in {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".htm": "text/html",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".md": "text/plain",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
}.items():
    _TYPES.add_type(_type, _extension)

_TEXTS = frozenset({"application/json", "application/manifest+json", "application/xml", "image/svg+xml"})


class Missing(Exception):
    """There is no such file, or it must not be shown."""


async def serve_file(request: web.Request, *, root: str, base: str, rest: str, fallback: str) -> web.StreamResponse:
    """Answer from the folder `root`.

    Args:
        base: The draft's address as a path; `rest` lies below it, still encoded.
        fallback: The file that answers for unknown pages, or "".

    Raises:
        Missing: Nothing there answers for this path.
        HTTPMethodNotAllowed: Files can only be read.
    """
    if request.method not in _READING:
        raise web.HTTPMethodNotAllowed(request.method, sorted(_READING))
    if not rest:
        return _moved(f"{base}/", request)
    try:
        parts = _split(rest)
        with _opened(root, parts) as found:
            if found.folder and not rest.endswith("/"):
                return _moved(f"{base}{rest}/", request)
            return await _send(request, found)
    except Missing:
        return await _instead(request, root=root, fallback=fallback, rest=rest)


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


async def _send(request: web.Request, found: _Found) -> web.StreamResponse:
    """Through the open descriptor: what was checked is what is sent. Ranges and 304 included."""
    headers = {
        **_BASE_HEADERS,
        "Content-Type": content_type(found.name),
        "Cache-Control": _FOREVER if _HASHED.search(found.name) else _ASK,
    }
    response = _OpenFile(Path(f"/proc/self/fd/{found.descriptor}"), headers=headers)
    await response.prepare(request)
    return response


async def _instead(request: web.Request, *, root: str, fallback: str, rest: str) -> web.StreamResponse:
    """The draft's own answer for what is not there: its fallback page, else its `404.html`."""
    if fallback and _wants_page(request, rest):
        with _opened(root, _split(f"/{fallback}")) as found:
            return await _send(request, found)
    with _opened(root, ["404.html"]) as found:
        if os.fstat(found.descriptor).st_size > _PAGE_MAX or not _wants_page(request, rest):
            raise Missing
        body = os.pread(found.descriptor, _PAGE_MAX, 0)
    headers = {**_BASE_HEADERS, "Content-Type": content_type("404.html"), "Cache-Control": "no-store"}
    return web.Response(status=HTTPStatus.NOT_FOUND, body=body, headers=headers)


def _wants_page(request: web.Request, rest: str) -> bool:
    """A page and not a picture or script: for those a page would be a wrong answer."""
    return "text/html" in request.headers.get("Accept", "") or "." not in rest.rpartition("/")[2]


def content_type(name: str) -> str:
    """The media type by the file's name; text is UTF-8."""
    kind = _TYPES.guess_type(f"x/{name}", strict=False)
    found = kind[0] if kind[0] and not kind[1] else None
    if found is None:
        return "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") or found in _TEXTS else found


def _moved(path: str, request: web.Request) -> web.Response:
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    headers = {**_BASE_HEADERS, "Location": f"{path}{query}", "Cache-Control": _ASK}
    return web.Response(status=HTTPStatus.FOUND, headers=headers)

"""The API and the status page as one application: what listens on `api.listen` and the socket."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from drafterd.reconcile.control import Control
from drafterd.reconcile.gate import Gate
from drafterd.web import builds, drafts, openapi, protection, releases, system
from drafterd.web.access import Access, Need
from drafterd.web.dashboard import Dashboard
from drafterd.web.events import Streams
from drafterd.web.operations import Call, Operation, register
from drafterd.web.patience import until_ready
from drafterd.web.problems import problems
from drafterd.web.queries import Body, Query

OPERATIONS: tuple[Operation, ...] = (
    *system.OPERATIONS,
    *drafts.OPERATIONS,
    *releases.OPERATIONS,
    *builds.OPERATIONS,
    *protection.OPERATIONS,
)
"""All that the API can do."""

_OF_DRAFTS = "/api/v1/drafts"
_BODY_MAX = 64 * 1024


def api_app(*, control: Control, gate: Gate, access: Access, version: str) -> web.Application:
    """The application; listen with `Listener`."""
    middlewares: list[Middleware] = [problems, _known_host(access), until_ready(control, below=_OF_DRAFTS)]
    app = web.Application(middlewares=middlewares, client_max_size=_BODY_MAX)
    app[protection.GATE] = gate
    streams = Streams()
    app.on_shutdown.append(streams.close)
    app.on_response_prepare.append(_guard)
    register(app, (*OPERATIONS, _describing(version)), control=control, access=access, streams=streams)
    Dashboard(control, access, streams).add_to(app)
    return app


def _describing(version: str) -> Operation:
    text = openapi.as_json(OPERATIONS, version=version)

    async def describe(_call: Call[Query, Body]) -> web.StreamResponse:
        return web.Response(body=text, content_type="application/json")

    return Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This document",
        need=Need.LOOPBACK,
        handle=describe,
        answers={200: "application/json"},
    )


def _known_host(access: Access) -> Middleware:
    """Refuse strange names before anything else: also for what does not exist."""

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        access.check_host(request)
        return await handler(request)

    return check


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    headers["Server"] = "drafterd"
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")

"""The status page: every draft at a glance, one draft in full, and the way back to an earlier release.

`/` tells what anyone on this machine may know. The cookie reaches only `/drafts...`, so lines of
logs and edits are shown there.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from drafterd.domain.errors import DrafterdError
from drafterd.domain.names import parse_draft_id
from drafterd.reconcile.control import Control
from drafterd.web.access import Access, Need, Visitor, set_session
from drafterd.web.answers import wants_page
from drafterd.web.events import Streams, next_changes
from drafterd.web.log_stream import asked_position, log_events
from drafterd.web.log_view import LogView, log_view
from drafterd.web.operations import demand
from drafterd.web.pages import DASHBOARD_SCRIPT, LOG_SCRIPT, STYLE, asset, dashboard_policy, render
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import RELEASE_MAX

_EDITS_MAX = 200
_CODE_MAX = 200
_BUILDS_MAX = 10
_TELL_EVERY = 0.5
_BEAT = 10.0
_TYPES = {STYLE: "text/css", DASHBOARD_SCRIPT: "text/javascript", LOG_SCRIPT: "text/javascript"}

_ISOLATION = {
    "none": "Drafts are not isolated: one could read the files and reach the servers of the others.",
    "uid-only": "Drafts run as users of their own: each reads its own files, and what everybody on this machine may.",
    "no-userns": "Drafts are isolated: each sees its own files only.",
    "full": "Drafts are isolated: each sees its own files only.",
}

_WALLS = ("full", "no-userns", "uid-only")
_BUILDS_FENCED = ("builds reach", "builds nothing")
_RUNS_FENCED = "drafts reach the internet"
_NETWORK = {
    (False, False): "They share the network, their builds too.",
    (False, True): "Running ones share the network; their builds do not reach this machine or its private networks.",
    (True, False): "Running ones do not reach this machine or its private networks; their builds share the network.",
    (True, True): "They do not reach this machine or its private networks, nor do their builds.",
}
"""By whether running drafts are fenced in, and whether builds are."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Dashboard:
    """The pages of the API's listener."""

    def __init__(self, control: Control, access: Access, streams: Streams) -> None:
        self._control = control
        self._access = access
        self._streams = streams

    def add_to(self, app: web.Application) -> None:
        """Register the pages."""
        app.router.add_get("/", self._page(self.front))
        app.router.add_get("/drafts", self._page(self.overview))
        app.router.add_get("/drafts/", self._page(self.overview))
        # The id `_drafterd` is reserved: no draft can be in the way.
        app.router.add_get("/drafts/_drafterd/events", self.events, allow_head=False)
        app.router.add_get("/drafts/{id}", self._page(self.draft))
        app.router.add_post("/drafts/{id}/rollback", self._page(self.rollback))
        app.router.add_get("/drafts/{id}/log", self.log, allow_head=False)
        app.router.add_get("/_drafterd/static/{name}", self.static)

    def _page(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except (HttpProblem, DrafterdError) as error:
                if not wants_page(request):
                    raise
                status = error.status if isinstance(error, HttpProblem) else error.http_status
                return _html(render("denied.html", detail=str(error), hint=error.hint), status=status)

        return answer

    async def front(self, request: web.Request) -> web.StreamResponse:
        """The overview; with a one-time code, the way to the cookie."""
        code = request.query.get("code", "")
        if code:
            return self._enter(request, code)
        visitor = self._access.visitor(request)
        if not visitor.may(Need.LOOPBACK):
            return _see("/drafts/")
        return self._overview(visitor)

    async def overview(self, request: web.Request) -> web.StreamResponse:
        """The overview."""
        return self._overview(demand(request, self._access, Need.LOOPBACK))

    async def draft(self, request: web.Request) -> web.StreamResponse:
        """One draft."""
        visitor = demand(request, self._access, Need.LOOPBACK)
        report = self._control.draft(parse_draft_id(request.match_info["id"]))
        trusted = visitor.trusted
        return _html(
            render(
                "draft.html",
                report=report,
                details=trusted,
                log=log_view(self._control, report.id, report.build) if trusted else LogView(),
                edits=report.edits[:_EDITS_MAX] if trusted else (),
                builds=self._control.builds(report.id)[:_BUILDS_MAX] if trusted else (),
                version=self._control.status().version,
            )
        )

    async def rollback(self, request: web.Request) -> web.StreamResponse:
        """A button of a draft's page: another release is to serve; without a name that of the source again."""
        demand(request, self._access, Need.TOKEN)
        draft = parse_draft_id(request.match_info["id"])
        release = (await request.post()).get("release", "")
        if isinstance(release, str) and release:
            await self._control.rollback.pin(draft, release[:RELEASE_MAX])
        else:
            await self._control.rollback.unpin(draft)
        return _see(f"/drafts/{draft}")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Says which drafts have changed; the page then fetches itself anew."""
        demand(request, self._access, Need.LOOPBACK)
        return await self._streams.serve(request, self._tell_changes)

    async def log(self, request: web.Request) -> web.StreamResponse:
        """The lines of a draft's builds as they come."""
        demand(request, self._access, Need.TOKEN)
        draft = parse_draft_id(request.match_info["id"])
        self._control.draft(draft)
        return await self._streams.serve(request, log_events(self._control, draft, asked_position(request)))

    async def static(self, request: web.Request) -> web.StreamResponse:
        """The style sheet and the script."""
        name = request.match_info["name"]
        if name not in _TYPES:
            raise web.HTTPNotFound
        text = asset(name)
        response = web.Response(
            text=text, content_type=_TYPES[name], charset="utf-8", headers={"Cache-Control": "no-cache"}
        )
        response.etag = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        if response.etag and any(etag.value == response.etag.value for etag in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": response.headers["ETag"]})
        return response

    def _overview(self, visitor: Visitor) -> web.Response:
        status = self._control.status()
        return _html(
            render(
                "status.html",
                status=status,
                isolation=_isolation(status.sandbox),
                reports=self._control.drafts(),
                queue=self._control.queue(),
                trusted=visitor.trusted,
            )
        )

    def _enter(self, request: web.Request, code: str) -> web.Response:
        self._access.visitor(request)
        session = self._access.exchange(code) if len(code) <= _CODE_MAX else None
        if session is None:
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED,
                "code-used",
                "this code was used already, or is too old",
                hint="each code works once, within ten minutes; drafterd prints a new one when it starts",
            )
        response = _see("/drafts/")
        set_session(response, session)
        return response

    async def _tell_changes(self, response: EventSourceResponse) -> None:
        with self._control.subscribe() as changes:
            await response.send("[]", event="changed")
            while True:
                changed = await next_changes(changes, within=_BEAT)
                await response.send(json.dumps(sorted(changed)), event="changed")
                # Many drafts that change at once are one look at the page.
                changed = await next_changes(changes, within=_TELL_EVERY)
                if changed:
                    await response.send(json.dumps(sorted(changed)), event="changed")


def _isolation(sandbox: str) -> str:
    """How drafts are kept apart, in one sentence."""
    level = sandbox.rpartition("(isolation: ")[2].partition(":")[0]
    said = _ISOLATION.get(level, f"Drafts run in the sandbox “{sandbox}”.")
    if level not in _WALLS:
        return said
    return f"{said} {_NETWORK[_RUNS_FENCED in sandbox, any(words in sandbox for words in _BUILDS_FENCED)]}"


def _html(text: str, *, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": dashboard_policy(), "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _see(where: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where, "Cache-Control": "no-store"})

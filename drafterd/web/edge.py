"""The edge: answers at drafts' addresses whenever no draft does, and serves static drafts.

Never proxies and never changes anything. The proxy is its only client, so a visitor is the last
entry of `X-Forwarded-For`; without one it is a program on this machine.
"""

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from drafterd.domain.errors import NotFound
from drafterd.domain.model import AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.domain.routing import path_of
from drafterd.domain.state import State
from drafterd.reconcile.control import Control
from drafterd.reconcile.gate import Gate
from drafterd.web import files, places
from drafterd.web.access import host_name, is_loopback
from drafterd.web.answers import PREVIEW, Answer, Answers
from drafterd.web.entrance import AUTH, Entrance
from drafterd.web.events import Streams
from drafterd.web.log_stream import asked_position
from drafterd.web.patience import until_ready
from drafterd.web.places import OURS, EdgeSettings, Place
from drafterd.web.problems import problem_response, problems
from drafterd.web.visits import draft_events

_READING = frozenset({"GET", "HEAD"})
_FALLBACK = "/_drafterd/fallback"


def edge_app(*, control: Control, gate: Gate, settings: EdgeSettings) -> web.Application:
    """The application that the proxy sends every request to which no draft answers."""
    streams = Streams()
    entrance = Entrance(gate, https=urlsplit(settings.public_origin).scheme == "https")
    edge = _Edge(control, settings, streams, entrance)
    middlewares: list[Middleware] = [problems, until_ready(control)]
    app = web.Application(middlewares=middlewares)
    app.on_shutdown.append(streams.close)
    app.on_response_prepare.append(_hide_server)
    app.router.add_route("*", _FALLBACK, edge.fallback)
    app.router.add_route("*", AUTH, entrance.auth)
    app.router.add_route("*", "/{path:.*}", edge.answer)
    return app


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "drafterd"


class _Edge:
    def __init__(self, control: Control, settings: EdgeSettings, streams: Streams, entrance: Entrance) -> None:
        self._control = control
        self._entrance = entrance
        self._settings = settings
        self._streams = streams
        self._public_host = host_name(urlsplit(settings.public_origin).netloc)
        self._answers = Answers(control, path_prefix=settings.path_prefix, source=settings.source)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Whatever address it is."""
        raw_path = request.rel_url.raw_path
        place = self._place(host_name(request.headers.get("Host", "")), raw_path)
        if place is None:
            return self._outside(request, raw_path)
        report = self._report(place.draft)
        if report is not None and not self._is_primary(place, report):
            if report.state is State.REMOVING:
                return self._answers.of(self._visit(request, place, report))
            return self._to_primary(request, place, report)
        stopped = await self._entrance.answer(request, place)
        return stopped if stopped is not None else await self._inside(request, place, report)

    async def _inside(self, request: web.Request, place: Place, report: DraftReport | None) -> web.StreamResponse:
        """At the draft's own address, for who may come in."""
        if place.rest == f"{OURS}events" and request.method == "GET":
            return await self._events(request, place)
        if place.rest == PREVIEW and (shown := self._answers.preview(self._visit(request, place, report))):
            return shown
        if report is not None and report.state is State.READY and report.static_root is not None:
            return await self._static(request, place, report, report.static_root)
        return self._answers.of(self._visit(request, place, report))

    async def fallback(self, request: web.Request) -> web.StreamResponse:
        """What the proxy shows in place of a server that does not answer; it sets the status."""
        try:
            url = urlsplit(request.query.get("url", ""))
            host = host_name(url.netloc or request.headers.get("Host", ""))
        except ValueError:
            return self._answers.nowhere(request)
        place = self._place(host, url.path)
        if place is None:
            return self._answers.nowhere(request)
        report = self._report(place.draft)
        if report is not None and self._entrance.is_protected(place.draft):
            # Anybody can ask for this, and the proxy has taken our cookie away: no word about the draft.
            report = replace(report, state=State.READY, problem=None)
        return self._answers.of(self._visit(request, place, report, down=True))

    def _visit(self, request: web.Request, place: Place, report: DraftReport | None, *, down: bool = False) -> Answer:
        return Answer(
            request=request, place=place, report=report, details=self._shows_details(request), unreachable=down
        )

    def _place(self, host: str, raw_path: str) -> Place | None:
        """The draft's own host comes first: all of its paths are the draft's."""
        path_place = places.by_path(raw_path, self._settings.path_prefix)
        label = places.label_of(host, self._settings.host_suffix)
        if label is None or host == self._public_host:
            return path_place
        draft = places.draft_of_label(
            label,
            self._settings.host_suffix,
            exists=lambda draft: self._report(draft) is not None,
            known=lambda: (report.id for report in self._control.drafts()),
        )
        if draft is not None:
            return places.by_host(draft, raw_path)
        guess = places.parsed(label)
        return path_place or (places.by_host(guess, raw_path) if guess else None)

    def _report(self, draft: DraftId) -> DraftReport | None:
        try:
            return self._control.draft(draft)
        except NotFound:
            return None

    def _is_primary(self, place: Place, report: DraftReport | None) -> bool:
        return report is None or places.kind_of(report.url, self._settings.path_prefix) is place.kind

    def _to_primary(self, request: web.Request, place: Place, report: DraftReport) -> web.Response:
        return _redirect(request, f"{report.url.rstrip('/')}{place.rest or self._slash(place)}")

    @staticmethod
    def _slash(place: Place) -> str:
        """A host of its own has at least the path `/`; the path address needs none."""
        return "/" if place.kind is AddressKind.PATH else ""

    def _outside(self, request: web.Request, raw_path: str) -> web.StreamResponse:
        """Outside every draft: a page of one may have asked for it without the prefix."""
        draft = places.by_referer(request.headers.get("Referer", ""), self._settings.path_prefix)
        below = raw_path.startswith(f"{self._settings.path_prefix}/")
        if draft is None or below or self._report(draft) is None:
            return self._answers.nowhere(request)
        return _redirect(request, f"{path_of(draft, self._settings.path_prefix)}{raw_path}")

    async def _static(self, request: web.Request, place: Place, report: DraftReport, root: str) -> web.StreamResponse:
        site = files.Site(
            root=root,
            base=place.base,
            fallback=report.fallback,
            listed=report.target is not None and not report.target.noindex,
            private=self._entrance.is_protected(place.draft),
        )
        try:
            return await files.serve_file(request, site, place.rest)
        except files.Missing:
            return self._answers.no_file(self._visit(request, place, report))
        except web.HTTPMethodNotAllowed as error:
            return problem_response(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this draft is made of files, which can only be read",
                headers={"Allow": error.headers["Allow"], "X-Robots-Tag": "noindex"},
            )

    async def _events(self, request: web.Request, place: Place) -> web.StreamResponse:
        details = self._shows_details(request)
        produce = draft_events(self._control, place, details=details, position=asked_position(request))
        return await self._streams.serve(request, produce, headers={"X-Robots-Tag": "noindex"})

    def _shows_details(self, request: web.Request) -> bool:
        """Whether this visitor may see lines of logs: they name paths and more."""
        if self._settings.details != "local":
            return self._settings.details == "all"
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._settings.token_ok(token.strip()):
            return True
        hops = request.headers.getall("X-Forwarded-For", [])
        visitor = ",".join(hops).rpartition(",")[2] if hops else request.remote or ""
        return is_loopback(visitor) and self._own_name(host_name(request.headers.get("Host", "")))

    def _own_name(self, host: str) -> bool:
        """A strange name that leads to this machine may be another site's: its pages could read ours."""
        suffixes = (".localhost", f".{self._settings.host_suffix.lower()}")
        return host in {self._public_host, "localhost", "127.0.0.1", "[::1]"} or host.endswith(suffixes)


def _redirect(request: web.Request, target: str) -> web.Response:
    """302 for reading, 307 for the rest: method and body survive."""
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    status = HTTPStatus.FOUND if request.method in _READING else HTTPStatus.TEMPORARY_REDIRECT
    headers = {"Location": f"{target}{query}", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    return web.Response(status=status, headers=headers)

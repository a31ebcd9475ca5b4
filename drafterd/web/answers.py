"""What is answered in a draft's place: a page for browsers, a problem document for programs.

Never 200: crawlers, monitors and `fetch` would take it for the draft.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from drafterd.domain.model import Problem
from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State
from drafterd.reconcile.control import Control
from drafterd.web import preview
from drafterd.web.build_shapes import ProblemShape, repair_shapes
from drafterd.web.handover import tried
from drafterd.web.log_view import LogView, log_view
from drafterd.web.pages import edge_policy, headline, render_edge
from drafterd.web.places import OURS, Place
from drafterd.web.problems import problem_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One visit to a draft that does not answer.

    Attributes:
        report: None for a draft that nobody knows.
        details: Whether the visitor may see lines of logs.
        unreachable: The draft should answer, but its server does not.
    """

    request: web.Request
    place: Place
    report: DraftReport | None
    details: bool
    unreachable: bool = False

    @property
    def state(self) -> str:
        """The word for `X-Draft-State`."""
        return self.report.state.value if self.report else "unknown"


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a state is answered; `retry` in seconds."""

    template: str
    status: int
    retry: int


_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
_MANNERS: Mapping[State, _Manner] = {
    State.SETTLING: _Manner("waiting.html", _UNAVAILABLE, 3),
    State.QUEUED: _Manner("waiting.html", _UNAVAILABLE, 5),
    State.BUILDING: _Manner("waiting.html", _UNAVAILABLE, 5),
    State.STARTING: _Manner("waiting.html", _UNAVAILABLE, 1),
    State.ASLEEP: _Manner("waiting.html", _UNAVAILABLE, 1),
    State.READY: _Manner("moment.html", _UNAVAILABLE, 1),
    State.FAILED: _Manner("failed.html", _UNAVAILABLE, 30),
    State.PAUSED: _Manner("paused.html", _UNAVAILABLE, 60),
    State.REMOVING: _Manner("unknown.html", HTTPStatus.NOT_FOUND, 30),
}
_PREVIEWED = frozenset({"waiting.html", "failed.html"})
_UNKNOWN = _Manner("unknown.html", HTTPStatus.NOT_FOUND, 10)


class Answers:
    """Makes the answers."""

    def __init__(self, control: Control, *, path_prefix: str, source: Callable[[DraftId], Path]) -> None:
        self._control = control
        self._path_prefix = path_prefix
        self._source = source

    def of(self, visit: Answer) -> web.Response:
        """The truth about a draft, at its own address."""
        report = visit.report
        manner = _MANNERS[report.state] if report else _UNKNOWN
        headers = {"Retry-After": str(manner.retry), "X-Draft-State": visit.state}
        if not wants_page(visit.request):
            return self._for_programs(visit, manner, headers)
        text = render_edge(
            manner.template,
            draft=visit.place.draft,
            report=report,
            state=visit.state,
            details=visit.details,
            unreachable=visit.unreachable,
            log=log_view(self._control, report.id, report.build) if report and visit.details else LogView(),
            home=f"{visit.place.base}/",
            # A ready draft has no news to wait for: its page just tries again.
            events="" if visit.state == State.READY else f"{visit.place.base}{OURS}events",
            refresh=manner.retry,
            preview=f"{visit.place.base}{PREVIEW}" if self._static_page(report) else "",
            method=visit.request.method,
        )
        return page(manner.status, text, headers)

    def preview(self, visit: Answer) -> web.Response | None:
        """The static page that the draft brings, shut in; None where none is offered."""
        page = self._static_page(visit.report) if visit.request.method in {"GET", "HEAD"} else None
        return web.Response(body=page, headers={**COMMON, **preview.HEADERS}) if page else None

    def _static_page(self, report: DraftReport | None) -> bytes | None:
        """Of a draft that is waited for, or that failed."""
        offered = report is not None and _MANNERS[report.state].template in _PREVIEWED
        return preview.page_of(self._source(report.id)) if report and offered else None

    def nowhere(self, request: web.Request) -> web.Response:
        """An address outside every draft."""
        detail = f"no draft has this address; drafts are at {self._path_prefix}/<name>"
        if not wants_page(request):
            return problem_response(HTTPStatus.NOT_FOUND, "no-such-address", detail, headers=COMMON)
        text = render_edge("nowhere.html", prefix=self._path_prefix, draft=None, file=False, **_STILL)
        return page(HTTPStatus.NOT_FOUND, text, {})

    def no_file(self, visit: Answer) -> web.Response:
        """A static draft that has no such file."""
        headers = {"X-Draft-State": visit.state}
        if not wants_page(visit.request):
            return problem_response(
                HTTPStatus.NOT_FOUND, "no-such-file", "the draft has no such file", headers={**COMMON, **headers}
            )
        text = render_edge(
            "nowhere.html", prefix=self._path_prefix, draft=visit.place.draft, file=f"{visit.place.base}/", **_STILL
        )
        return page(HTTPStatus.NOT_FOUND, text, headers)

    def _for_programs(self, visit: Answer, manner: _Manner, headers: Mapping[str, str]) -> web.Response:
        report = visit.report
        problem = report.problem if report else None
        shown = ProblemShape.of(problem, full=visit.details) if problem else None
        detail = _detail(visit)
        repairs = repair_shapes(tried(report), full=visit.details) if report else ()
        extra: dict[str, object] = {
            "state": visit.state,
            "problem": shown.model_dump() if shown else None,
            "repairs": [repair.model_dump() for repair in repairs],
            "proposals": list(shown.proposals) if shown else [],
        }
        if report and report.queue_position:
            extra["queue_position"] = report.queue_position
        return problem_response(
            manner.status,
            _code(visit, problem),
            f"{detail}: {problem.summary}" if problem and visit.state == State.FAILED else detail,
            hint=problem.hint if problem else "",
            headers={**COMMON, **headers},
            extra=extra,
        )


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at it: browsers name HTML, programs do not."""
    return "text/html" in request.headers.get("Accept", "").lower()


PREVIEW = f"{OURS}preview"
"""Below a draft's address: its static page."""
COMMON: Mapping[str, str] = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
"""What every answer of the edge's own bears."""
_STILL: Mapping[str, object] = {"events": "", "home": "/", "refresh": 0, "method": "GET", "state": "nowhere"}


def _detail(visit: Answer) -> str:
    """One line for programs."""
    if visit.report is None:
        return "there is no such draft"
    if visit.state == State.READY:
        return f"the draft {visit.place.draft} does not answer just now; try again at once"
    return f"the draft {visit.place.draft} {headline(visit.report.state)}"


def _code(visit: Answer, problem: Problem | None) -> str:
    if visit.report is None:
        return "no-such-draft"
    if visit.state == State.FAILED and problem is not None:
        return problem.code
    return f"draft-{visit.state}" if visit.state != State.READY else "draft-not-reached"


def page(status: int, text: str, headers: Mapping[str, str], *, form_action: str = "'none'") -> web.Response:
    """A page of the edge: never cached, never indexed, with a policy that fits it."""
    policy = {
        "Content-Security-Policy": edge_policy(form_action),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Vary": "Accept",
    }
    return web.Response(status=status, text=text, content_type="text/html", headers={**COMMON, **policy, **headers})

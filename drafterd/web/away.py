"""What is answered while no daemon runs: made by the daemon beforehand, for whoever stands in for it."""

import json
from http import HTTPStatus

from aiohttp import web

from drafterd.web.answers import COMMON, page
from drafterd.web.pages import render_edge
from drafterd.web.problems import problem_response

_RETRY = 3
_HEADERS = {"Retry-After": str(_RETRY), "X-Draft-State": "away"}


def away_answers() -> str:
    """Headers and body of the page and of the problem document, as JSON; both are 503."""
    text = render_edge("away.html", state="away", events="", home="", refresh=_RETRY, method="POST")
    problem = problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "daemon-away",
        "the daemon that looks after the drafts is not running just now",
        hint="try again in a moment",
        headers={**COMMON, **_HEADERS, "Vary": "Accept"},
    )
    answers = {"page": page(HTTPStatus.SERVICE_UNAVAILABLE, text, _HEADERS), "problem": problem}
    return json.dumps({name: _plain(answer) for name, answer in answers.items()})


def _plain(answer: web.Response) -> dict[str, object]:
    return {"headers": dict(answer.headers), "body": answer.text}

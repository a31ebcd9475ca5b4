"""Every error of the API as `application/problem+json` (RFC 9457), aiohttp's own included."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog
from aiohttp import web

from drafterd.domain.errors import DrafterdError

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPE = "application/problem+json"

_CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", ""),
    404: ("not-found", "see /openapi.json for what there is"),
    405: ("method-not-allowed", "see /openapi.json for what there is"),
    413: ("too-large", "send less"),
    415: ("not-json", "send the body as application/json"),
}
"""Code and hint for the errors that aiohttp raises by itself."""


class HttpProblem(Exception):
    """A request cannot be answered as it is; becomes a problem document.

    Attributes:
        errors: For wrong values: where each is, and what is wrong with it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str = "",
        errors: tuple[Mapping[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.headers = headers or {}


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> web.Response:
    """A problem document; `extra` holds further members."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        **(extra or {}),
    }
    return web.Response(
        status=status,
        body=json.dumps(document, ensure_ascii=True).encode(),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong into a problem document."""
    try:
        return await handler(request)
    except HttpProblem as error:
        extra = {"errors": list(error.errors)} if error.errors else None
        return problem_response(
            error.status, error.code, error.detail, hint=error.hint, headers=error.headers, extra=extra
        )
    except DrafterdError as error:
        headers = {"Retry-After": "2"} if error.retryable else None
        return problem_response(error.http_status, error.code, error.summary, hint=error.hint, headers=headers)
    except web.HTTPException as error:
        return _from_aiohttp(error)
    except OSError:
        if request.transport is None or request.transport.is_closing():
            raise
        log.exception("request.failed", method=request.method, path=request.path, **_about(request))
        return _unexpected()
    except Exception:  # the last door: a fault of ours is logged and told, and the server goes on
        log.exception("request.failed", method=request.method, path=request.path, **_about(request))
        return _unexpected()


def _about(request: web.Request) -> dict[str, str]:
    """The draft that it asked for, if any."""
    draft = request.match_info.get("id")
    return {} if draft is None else {"draft": draft}


def _unexpected() -> web.Response:
    return problem_response(500, "internal", "drafterd made a mistake; its log says more")


def _from_aiohttp(error: web.HTTPException) -> web.StreamResponse:
    if error.status < HTTPStatus.BAD_REQUEST:
        raise error
    code, hint = _CODES.get(error.status, ("http-error", ""))
    headers = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    detail = error.text.partition(": ")[2] if error.text and ": " in error.text else error.reason
    return problem_response(error.status, code, detail, hint=hint, headers=headers)

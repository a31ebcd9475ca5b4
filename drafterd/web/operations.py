"""The table of what the API can do: it registers the routes, checks requests, and yields OpenAPI."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.reconcile.control import Control
from drafterd.web.access import Access, Need, Visitor, unauthorised
from drafterd.web.events import Streams
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import Body, Query

Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound=Body)

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One checked request."""

    request: web.Request
    control: Control
    visitor: Visitor
    streams: Streams
    query: Q
    body: B

    @property
    def draft(self) -> DraftId:
        """The draft in the path. Raises `BadName`."""
        return parse_draft_id(self.request.match_info["id"])

    @property
    def number(self) -> int:
        """The build in the path."""
        return int(self.request.match_info["number"])


Handle = Callable[[Call[Any, Any]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One verb and path.

    Attributes:
        path: With `{id}` and `{number}` in it.
        answers: Status to the shape of its body, or the media type of a body that is no JSON.
        raises: Statuses of the problems it may answer, besides those every operation may.
    """

    method: str
    path: str
    name: str
    summary: str
    need: Need
    handle: Handle
    query: type[Query] = Query
    body: type[Body] | None = None
    answers: Mapping[int, type[BaseModel] | str | None] = field(default_factory=dict)
    raises: tuple[int, ...] = ()


def register(
    app: web.Application, operations: tuple[Operation, ...], *, control: Control, access: Access, streams: Streams
) -> None:
    """Give the application a route for each operation."""

    def bound(operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            visitor = demand(request, access, operation.need)
            query = parse_query(request, operation.query)
            body = await parse_body(request, operation.body)
            return await operation.handle(Call(request, control, visitor, streams, query, body))

        return answer

    for operation in operations:
        path = operation.path.replace("{number}", "{number:[1-9][0-9]{0,8}}")
        app.router.add_route(operation.method, path, bound(operation))
        if operation.method == "GET":
            app.router.add_route("HEAD", path, bound(operation))


def demand(request: web.Request, access: Access, need: Need) -> Visitor:
    """The visitor, who brings what is needed. Raises `HttpProblem`."""
    visitor = access.visitor(request)
    if not visitor.may(need):
        raise unauthorised("this needs the token")
    return visitor


def parse_query(request: web.Request, model: type[Q]) -> Q:
    """The query's fields. Raises `HttpProblem` 422."""
    names = [name for name, _ in request.query.items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong_values([{"where": f"query.{name}", "what": "given more than once"} for name in twice])
    try:
        return model.model_validate_strings(dict(request.query))
    except ValidationError as error:
        raise _wrong_values(_rows("query", error)) from error


async def parse_body(request: web.Request, model: type[B] | None) -> B | Body:
    """The body's fields; no body is an empty object. Raises `HttpProblem` 400, 415, 422."""
    raw = await request.read()
    if not raw:
        raw = b"{}"
    elif request.content_type != _JSON:
        raise HttpProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "the body must be JSON", hint="send it as application/json"
        )
    try:
        return (model or Body).model_validate_json(raw, strict=True)
    except ValidationError as error:
        if any(row["type"] == "json_invalid" for row in error.errors()):
            raise HttpProblem(HTTPStatus.BAD_REQUEST, "not-json", "the body is not valid JSON") from error
        raise _wrong_values(_rows("body", error)) from error


def json_answer(shape: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A shape as the answer."""
    return web.Response(
        status=status, body=shape.model_dump_json().encode(), content_type=_JSON, charset="utf-8", headers=headers
    )


def _rows(part: str, error: ValidationError) -> list[dict[str, str]]:
    """Where and what, without repeating the value: it may be a secret in the wrong place."""
    return [
        {"where": ".".join([part, *(ascii(step).strip("'") for step in row["loc"])])[:200], "what": row["msg"]}
        for row in error.errors(include_input=False, include_url=False)
    ]


def _wrong_values(rows: list[dict[str, str]]) -> HttpProblem:
    detail = "; ".join(f"{row['where']}: {row['what']}" for row in rows[:3])
    return HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-values", detail, errors=tuple(rows[:20]))

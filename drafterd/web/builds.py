"""The API's operations on builds."""

import time
from http import HTTPStatus

from aiohttp import web

from drafterd.domain.errors import WrongState
from drafterd.web.access import Need
from drafterd.web.build_logs import build_log_answer
from drafterd.web.build_shapes import BuildShape, BuildsShape
from drafterd.web.operations import Call, Operation, json_answer
from drafterd.web.queries import Body, BuildBody, BuildLogQuery, Query


async def list_builds(call: Call[Query, Body]) -> web.StreamResponse:
    """A draft's builds, newest first."""
    call.control.draft(call.draft)
    now = time.time()
    builds = call.control.builds(call.draft)
    return json_answer(BuildsShape(items=tuple(BuildShape.of(build, now=now) for build in builds)))


async def show_build(call: Call[Query, Body]) -> web.StreamResponse:
    """One build."""
    return json_answer(BuildShape.of(call.control.build(call.draft, call.number), now=time.time()))


async def ask_build(call: Call[Query, BuildBody]) -> web.StreamResponse:
    """Build again."""
    build = await call.control.rebuild(call.draft, clean=call.body.clean)
    where = f"/api/v1/drafts/{build.draft}/builds/{build.number}"
    return json_answer(BuildShape.of(build, now=time.time()), status=HTTPStatus.ACCEPTED, headers={"Location": where})


async def cancel_build(call: Call[Query, Body]) -> web.StreamResponse:
    """End a build that waits or runs."""
    build = call.control.build(call.draft, call.number)
    if not build.status.active:
        raise WrongState(f"build {build.number} has ended already: {build.status.value}")
    await call.control.cancel(call.draft)
    return json_answer(
        BuildShape.of(call.control.build(call.draft, call.number), now=time.time()), status=HTTPStatus.ACCEPTED
    )


_PATH = "/api/v1/drafts/{id}/builds"

OPERATIONS = (
    Operation(
        method="GET",
        path=_PATH,
        name="listBuilds",
        summary="A draft's builds, newest first",
        need=Need.TOKEN,
        handle=list_builds,
        answers={200: BuildsShape},
        raises=(404,),
    ),
    Operation(
        method="POST",
        path=_PATH,
        name="askBuild",
        summary="Build again",
        need=Need.TOKEN,
        handle=ask_build,
        body=BuildBody,
        answers={202: BuildShape},
        raises=(400, 404, 409, 415, 429),
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{number}}",
        name="showBuild",
        summary="One build",
        need=Need.TOKEN,
        handle=show_build,
        answers={200: BuildShape},
        raises=(404,),
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{number}}/cancel",
        name="cancelBuild",
        summary="End a build that waits or runs",
        need=Need.TOKEN,
        handle=cancel_build,
        body=Body,
        answers={202: BuildShape},
        raises=(400, 404, 409, 415),
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{number}}/log",
        name="showBuildLog",
        summary="The log of a build: text or JSON lines, or live as server-sent events (resumes with Last-Event-ID)",
        need=Need.TOKEN,
        handle=build_log_answer,
        query=BuildLogQuery,
        answers={200: "text/plain", 206: "text/plain"},
        raises=(404, 416, 503),
    ),
)
"""What this module adds to the API."""

"""The API's operations on the daemon as a whole: probes, status, routes, queue."""

from http import HTTPStatus

from aiohttp import web

from drafterd.domain.report import Check
from drafterd.web.access import Need
from drafterd.web.operations import Call, Handle, Operation, json_answer
from drafterd.web.problems import problem_response
from drafterd.web.queries import Body, ProbeQuery, Query
from drafterd.web.shapes import CheckShape, HealthShape, QueueShape, RoutesShape, StatusShape

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LOOP = Check(name="loop", ok=True, detail="this answer")


async def livez(call: Call[ProbeQuery, Body]) -> web.StreamResponse:
    """The loop answers: that is all it says."""
    return _probe((_LOOP,), verbose=call.query.verbose is not None)


async def readyz(call: Call[ProbeQuery, Body]) -> web.StreamResponse:
    """First look done, process supervisor and proxy reachable."""
    return _probe(await call.control.health(), verbose=call.query.verbose is not None)


async def healthz(call: Call[ProbeQuery, Body]) -> web.StreamResponse:
    """Both."""
    return _probe((_LOOP, *await call.control.health()), verbose=call.query.verbose is not None)


def _probe(checks: tuple[Check, ...], *, verbose: bool) -> web.Response:
    shapes = tuple(CheckShape.of(check) for check in checks)
    failed = [check for check in checks if not check.ok]
    if not failed:
        return json_answer(HealthShape(status="ok", checks=shapes if verbose else ()))
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-ready",
        "; ".join(f"{check.name}: {check.detail or 'not well'}" for check in failed),
        headers={"Retry-After": "1"},
        extra={"checks": [shape.model_dump() for shape in shapes]},
    )


async def metrics(call: Call[Query, Body]) -> web.StreamResponse:
    """For Prometheus."""
    return web.Response(body=call.control.metrics(), headers={"Content-Type": _METRICS})


async def status(call: Call[Query, Body]) -> web.StreamResponse:
    """The daemon as a whole."""
    return json_answer(StatusShape.of(call.control.status(), full=call.visitor.trusted))


async def routes(call: Call[Query, Body]) -> web.StreamResponse:
    """What the proxy was told."""
    return json_answer(RoutesShape.of(call.control.routes()))


async def queue(call: Call[Query, Body]) -> web.StreamResponse:
    """Who builds, who waits."""
    return json_answer(QueueShape.of(call.control.queue(), held_back=call.control.held_back))


async def scan(call: Call[Query, Body]) -> web.StreamResponse:
    """Look at every folder now."""
    await call.control.scan()
    return web.Response(status=HTTPStatus.ACCEPTED)


def _probing(path: str, name: str, summary: str, handle: Handle) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        need=Need.LOOPBACK,
        handle=handle,
        query=ProbeQuery,
        answers={200: HealthShape},
        raises=(503,),
    )


OPERATIONS = (
    _probing("/livez", "livez", "The daemon's loop answers", livez),
    _probing("/readyz", "readyz", "First look done; process supervisor and proxy reachable", readyz),
    _probing("/healthz", "healthz", "Both; `?verbose` lists the checks", healthz),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Metrics in Prometheus' text format",
        need=Need.LOOPBACK,
        handle=metrics,
        answers={200: "text/plain"},
    ),
    Operation(
        method="GET",
        path="/api/v1/status",
        name="status",
        summary="The daemon as a whole",
        need=Need.LOOPBACK,
        handle=status,
        answers={200: StatusShape},
    ),
    Operation(
        method="GET",
        path="/api/v1/routes",
        name="routes",
        summary="What the proxy was told and has confirmed",
        need=Need.TOKEN,
        handle=routes,
        answers={200: RoutesShape},
    ),
    Operation(
        method="GET",
        path="/api/v1/queue",
        name="queue",
        summary="What builds and what waits",
        need=Need.TOKEN,
        handle=queue,
        answers={200: QueueShape},
    ),
    Operation(
        method="POST",
        path="/api/v1/scan",
        name="scan",
        summary="Look at every folder now",
        need=Need.TOKEN,
        handle=scan,
        body=Body,
        answers={202: None},
        raises=(400, 415),
    ),
)
"""What this module adds to the API."""

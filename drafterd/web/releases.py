"""The API's operations on the releases of a draft: going back to one, and ending that."""

import time
from http import HTTPStatus
from typing import Any

from aiohttp import web

from drafterd.web.access import Need
from drafterd.web.operations import Call, Operation, json_answer
from drafterd.web.queries import DraftPatch, Query, RollbackBody
from drafterd.web.shapes import DraftShape


async def roll_back(call: Call[Query, RollbackBody]) -> web.StreamResponse:
    """Let an earlier release serve."""
    return _answer(call, changed=await call.control.rollback.pin(call.draft, call.body.release))


async def patch_draft(call: Call[Query, DraftPatch]) -> web.StreamResponse:
    """Pin a release, or end the pin with null; what is not named stays as it is."""
    changed = False
    if "pinned" in call.body.model_fields_set:
        rollback, wanted = call.control.rollback, call.body.pinned
        changed = await (rollback.unpin(call.draft) if wanted is None else rollback.pin(call.draft, wanted))
    return _answer(call, changed=changed)


def _answer(call: Call[Any, Any], *, changed: bool) -> web.Response:
    """The draft as it will be; 200 when it was so already."""
    report = call.control.draft(call.draft)
    status = HTTPStatus.ACCEPTED if changed else HTTPStatus.OK
    return json_answer(DraftShape.of(report, now=time.time(), full=True), status=status)


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/drafts/{id}/rollback",
        name="rollbackDraft",
        summary="Let an earlier release serve until the source changes",
        need=Need.TOKEN,
        handle=roll_back,
        body=RollbackBody,
        answers={200: DraftShape, 202: DraftShape},
        raises=(400, 404, 409, 415),
    ),
    Operation(
        method="PATCH",
        path="/api/v1/drafts/{id}",
        name="patchDraft",
        summary="Pin a release, or with null let that of the source serve again",
        need=Need.TOKEN,
        handle=patch_draft,
        body=DraftPatch,
        answers={200: DraftShape, 202: DraftShape},
        raises=(400, 404, 409, 415),
    ),
)
"""What this module adds to the API."""

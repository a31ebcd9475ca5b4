"""The API's operations on who may visit a draft.

They work for names that no folder bears yet, too: a draft can be protected before it arrives.
"""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import Field

from drafterd.domain.protection import PASSWORD_MAX, PASSWORD_MIN
from drafterd.reconcile.gate import SHARE_LIFE_MAX, AccessReport, Gate
from drafterd.web.access import Need
from drafterd.web.build_shapes import Shape, Time
from drafterd.web.display import utc
from drafterd.web.operations import Call, Operation, json_answer
from drafterd.web.queries import Body, Query

GATE = web.AppKey("gate", Gate)

_WEEK = 7 * 86_400
_SHORTEST = 60


class AccessBody(Body):
    """Who may visit a draft.

    Attributes:
        protected: False: everybody may.
        password: The new one; null for none, so that only links let in; left out, it stays as it is.
    """

    protected: bool
    password: str | None = Field(default=None, min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)


class ShareBody(Body):
    """For how many seconds a link lets in."""

    seconds: int = Field(default=_WEEK, ge=_SHORTEST, le=SHARE_LIFE_MAX)


class AccessShape(Shape):
    """How a draft is protected.

    Attributes:
        password: Whether there is a password; without one only links let in.
        configured: Whether the configuration protects it, so that nothing else can change it.
        enforced: Whether visitors meet it already: right after a change it takes a moment.
    """

    protected: bool
    password: bool
    configured: bool
    enforced: bool

    @classmethod
    def of(cls, report: AccessReport) -> "AccessShape":
        """The same in JSON."""
        return cls(
            protected=report.protected,
            password=report.password,
            configured=report.configured,
            enforced=report.enforced,
        )


class ShareShape(Shape):
    """A link that lets in. It is shown once and kept nowhere."""

    url: str
    ends: Time | None


async def show_access(call: Call[Query, Body]) -> web.StreamResponse:
    """How it is protected."""
    return json_answer(AccessShape.of(_gate(call).report(call.draft)))


async def set_access(call: Call[Query, AccessBody]) -> web.StreamResponse:
    """Protect it, or not; answered when it is kept, `enforced` a moment later."""
    gate, draft, wish = _gate(call), call.draft, call.body
    if not wish.protected:
        gate.lift(draft)
    elif "password" in wish.model_fields_set or not gate.is_protected(draft):
        await gate.protect(draft, wish.password)
    return json_answer(AccessShape.of(gate.report(draft)))


async def share(call: Call[Query, ShareBody]) -> web.StreamResponse:
    """A link that lets in for a time."""
    url, ends = _gate(call).share(call.draft, call.body.seconds)
    return json_answer(ShareShape(url=url, ends=utc(ends)), status=HTTPStatus.CREATED)


async def revoke(call: Call[Query, Body]) -> web.StreamResponse:
    """End all links and sessions."""
    _gate(call).revoke(call.draft)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _gate(call: Call[Any, Any]) -> Gate:
    return call.request.app[GATE]


_ACCESS = "/api/v1/drafts/{id}/access"
_SHARES = "/api/v1/drafts/{id}/shares"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path=_ACCESS,
        name="showAccess",
        summary="Who may visit a draft",
        need=Need.TOKEN,
        handle=show_access,
        answers={200: AccessShape},
        raises=(404,),
    ),
    Operation(
        method="PATCH",
        path=_ACCESS,
        name="setAccess",
        summary="Protect a draft by a password or by links, or let everybody in",
        need=Need.TOKEN,
        handle=set_access,
        body=AccessBody,
        answers={200: AccessShape},
        raises=(400, 404, 409, 415),
    ),
    Operation(
        method="POST",
        path=_SHARES,
        name="shareDraft",
        summary="Make a link that lets into a protected draft for a time",
        need=Need.TOKEN,
        handle=share,
        body=ShareBody,
        answers={201: ShareShape},
        raises=(400, 404, 409, 415),
    ),
    Operation(
        method="DELETE",
        path=_SHARES,
        name="revokeShares",
        summary="End all links and sessions of a protected draft",
        need=Need.TOKEN,
        handle=revoke,
        answers={204: None},
        raises=(404, 409),
    ),
)
"""What this module adds to the API."""

"""Lets requests wait while a daemon that has just started looks at its drafts: before that, it knows of none."""

import asyncio
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

WAIT_MAX = 5.0
"""Seconds; then the request is answered with what is known."""
_EVERY = 0.02


class Starting(Protocol):
    """What is waited for."""

    ready: bool
    """Whether every draft was looked at once."""


def until_ready(daemon: Starting, *, below: str = "/", most: float = WAIT_MAX) -> Middleware:
    """Hold requests until the daemon knows its drafts; only those whose path begins with `below`."""

    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        for _ in range(round(most / _EVERY)):
            if daemon.ready or not request.path.startswith(below):
                break
            await asyncio.sleep(_EVERY)
        return await handler(request)

    return wait

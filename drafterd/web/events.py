"""Server-sent events: one stream to one visitor, ended when either side has had enough."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from drafterd.web.problems import HttpProblem

STREAMS_MAX = 256
"""Streams at once per server; a page without its stream falls back to reloading."""

_PING = 10.0
_SEND_TIMEOUT = 30.0
_Key = TypeVar("_Key")


class Streams:
    """The open streams of one server: counted, and ended when it stops."""

    def __init__(self) -> None:
        self._open = 0
        self._closing = asyncio.Event()

    @property
    def closing(self) -> bool:
        """Whether the server stops: whoever only waits is answered with what is."""
        return self._closing.is_set()

    async def close(self, _app: web.Application) -> None:
        """End every stream."""
        self._closing.set()

    async def serve(
        self,
        request: web.Request,
        produce: Callable[[EventSourceResponse], Awaitable[None]],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        """Send what `produce` sends until it returns, the visitor goes, or the server stops.

        Raises:
            HttpProblem: Too many streams are open.
        """
        if self._open >= STREAMS_MAX:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too-many-streams",
                f"{STREAMS_MAX} live streams are open",
                headers={"Retry-After": "5"},
            )
        self._open += 1
        response: web.StreamResponse = web.Response()
        try:
            async with sse_response(
                request, headers=headers, ping_interval=_PING, send_timeout=_SEND_TIMEOUT
            ) as response:
                await self._until_any_ends(response, produce)
        except* (ConnectionError, TimeoutError):
            pass  # the visitor went away
        finally:
            self._open -= 1
        return response

    async def _until_any_ends(
        self, response: EventSourceResponse, produce: Callable[[EventSourceResponse], Awaitable[None]]
    ) -> None:
        async def run() -> None:
            await produce(response)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run()), group.create_task(response.wait()), group.create_task(self._stopped())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()

    async def _stopped(self) -> None:
        await self._closing.wait()


async def next_changes(queue: asyncio.Queue[_Key], *, within: float) -> set[_Key]:
    """What has changed since the last call; waits for the first, `within` seconds at most."""
    changed: set[_Key] = set()
    try:
        async with asyncio.timeout(within):
            changed.add(await queue.get())
    except TimeoutError:
        return changed
    while not queue.empty():
        changed.add(queue.get_nowait())
    return changed

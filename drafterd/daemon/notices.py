"""What systemd is told: that we are ready, that the reconcile loop turns, what we are doing, that we stop.

The protocol is sd_notify(3); where nobody listens, nothing is said.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Protocol

import sdnotify

from drafterd.domain.names import DraftId
from drafterd.domain.view import View

FEED_EVERY = 5.0
"""Seconds; less where the watchdog is stricter than that."""
_READY_EVERY = 0.05
_PARTS = 4
"""The watchdog is fed so many times within its patience."""


class Turning(Protocol):
    """What we need of the loop."""

    turns: int
    """Counts every look at a draft, and beats where there is none."""
    views: dict[DraftId, View]


class Notices:
    """Tells systemd how we are.

    Args:
        loop: The reconcile loop: while it does not turn, the watchdog is not fed, and systemd starts us anew.
        ready: Whether every draft was looked at once.
        environ: With `NOTIFY_SOCKET` and `WATCHDOG_USEC`, where systemd listens.
    """

    def __init__(self, loop: Turning, *, ready: Callable[[], bool], environ: Mapping[str, str] = os.environ) -> None:
        self._loop = loop
        self._ready = ready
        self._every = _feeding_time(environ)
        self._notifier = sdnotify.SystemdNotifier()

    async def run(self) -> None:
        """Say that we are ready once the loop turns, and feed the watchdog from then on, until cancelled."""
        said, fed = False, 0
        while True:
            turns = self._loop.turns
            if not said and (turns or self._ready()):
                self._say("READY=1", self._status())
                said = True
            elif said and turns != fed:
                self._say("WATCHDOG=1", self._status())
                fed = turns
            await asyncio.sleep(self._every if said else _READY_EVERY)

    def stopping(self) -> None:
        """Say that we are about to end."""
        self._say("STOPPING=1", "STATUS=stopping")

    def _status(self) -> str:
        views = self._loop.views
        served = sum(view.confirmed is not None for view in views.values())
        doing = "" if self._ready() else "; looking at all of them"
        return f"STATUS={len(views)} drafts, {served} served{doing}"

    def _say(self, *words: str) -> None:
        self._notifier.notify("\n".join(words))


def _feeding_time(environ: Mapping[str, str]) -> float:
    """Seconds from one feeding to the next."""
    patience = environ.get("WATCHDOG_USEC", "")
    strict = int(patience) / 1e6 / _PARTS if patience.isascii() and patience.isdigit() else FEED_EVERY
    return min(FEED_EVERY, max(_READY_EVERY, strict))

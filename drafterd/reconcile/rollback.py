"""Going back to an earlier release, and forward again: the operator's pin."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from drafterd.domain import plan, releases
from drafterd.domain.interfaces import Ledger
from drafterd.domain.keys import content_of
from drafterd.domain.model import Intent
from drafterd.domain.names import DraftId
from drafterd.domain.plan import Rules
from drafterd.domain.view import View
from drafterd.reconcile.queue import WorkQueue

_SEEN_WITHIN = 2.0


class Rollback:
    """Sets and ends pins.

    Args:
        view: The newest view of a draft; raises `NotFound`.
        subscribe: A queue with the id of each draft that changes.
    """

    def __init__(
        self,
        *,
        view: Callable[[DraftId], View],
        ledger: Ledger,
        queue: WorkQueue,
        subscribe: Callable[[], AbstractContextManager[asyncio.Queue[DraftId]]],
        rules: Rules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._view = view
        self._ledger = ledger
        self._queue = queue
        self._subscribe = subscribe
        self._rules = rules
        self._clock = clock

    async def pin(self, draft: DraftId, release: str | None = None) -> bool:
        """Let a release serve until the source changes or the pin is ended; False if it is pinned already.

        Args:
            release: Its name; None for the newest good one before the one that should serve now.

        Raises:
            NotFound: There is no such draft, or the release is not kept.
            BadRelease: The release is known not to work.
            WrongState: There is no earlier one.
        """
        view = self._view(draft)
        chosen = releases.chosen(view, release)
        intent = self._ledger.intent(draft)
        if intent.pinned == chosen:
            return False
        # A change that is on its way already is part of what was gone back from.
        known = content_of(view.fix) if view.fix is not None and plan.fresh(view, self._rules) else ""
        await self._keep(draft, replace(intent, pinned=chosen, stamp=known, asked_at=self._clock()), "pinned", chosen)
        return True

    async def unpin(self, draft: DraftId) -> bool:
        """Let the release of the source serve again, if it is good; False if none is pinned. Raises `NotFound`."""
        self._view(draft)
        intent = self._ledger.intent(draft)
        if intent.pinned is None:
            return False
        await self._keep(
            draft, replace(intent, pinned=None, stamp="", asked_at=self._clock()), "unpinned", intent.pinned
        )
        return True

    async def _keep(self, draft: DraftId, intent: Intent, word: str, release: str) -> None:
        """Keep the wish, and wait a moment until reports tell of it."""
        with self._subscribe() as changes, suppress(TimeoutError):
            self._ledger.set_intent(draft, intent)
            self._ledger.record_event(draft, word, {"release": release})
            self._queue.add(draft)
            async with asyncio.timeout(_SEEN_WITHIN):
                while self._view(draft).intent.pinned != intent.pinned:
                    await changes.get()

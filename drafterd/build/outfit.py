"""Readies a release for its visitors: what it needs beside what its build left."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from drafterd import files
from drafterd.build import action_key
from drafterd.build.assets import OldAssets
from drafterd.build.sharing import share
from drafterd.build.threads import in_thread
from drafterd.domain.model import Release
from drafterd.layout import Layout

SWEEP_EVERY = 60.0

_log = structlog.get_logger(__name__)


class Outfit:
    """Lends releases the assets of those before, and knows what their servers need to be told.

    Args:
        start_timeout: Seconds that a server has for its first answer.
    """

    def __init__(self, layout: Layout, *, start_timeout: float, clock: Callable[[], float] = time.time) -> None:
        self._layout = layout
        self._assets = OldAssets(layout, start_timeout=start_timeout, clock=clock)

    async def ready(self, release: Release, before: Release | None) -> Mapping[str, str]:
        """Lay what pages of `before` may still ask for into a release that does not serve yet. Repeatable.

        Args:
            before: The release that it takes over from, or None.

        Returns:
            Variables for its server that no release may hold: they are secrets.
        """
        if before is not None:
            try:
                lent = await in_thread(self._assets.lend, before, release)
                if lent:
                    _log.info("assets.lent", draft=release.draft, release=release.id, before=before.id, files=lent)
            except OSError as error:  # a page that is open may have to be loaded anew: no reason not to switch
                _log.warning("assets.failed", draft=release.draft, release=release.id, reason=str(error))
        variables = await in_thread(action_key.for_server, self._layout, release)
        if (group := files.shared_with(self._layout.state / "instances")) is not None:
            await in_thread(share, Path(release.path), group)
        return variables

    async def run(self) -> None:
        """Take back what was lent for long enough, until cancelled."""
        while True:
            try:
                await in_thread(self._assets.sweep)
            except OSError as error:
                _log.warning("assets.failed", reason=str(error))
            await asyncio.sleep(SWEEP_EVERY)

"""Builds that found another source than was asked for: they may be asked for again, but not for ever."""

from collections.abc import Callable
from dataclasses import replace

from drafterd.build.steps import SNAPSHOT
from drafterd.domain.model import Build, BuildStatus, Problem
from drafterd.domain.names import DraftId

_IN_A_ROW = 5
"""So many builds of one key in a row: no more at once."""

_UNSTEADY = Problem(
    code="source-unsteady",
    summary="the source changed each time it was read",
    hint="stop what writes into the folder, then ask for the build again",
    step=SNAPSHOT,
)


class Unsteady:
    """Counts them by draft.

    Args:
        retry_after: Seconds until such a draft is built again.
        clock: Seconds since the epoch.
    """

    def __init__(self, *, retry_after: float, clock: Callable[[], float]) -> None:
        self._retry_after = retry_after
        self._clock = clock
        self._counts: dict[DraftId, tuple[str, int]] = {}

    def counted(self, ended: Build) -> Build:
        """The build as it is to be told: one too many has failed."""
        if ended.status is not BuildStatus.CANCELLED or ended.problem or ended.step != SNAPSHOT:
            self.forget(ended.draft)
            return ended
        key, count = self._counts.get(ended.draft, (ended.key, 0))
        count = count + 1 if key == ended.key else 1
        self._counts[ended.draft] = (ended.key, count)
        if count < _IN_A_ROW:
            return ended
        now = self._clock()
        problem = replace(_UNSTEADY, since=now, retry_at=now + self._retry_after)
        return replace(ended, status=BuildStatus.FAILED, problem=problem)

    def forget(self, draft: DraftId) -> None:
        """Begin anew with a draft."""
        self._counts.pop(draft, None)

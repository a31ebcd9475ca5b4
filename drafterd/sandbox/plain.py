"""No walls: a draft's processes have the daemon's rights. Only their time, output, memory and number are bounded."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from drafterd import process
from drafterd.domain.interfaces import Outcome, Step
from drafterd.domain.model import InstanceSpec
from drafterd.sandbox.watch import watched

_NICENESS = 10
"""Builds give way to running drafts and to the daemon."""

_MEANING = "none: a draft runs as the daemon's user and can read what that user can"


class PlainSandbox:
    """Runs what it is given as it is; the status says `isolation: none`.

    Args:
        reason: Why there is nothing better, if somebody wanted that.
    """

    name = "plain"
    layered = False

    def __init__(self, reason: str = "") -> None:
        self._reason = reason

    @property
    def isolation(self) -> str:
        """That there is none, and why."""
        return f"{_MEANING}; {self._reason}" if self._reason else _MEANING

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end, its limit or its deadline; see `process.run`. Raises `OSError` if it cannot start."""
        # The kernel would count all processes of the user, ours and those of other drafts too.
        limits = replace(step.limits, processes=None)
        return await watched(
            step,
            lambda started: process.run(
                step.argv,
                cwd=step.cwd,
                environment=step.environment,
                timeout=step.timeout,
                grace=step.grace,
                output_max=step.output_max,
                flood_max=step.flood_max,
                on_line=on_line,
                on_start=started,
                limits=limits,
                niceness=_NICENESS,
            ),
            on_start,
        )

    def wrap(self, spec: InstanceSpec) -> Sequence[str]:
        """The instance's own command line."""
        return spec.argv

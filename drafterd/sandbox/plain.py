"""No walls: a draft's processes have the daemon's rights. Only their time and output are bounded."""

from collections.abc import Callable, Sequence

from drafterd import process
from drafterd.domain.interfaces import Outcome, Step
from drafterd.domain.model import InstanceSpec

_NICENESS = 10
"""Builds give way to running drafts and to the daemon."""


class PlainSandbox:
    """Runs what it is given as it is; the status says `isolation: none`."""

    name = "plain"

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end; see `process.run`. Raises `OSError` if it cannot be started."""
        return await process.run(
            step.argv,
            cwd=step.cwd,
            environment=step.environment,
            timeout=step.timeout,
            grace=step.grace,
            output_max=step.output_max,
            on_line=on_line,
            on_start=on_start,
            limits=step.limits,
            niceness=_NICENESS,
        )

    def wrap(self, spec: InstanceSpec) -> Sequence[str]:
        """The instance's own command line."""
        return spec.argv

"""No walls: a draft's processes have the daemon's rights. Only their time, output, memory and number are bounded."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from drafterd.domain.interfaces import Outcome, Step, Wrapped
from drafterd.domain.model import InstanceSpec
from drafterd.sandbox.groups import Group, Groups
from drafterd.sandbox.watch import watched

_NICENESS = 10
"""Builds give way to running drafts and to the daemon."""

_KEPT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("keep.py")))
"""What finds all of a step's processes again; a control group does so as well."""

_MEANING = "none: a draft runs as the daemon's user and can read what that user can"


class PlainSandbox:
    """Runs what it is given as it is; the status says `isolation: none`.

    Args:
        reason: Why there is nothing better, if somebody wanted that.
        groups: Makes control groups, where they can be had.
    """

    name = "plain"
    layered = False
    apart = False

    def __init__(self, reason: str = "", groups: Groups | None = None) -> None:
        self._reason = reason
        self._groups = groups

    @property
    def isolation(self) -> str:
        """That there is none, and why."""
        return f"{_MEANING}; {self._reason}" if self._reason else _MEANING

    def prepare(self) -> None:
        """There is nothing to be made ready."""

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end, its limit or its deadline; see `process.run`. Raises `OSError` if it cannot start."""
        # The kernel would count all processes of the user, ours and those of other drafts too.
        limits = replace(step.limits, processes=None)
        group = await asyncio.to_thread(self._group, step)
        return await watched(
            step,
            step.argv if group else (*_KEPT, *step.argv),
            on_line=on_line,
            on_start=on_start,
            group=group,
            limits=limits,
            niceness=_NICENESS,
        )

    def _group(self, step: Step) -> Group | None:
        if not os.access(step.argv[0], os.X_OK):  # what is put before it would only exit with a code
            Path(step.argv[0]).stat()
            raise PermissionError(13, "Permission denied", step.argv[0])
        return self._groups.for_build(step.limits) if self._groups else None

    def wrap(self, spec: InstanceSpec) -> Wrapped:
        """The instance's own command line."""
        group = self._groups.for_instance(spec.id, spec.limits) if self._groups else None
        return Wrapped(argv=spec.argv, groups=tuple(map(str, group.folders)) if group else ())

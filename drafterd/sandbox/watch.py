"""Ends a step that uses more than it may: looks at its whole tree of processes several times a second.

The kernel's own limits count each process for itself, or all of a user's; what a person means by the
memory of a build is that of all its processes together.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from drafterd import process
from drafterd.domain.interfaces import Exceeded, Outcome, Step
from drafterd.sandbox import disk
from drafterd.sandbox.use import used
from drafterd.sandbox.walk import TooDeep

_log = structlog.get_logger(__name__)

_PERIOD = 0.25
_DISK_EVERY = 8
"""The folders are measured at every so many looks, once the disk has filled by enough to make it worth while."""


async def watched(
    step: Step, run: Callable[[Callable[[int], None]], Awaitable[Outcome]], on_start: Callable[[int], None]
) -> Outcome:
    """Run a step, and kill its group once it exceeds a limit.

    Args:
        run: Runs the step to its end; is given what it must call with the number of the group.
    """
    watch = _Watch(step)

    def started(group: int) -> None:
        watch.group = group
        on_start(group)

    looking = asyncio.get_running_loop().create_task(watch.look())
    try:
        outcome = await run(started)
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    return replace(outcome, exceeded=watch.exceeded or outcome.exceeded)


class _Watch:
    """Looks after one step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._free = disk.free(step.cwd)
        self._looks = 0
        self.group: int | None = None
        self.exceeded: Exceeded | None = None

    async def look(self) -> None:
        """Look until cancelled, or until there is nothing more to be said."""
        while self.exceeded is None:
            await asyncio.sleep(_PERIOD)  # nothing tells of memory that is taken
            if self.group is None:
                continue
            found = await asyncio.get_running_loop().run_in_executor(None, self._find, self.group)
            if found:
                self.exceeded = found
                _log.warning("step.exceeded", step=self._step.name, limit=found.value)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.group, signal.SIGKILL)

    def _find(self, group: int) -> Exceeded | None:
        """The limit that is exceeded now; called in a thread."""
        limits = self._step.limits
        if limits.memory is not None or limits.processes is not None:
            use = used(group, self._step.environment.get(process.MARK))
            if limits.memory is not None and use.memory > limits.memory:
                return Exceeded.MEMORY
            if limits.processes is not None and use.processes > limits.processes:
                return Exceeded.PROCESSES
        self._looks += 1
        return Exceeded.DISK if self._looks % _DISK_EVERY == 0 and self._fills() else None

    def _fills(self) -> bool:
        most = self._step.disk_max
        if most is None or self._free - disk.free(self._step.cwd) < most // 2:
            return False
        step = self._step
        try:
            return sum(map(disk.size, {step.cwd, *step.writable, *(layer.upper for layer in step.layers)})) > most
        except TooDeep:
            return True

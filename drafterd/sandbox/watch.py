"""Ends a step that uses more than it may: looks at its whole tree of processes several times a second.

The kernel's own limits count each process for itself, or all of a user's; what a person means by the
memory of a build is that of all its processes together.
"""

import asyncio
import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog

from drafterd import process
from drafterd.domain.interfaces import Exceeded, Outcome, Step
from drafterd.domain.model import Limits
from drafterd.sandbox.filling import Filling
from drafterd.sandbox.groups import Group
from drafterd.sandbox.use import members, used

_log = structlog.get_logger(__name__)

_PERIOD = 0.25
_SIGNALLED = 128


async def watched(
    step: Step,
    argv: Sequence[str],
    *,
    on_line: Callable[[bytes], None],
    on_start: Callable[[int], None],
    group: Group | None = None,
    user: int | None = None,
    limits: Limits | None = None,
    niceness: int = 0,
    blocked: Collection[signal.Signals] = (),
    handed: Collection[int] = (),
) -> Outcome:
    """Run a step to its end, its limit or its deadline, and kill its group once it exceeds a limit.

    Args:
        argv: The step's command, with what a sandbox puts before it.
        on_line: As `on_start`, `limits`, `niceness`, `blocked` and `handed`: see `process.run`.
        group: The control group that the step enters; afterwards it is gone, with all that was in it.
        user: Who runs nothing but this step.
    """
    watch = _Watch(step, group, user)

    def started(number: int) -> None:
        watch.group = number
        on_start(number)

    looking = asyncio.get_running_loop().create_task(watch.look())
    try:
        outcome = await process.run(
            group.around(argv) if group else argv,
            cwd=step.cwd,
            environment=step.environment,
            timeout=step.timeout,
            grace=step.grace,
            output_max=step.output_max,
            flood_max=step.flood_max,
            on_line=on_line,
            on_start=started,
            limits=limits,
            niceness=niceness,
            blocked=blocked,
            handed=handed,
        )
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        refused = await _closed(group) if group else None
    return replace(_signalled(outcome), exceeded=watch.exceeded or refused or outcome.exceeded)


def _signalled(outcome: Outcome) -> Outcome:
    """An exit code that stands for a signal, as shells have it, is that signal: walls tell both alike."""
    if outcome.code is None or outcome.code - _SIGNALLED not in set(signal.Signals):
        return outcome
    return replace(outcome, code=None, signal=outcome.code - _SIGNALLED)


async def _closed(group: Group) -> Exceeded | None:
    """Remove the group; what the kernel refused it while nobody looked."""
    refused = await asyncio.to_thread(group.exceeded)
    await asyncio.to_thread(group.close)
    return refused


class _Watch:
    """Looks after one step."""

    def __init__(self, step: Step, control: Group | None, user: int | None) -> None:
        self._step = step
        self._control = control
        self._user = user
        self._filling = Filling(step)
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
                await asyncio.to_thread(process.end_tree, self.group)

    def _find(self, group: int) -> Exceeded | None:
        """The limit that is exceeded now; called in a thread."""
        limits = self._step.limits
        if self._control and (refused := self._control.exceeded()):
            return refused
        who = (group, self._step.environment.get(process.MARK), self._user)
        if limits.memory is not None or limits.processes is not None:
            use = used(*who)
            if limits.memory is not None and use.memory > limits.memory:
                return Exceeded.MEMORY
            if limits.processes is not None and use.processes > limits.processes:
                return Exceeded.PROCESSES
        return self._filling.exceeded(lambda: members(*who))

"""Repairs of one build while it runs: which one is made, what it changes, and taking it back when it did not help."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from drafterd import files, tree
from drafterd.build.commands import Commands, Tools
from drafterd.build.firsterror import first_error
from drafterd.build.foreign import NODE_MODULES, inside
from drafterd.build.log import BuildLog
from drafterd.build.repairs import ladder
from drafterd.build.repairs.situation import PACKAGE, Situation
from drafterd.build.repairs.variant import Remedy, Variant
from drafterd.build.threads import in_thread
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import BuildOrder
from drafterd.domain.repair import Repair

MISSING_MANAGER = "manager-missing"
"""The code of what is no repair of the ladder's: npm in the place of another package manager."""

_READ_MAX = 10_000_000
_SIGNALLED = 128
_INSTALL = "install"


@dataclass(frozen=True, slots=True)
class _Undo:
    """What takes the last repair back, should the step fail with the same error again.

    Attributes:
        step: The step that had failed.
        contents: The files that it changed, as they were; None: they were not there.
    """

    step: str
    error: tuple[str, str]
    variant: Variant
    contents: Mapping[str, bytes | None]


class Mending:
    """The repairs of one build.

    Args:
        on_repair: Told of every repair as soon as it is tried.

    Attributes:
        cached: Whether the build began with the `.next/cache` of an earlier one.
    """

    def __init__(
        self,
        tools: Tools,
        order: BuildOrder,
        commands: Commands,
        log: BuildLog,
        on_repair: Callable[[tuple[Repair, ...]], None],
    ) -> None:
        self._tools = tools
        self._order = order
        self._commands = commands
        self._source = commands.source
        self._log = log
        self._on_repair = on_repair
        self._repairs: tuple[Repair, ...] = ()
        self._undo: _Undo | None = None
        self.cached = False

    def tell(self, repair: Repair) -> None:
        """Put a repair on record; the step's output begins anew."""
        self._repairs = (*self._repairs, repair)
        self._on_repair(self._repairs)
        self._log.again(repair.summary)

    def situation(self, step: str, outcome: Outcome | None = None) -> Situation:
        """What is known when a step has failed."""
        limit = self._tools.settings.limits.memory
        return Situation(
            step=step,
            lines=(*self._log.lines, *_ended_by(outcome)),
            root=self._source,
            packages=self._commands.packages,
            variant=self._commands.variant,
            # Strangers' install scripts are given none of the draft's values.
            environment={} if step == _INSTALL else self._order.environment,
            memory=limit if limit is not None else psutil.virtual_memory().available,
            cached=self.cached,
        )

    async def again(self, step: str, outcome: Outcome) -> Remedy | None:
        """Prepare another try of a step that failed; None: there is none that may help."""
        if outcome.timed_out or outcome.exceeded:
            return None
        situation = self.situation(step, outcome)
        await self._take_back(situation)
        tried = [repair.code for repair in self._repairs if repair.code != MISSING_MANAGER]
        choices = ladder.choices(situation, tried)
        while choice := await in_thread(next, choices, None):
            if await self._applied(choice.remedy, situation):
                self.tell(choice.repair)
                return choice.remedy
        return None

    async def _take_back(self, situation: Situation) -> None:
        """Undo the last repair where the step still fails in the way that it was made for."""
        undo = self._undo
        if undo is None or (undo.step, undo.error) != (situation.step, _error(situation)):
            return
        if not await in_thread(ladder.same_failure, situation, self._repairs[-1]):
            return
        for name, data in undo.contents.items():
            await in_thread(self._write, name, data)
        # The author's own source stays where our edits were taken out of it: it fails just so.
        source_edits = self._commands.variant.source_edits
        situation.variant = self._commands.variant = replace(undo.variant, source_edits=source_edits)
        self._undo = None
        last = self._repairs[-1]
        self._repairs = (*self._repairs[:-1], replace(last, summary=f"in vain, and taken back: {last.summary}"))
        self._on_repair(self._repairs)
        self._log.note("that did not help, and is taken back")

    async def _applied(self, remedy: Remedy, situation: Situation) -> bool:
        """Make the build's own copy what a repair wants; False: it would change nothing."""
        before, wanted = self._commands.variant, remedy.variant
        contents = {name: await in_thread(self._read, name) for name in (PACKAGE, *remedy.files)}
        changed = await self._prepare(wanted)
        alike = replace(wanted, checks=before.checks, source_edits=before.source_edits) == before
        if alike and not (changed or remedy.files or remedy.reinstall):
            return False
        if before.cache and not wanted.cache:
            await in_thread(files.remove_tree, self._source / ".next")
        self._undo = _Undo(situation.step, _error(situation), before, contents)
        for name, data in remedy.files.items():
            await in_thread(self._write, name, data)
        if remedy.afresh:
            self._commands.layer = None
            await in_thread(files.remove_tree, self._source / NODE_MODULES)
        self._commands.variant = wanted
        return True

    async def _prepare(self, wanted: Variant) -> bool:
        """Make the snapshot anew where a variant asks for another one; whether that changed anything."""
        before = self._commands.variant
        if (before.checks, before.source_edits) == (wanted.checks, wanted.source_edits):
            return False
        known = await in_thread(_digest, self._source)
        await in_thread(
            lambda: self._tools.prepare(
                self._source, self._order, checks=wanted.checks, source_edits=wanted.source_edits
            )
        )
        return await in_thread(_digest, self._source) != known

    def _read(self, name: str) -> bytes | None:
        """A file of the build's own copy, or None."""
        *folders, last = name.split("/")
        place = inside(self._source, *folders)
        try:
            return files.read_regular(place / last, limit=_READ_MAX) if place else None
        except OSError:
            return None

    def _write(self, name: str, data: bytes | None) -> None:
        """Write a file of the build's own copy, or remove it, through no link that a script of the draft left."""
        *folders, last = name.split("/")
        place = inside(self._source, *folders)
        if place is None:
            return
        if data is None:
            (place / last).unlink(missing_ok=True)
        else:
            files.write_atomic(place / last, data, sync=False)


def _error(situation: Situation) -> tuple[str, str]:
    return first_error(situation.lines, situation.step)


def _ended_by(outcome: Outcome | None) -> tuple[str, ...]:
    """A line for a step that a signal ended: programs that are killed say nothing themselves."""
    if outcome is None:
        return ()
    number = outcome.signal
    if number is None and outcome.code is not None and outcome.code > _SIGNALLED:
        number = outcome.code - _SIGNALLED
    return ("signal: SIGKILL",) if number == signal.SIGKILL else ()


def _digest(source: Path) -> str:
    return tree.digest(source, tree.scan(source))

"""Walls by bubblewrap: a draft's processes see their own folder, their tools, and the system's libraries."""

import asyncio
import functools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from drafterd.domain.errors import SandboxFailed
from drafterd.domain.interfaces import Outcome, Step, Wrapped
from drafterd.domain.model import InstanceSpec, Limits
from drafterd.sandbox import ownership
from drafterd.sandbox.groups import Groups
from drafterd.sandbox.network import NO_FENCE, Fence, Fenced
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import layers_work
from drafterd.sandbox.shown import kept, prune
from drafterd.sandbox.users import Of, builder, enough, number_of
from drafterd.sandbox.walls import UID, Level, Machine, Room, command
from drafterd.sandbox.watch import watched

_NICENESS = 10
"""Builds give way to running drafts and to the daemon."""

_REPORT_MAX = 10_000
_MEND = "look at `drafterd doctor` and the end of the build's log; the build is tried again by itself"

_MEANING = {
    Level.FULL: "full: a draft sees its own folder, its tools and the system's libraries",
    Level.NO_USERNS: (
        "no-userns: a draft runs as a user of its own and sees its own folder, its tools and the system's libraries"
    ),
}
SHARED = "drafts share the network"
"""What is said of the network where nothing fences it in."""


class BubblewrapSandbox:
    """Runs drafts inside the walls of `walls.command`.

    Args:
        machine: What walls can be had here.
        network: What fences in the network of builds; or what is said of it where nothing does.
        groups: Makes control groups, where they can be had.
    """

    name = "bubblewrap"

    def __init__(
        self, places: Places, machine: Machine, network: Fence | str = SHARED, groups: Groups | None = None
    ) -> None:
        self._places = places
        self._network = network
        self._groups = groups
        self._machine = machine

    @property
    def isolation(self) -> str:
        """The level, and what it means."""
        network = self._network
        return f"{_MEANING[self._machine.level]}; {network if isinstance(network, str) else network.meaning}"

    @property
    def apart(self) -> bool:
        """Whether each instance runs as a user of its own: as root."""
        return self._machine.level is Level.NO_USERNS and enough()

    @functools.cached_property
    def layered(self) -> bool:
        """Whether the installation's own file system can be laid over itself."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return layers_work(self._machine, self._folder)

    def prepare(self) -> None:
        """Delete the files that earlier daemons showed in the place of others, and that nothing needs any more."""
        prune(self._folder, self._places.layout.state / "instances", many=0)

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end, its limit or its deadline. Raises `OSError` if it cannot be started."""
        user = self._user(None)
        network = self._network
        fence = NO_FENCE if isinstance(network, str) else await network.around(step.name)
        said = [b""]

        def line(text: bytes) -> None:
            said[0] = text
            on_line(text)

        with _Report() as report:
            argv = await asyncio.to_thread(self._prepare, step, user, fence, report.number)
            group = await asyncio.to_thread(self._groups.for_build, step.limits) if self._groups else None
            outcome = await watched(
                step,
                argv,
                on_line=line,
                on_start=on_start,
                group=group,
                niceness=_NICENESS,
                blocked={signal.SIGTERM},
                handed=(report.number,),
            )
            if outcome.code is not None and not outcome.timed_out and not outcome.exceeded and not report.ran():
                reason = said[0].decode(errors="replace") or f"exit code {outcome.code}"
                raise SandboxFailed(f"the walls around the {step.name} step could not be made: {reason}", hint=_MEND)
        return outcome

    def _prepare(self, step: Step, user: int, fence: Fenced, report: int) -> tuple[str, ...]:
        _outside(step, Path(step.argv[0])).stat()  # bubblewrap would only exit with a code, as a program may too
        writable = (step.cwd, *step.writable)
        if self._machine.level is Level.NO_USERNS:
            for folder in (step.cwd, *step.writable):
                ownership.give(folder, user, done="node_modules")  # large, and none of ours to write into
            for layer in step.layers:
                for folder in (layer.lower, layer.upper):  # what is not the user's own it could not change above
                    ownership.give_once(folder, user)
        room = replace(self._room(step.cwd, user, writable, step.limits), layers=step.layers)
        names = kept(self._folder, fence.files)
        prune(self._folder, self._places.layout.state / "instances")
        room = replace(room, files={**room.files, **names}, report=report)
        return (*fence.words, *command(self._machine, room, step.argv))

    def wrap(self, spec: InstanceSpec) -> Wrapped:
        """How an instance is started. Its release is its own: servers keep caches and data beside their code."""
        user, release = self._user(spec.id), self._places.release(spec)
        if self._machine.level is Level.NO_USERNS:
            ownership.give_once(release, user)
        limits = Limits(memory=spec.limits.memory, processes=spec.limits.processes)  # the launcher has set the others
        group = self._groups.for_instance(spec.id, spec.limits) if self._groups else None
        return Wrapped(
            argv=command(self._machine, self._room(Path(spec.cwd), user, (release,), limits), spec.argv),
            user=user if self.apart else None,
            groups=tuple(map(str, group.folders)) if group else (),
        )

    def _user(self, instance: str | None) -> int:
        if self._machine.level is not Level.NO_USERNS:
            return UID
        state = self._places.layout.state
        return number_of(Of.INSTANCE, instance, state) if instance else builder(state)

    def _room(self, cwd: Path, user: int, writable: tuple[Path, ...], limits: Limits) -> Room:
        return Room(
            cwd=cwd,
            uid=user,
            readable=self._places.readable,
            writable=writable,
            hidden=self._places.hidden,
            files=self._names(user),
            limits=limits,
        )

    def _names(self, user: int) -> dict[str, Path]:
        """Files that give the user a name: some programs do not run without."""
        texts = {
            "/etc/passwd": f"draft:x:{user}:{user}:draft:/tmp:/bin/sh\n",
            "/etc/group": f"draft:x:{user}:\n",
        }
        return kept(self._folder, texts)

    @property
    def _folder(self) -> Path:
        """Where the files lie that are shown in the place of others."""
        return self._places.layout.state / "sandbox"


class _Report:
    """Where bubblewrap itself, and nobody inside, writes down how the command ended: nothing where it never ran."""

    def __enter__(self) -> Self:
        self.number = os.memfd_create("report")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def ran(self) -> bool:
        """Whether the command was run."""
        return b'"exit-code"' in os.pread(self.number, _REPORT_MAX, 0)


def _outside(step: Step, path: Path) -> Path:
    """Where a file of a step's layers lies for us."""
    for layer in step.layers:
        if layer.place in path.parents:
            return layer.lower / path.relative_to(layer.place)
    return path

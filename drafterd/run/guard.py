"""Ends instances that use more than they may: looks at their processes and folders, and tells the runtime.

The kernel's own limits count each process for itself, or all of a user's. A server that is ended here is
given up with a problem that names the limit, and is tried again later like any other that failed.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf

import structlog

from drafterd.domain.names import InstanceId
from drafterd.layout import Layout
from drafterd.run import processes
from drafterd.run.spec import KnownSpec
from drafterd.run.track import Verdict
from drafterd.run.watched import Watched
from drafterd.sandbox import disk
from drafterd.sandbox.groups import kills, remove
from drafterd.sandbox.residents import user_of
from drafterd.sandbox.use import Use, used_by
from drafterd.sandbox.walk import TooDeep

_log = structlog.get_logger(__name__)

_PERIOD = 0.5
_SHARE = 100
"""Looking takes at most one part in so many of the time."""

_FOLDERS_EVERY = 600.0
"""Seconds after which the folders are measured even if the disk has not filled meanwhile."""
_STEPS = 4
"""They are measured once the disk has filled by such a part of what one may hold."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is looked at: an instance's process, which leads its group, and what it may use."""

    pid: int
    generation: int
    spec: KnownSpec


class Guard:
    """Looks after the instances that run.

    Args:
        on_exceeded: Called when one of them is to be given up.
    """

    def __init__(self, layout: Layout, watched: Watched, on_exceeded: Callable[[], None]) -> None:
        self._watched = watched
        self._on_exceeded = on_exceeded
        self._state = str(layout.state)
        self._folders = _Folders(layout)
        self._groups: dict[InstanceId, tuple[str, ...]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            began = time.monotonic()
            await self._tidy()
            if running := self._running():
                found = await asyncio.to_thread(self._find, running)
                self._tell(running, found)
            await asyncio.sleep(max(_PERIOD, _SHARE * (time.monotonic() - began)))  # nothing tells of memory taken

    def _running(self) -> dict[InstanceId, Running]:
        return {
            track.id: Running(track.pid, track.generation, track.spec)
            for track in self._watched.tracks.values()
            if track.pid and track.spec is not None and track.problem is None and not track.held
        }

    def _find(self, running: Mapping[InstanceId, Running]) -> dict[InstanceId, Verdict]:
        """The instances that exceed a limit now; called in a thread."""
        users = {each.spec.user: name for name, each in running.items() if each.spec.user is not None}
        uses = used_by({name: each.pid for name, each in running.items()}, lambda pid: self._owner(pid, users))
        found = {name: limit for name, each in running.items() if (limit := _limit(each.spec, uses[name]))}
        found |= dict.fromkeys((name for name, each in running.items() if self._was_killed(name, each)), Verdict.MEMORY)
        filling = self._folders.full({name: each.spec for name, each in running.items()})
        for name in {*found, *filling}:
            self._kill(name, running[name])
        return {**dict.fromkeys(filling, Verdict.DISK), **found}

    def _owner(self, pid: int, users: Mapping[int, InstanceId]) -> str | None:
        """Whose process it is, if it is one of ours that left its group."""
        if users and (user := user_of(pid)) is not None and (name := users.get(user)):
            return name
        mark = processes.mark(pid)
        return mark.instance if mark is not None and mark.state == self._state else None

    def _kill(self, name: InstanceId, running: Running) -> None:
        """End it at once: it has no time to drain. What has left its group ends when it is given up."""
        group, user = running.pid, running.spec.user
        ours = processes.mark(group) == processes.Mark(name, self._state) or (user and user_of(group) == user)
        if ours:  # else the number is another's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    def _was_killed(self, name: InstanceId, running: Running) -> bool:
        """Whether the kernel has killed a process of its control group since it was started."""
        self._groups[name] = running.spec.groups
        return kills(running.spec.groups) > running.spec.killed

    async def _tidy(self) -> None:
        """Remove the control groups of instances that are gone."""
        for name in self._groups.keys() - self._watched.tracks.keys():
            if await asyncio.to_thread(remove, self._groups[name]):
                del self._groups[name]

    def _tell(self, running: Mapping[InstanceId, Running], found: Mapping[InstanceId, Verdict]) -> None:
        for track in self._watched.tracks.values():
            if track.id in found and not track.held and track.generation == running[track.id].generation:
                _log.warning("instance.exceeded", instance=track.id, limit=found[track.id].value)
                track.exceed(found[track.id])
                self._on_exceeded()


def _limit(spec: KnownSpec, use: Use) -> Verdict | None:
    limits = spec.limits
    if limits.memory is not None and use.memory > limits.memory:
        return Verdict.MEMORY
    if limits.processes is not None and use.processes > limits.processes:
        return Verdict.PROCESSES
    return None


class _Folders:
    """Measures releases, when there is reason to."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._free = 0
        self._at = -inf
        self._known: Collection[InstanceId] = ()

    def full(self, running: Mapping[InstanceId, KnownSpec]) -> list[InstanceId]:
        """The instances whose folders hold more than they may, of those that are worth a look."""
        limited = {name: spec.limits.disk for name, spec in running.items() if spec.limits.disk is not None}
        if not limited:
            return []
        now, free = time.monotonic(), disk.free(self._layout.state)
        filled = self._free - free > min(limited.values()) // _STEPS
        every = filled or now - self._at > _FOLDERS_EVERY
        due = [name for name in limited if every or name not in self._known]
        self._known = frozenset(running)
        if every:
            self._free, self._at = free, now
        self._free = max(self._free, free)
        return [name for name in due if self._size(running[name]) > limited[name]]

    def _size(self, spec: KnownSpec) -> float:
        try:
            return disk.size(self._layout.release(spec.draft, spec.release))
        except TooDeep:
            return inf

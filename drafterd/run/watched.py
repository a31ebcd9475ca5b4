"""All instances that are known, and what supervisord last said of them: one call for all, however many ask."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import structlog

from drafterd.domain.errors import BadName
from drafterd.domain.model import Instance, InstanceStatus
from drafterd.domain.names import InstanceId, parse_instance_id
from drafterd.layout import Layout
from drafterd.run import elsewhere
from drafterd.run import spec as specs
from drafterd.run.programs import Programs
from drafterd.run.track import Track

_log = structlog.get_logger(__name__)

_FRESH = 1.0


class Watched:
    """The tracks of all instances.

    Args:
        on_change: Called with each instance whose status changed.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        layout: Layout,
        programs: Programs,
        *,
        on_change: Callable[[InstanceId], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._layout = layout
        self._programs = programs
        self._on_change = on_change
        self._clock = clock
        self._lock = asyncio.Lock()
        self._tracks: dict[InstanceId, Track] | None = None
        self._forgotten: dict[InstanceId, float] = {}
        self._looked_at = -_FRESH
        self._view: Mapping[InstanceId, Instance] = MappingProxyType({})

    @property
    def tracks(self) -> dict[InstanceId, Track]:
        """Every known instance; at first those that have a specification on disk."""
        if self._tracks is None:
            found = specs.specs_on_disk(self._layout)
            self._tracks = {
                spec.id: Track(
                    id=spec.id,
                    spec=spec,
                    since=self._clock(),
                    found=elsewhere.remembered(self._layout.found_address(spec.id)),
                )
                for spec in found.values()
            }
            self._show()
        return self._tracks

    def spec(self, instance: InstanceId) -> specs.KnownSpec | None:
        """What is known of how the instance was started."""
        track = self.tracks.get(instance)
        return track.spec if track else None

    async def view(self) -> Mapping[InstanceId, Instance]:
        """All instances, at most one second old. Raises `RuntimeUnavailable`."""
        if time.monotonic() - self._looked_at > _FRESH:
            await self.look()
        return self._view

    def stale(self) -> None:
        """Something happened: the next `view` looks again."""
        self._looked_at = -_FRESH

    async def look(self) -> None:
        """Ask supervisord now. Raises `RuntimeUnavailable`, and again at every `view` until it answers."""
        asked = time.monotonic()
        async with self._lock:
            if self._looked_at >= asked:
                return  # somebody else looked while we waited
            sent = time.monotonic()
            self.stale()
            states = await self._programs.all()
            tracks = self.tracks
            for name in states:
                self._adopt(name, sent)
            with self.changes():
                for track in tracks.values():
                    if not track.held and track.touched < sent:
                        track.see(states.get(track.id), self._clock())
            self._forgotten = {name: at for name, at in self._forgotten.items() if at >= sent}
            self._looked_at = sent

    def _adopt(self, name: str, sent: float) -> None:
        """Take in a program that we have no specification of, so that it can be stopped."""
        instance = InstanceId(name)
        if instance in self.tracks or self._forgotten.get(instance, -1.0) >= sent:
            return
        try:
            parse_instance_id(name)
        except BadName:
            return  # one of our own always-on programs, or a stranger's
        self.tracks[instance] = Track(id=instance, spec=None, since=self._clock())

    def forget(self, instance: InstanceId) -> None:
        """It is gone, with all its files."""
        self._forgotten[instance] = time.monotonic()
        with self.changes():
            self.tracks.pop(instance, None)

    @contextlib.contextmanager
    def changes(self) -> Iterator[None]:
        """Surrounds changes of tracks: afterwards the view is made anew, and every changed status told."""
        before = self._statuses()
        yield
        after = self._statuses()
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        if changed:
            self._show()
        for name in changed:
            old, new = before.get(name), after.get(name)
            if old is None or new is None or old[0] is not new[0]:
                _log.info("instance.changed", instance=name, status=str(new[0]) if new else "gone")
                self._on_change(name)

    def _statuses(self) -> dict[InstanceId, tuple[InstanceStatus, int | None]]:
        return {track.id: (track.status, track.pid) for track in self.tracks.values()}

    def _show(self) -> None:
        self._view = MappingProxyType({track.id: track.instance() for track in (self._tracks or {}).values()})

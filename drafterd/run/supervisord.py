"""The runtime: instances as programs of supervisord, observed, proved by probes, and stopped for good.

supervisord is asked what runs; what it cannot know (whether a server answers, why it was given up)
is remembered in a `Track`, and found out anew after a restart of the daemon.
"""

import asyncio
import contextlib
import functools
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import RuntimeUnavailable
from drafterd.domain.interfaces import Wrapped
from drafterd.domain.masking import Mask
from drafterd.domain.model import Address, Instance, InstanceSpec, InstanceStatus
from drafterd.domain.names import DraftId, InstanceId
from drafterd.layout import Layout
from drafterd.run import spec as specs
from drafterd.run.elsewhere import Search, remember
from drafterd.run.giving_back import give_back
from drafterd.run.guard import Guard
from drafterd.run.orphans import end_leftovers
from drafterd.run.owner import Owner, free, listens, owner
from drafterd.run.probe import FIRST_PAUSE, Answer, ask, next_pause
from drafterd.run.program import program_text
from drafterd.run.programs import Program, Programs, ProgramState
from drafterd.run.push import pushes
from drafterd.run.tail import length, tail
from drafterd.run.track import Track, Verdict
from drafterd.run.verdict import Facts, listens_elsewhere, problem
from drafterd.run.watched import Watched

_log = structlog.get_logger(__name__)

_BUSY_PERIOD = 1.0
_QUIET_PERIOD = 5.0
_GATHER = 0.01  # changes come in bunches: one look is enough for them
_LONGEST_ANSWER = 15.0
_STOP_WITHIN = 20.0
_PORT_WITHIN = 3.0
_STOP_PAUSE = 0.01
_IN_TRANSITION = frozenset({InstanceStatus.STARTING, InstanceStatus.STOPPING})


class SupervisordRuntime:
    """Implements `domain.interfaces.Runtime`. `run()` must be running for instances to become ready.

    Args:
        wrap: How an instance is started inside the sandbox's walls.
        start_timeout: Seconds that a started instance has for its first answer.
        on_change: Called with each instance whose status changed.
        reserved: Ports that a draft's server may not be reached on, because they are another's.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        wrap: Callable[[InstanceSpec], Wrapped],
        start_timeout: float,
        on_change: Callable[[InstanceId], None],
        reserved: Callable[[DraftId], Collection[int]] = lambda _draft: (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._layout = layout
        self._wrap = wrap
        self._start_timeout = start_timeout
        self._reserved = reserved
        self._clock = clock
        self._programs = Programs(layout.supervisor_socket)
        self._on_change = on_change
        self._watched = Watched(layout, self._programs, on_change=self._changed, clock=clock)
        self._locks: weakref.WeakValueDictionary[InstanceId, asyncio.Lock] = weakref.WeakValueDictionary()
        self._wake = asyncio.Event()
        self._guard = Guard(layout, self._watched, self._wake.set)
        self._answers = True

    # What others ask

    async def observe(self) -> Mapping[InstanceId, Instance]:
        """All instances, at most a second old. Raises `RuntimeUnavailable`."""
        return await self._watched.view()

    def log_path(self, instance: InstanceId) -> Path:
        """The file with the program's output; it may not exist."""
        return self._layout.instance_log(instance)

    def mask(self, instance: InstanceId) -> Mask:
        """What takes the instance's secrets out of that output."""
        track = self._watched.tracks.get(instance)
        return track.spec.mask if track and track.spec else Mask({})

    async def start(self, spec: InstanceSpec) -> None:
        """Start and probe until ready; returns at once. Repeatable: same id, same result.

        An instance that was given up, or runs from another specification, is started anew.

        Raises:
            RuntimeUnavailable: supervisord does not answer, or the files cannot be written.
            ConfigError: A path cannot stand in supervisord's file.
        """
        wrapped = await asyncio.to_thread(self._wrap, spec)
        known, data = specs.known(spec, wrapped), specs.encode(spec, wrapped, self._layout.state)
        text = program_text(spec.id, spec=self._layout.spec(spec.id), log=self._layout.instance_log(spec.id)).encode()
        async with self._locked(spec.id):
            program = await self._programs.one(spec.id)
            track = self._watched.tracks.get(spec.id)
            given_up = track is not None and (track.problem is not None or track.verdict is not None)
            unchanged = files.holds(self._layout.spec(spec.id), data) and files.holds(self._file(spec.id), text)
            if program is not None and program.active and unchanged and not given_up:
                return
            with self._holding(self._track(known)) as held:
                await self._end_task(held)
                log_start = length(self.log_path(spec.id))
                await self._begin(spec.id, program, data, text)
                with self._watched.changes():
                    held.begin(known, self._clock(), log_start=log_start)
        _log.info("instance.started", instance=spec.id, port=spec.address.port)
        self._wake.set()

    async def stop(self, instance: InstanceId) -> None:
        """End the whole process tree and forget the instance; returns when its port is free.

        Raises:
            RuntimeUnavailable: supervisord does not answer, or something of the tree cannot be ended.
        """
        async with self._locked(instance):
            track = self._watched.tracks.get(instance)
            with contextlib.ExitStack() as stack:
                if track is not None:
                    stack.enter_context(self._holding(track))
                    await self._end_task(track)
                    with self._watched.changes():
                        track.stopping(self._clock())
                await self._halt(instance)
                await give_back(self._layout, self._programs, instance)
                await self._remove(instance)
                for address in track.addresses if track else ():
                    if not await free(address, _PORT_WITHIN):
                        _log.warning("port.still_held", instance=instance, port=address.port)
            self._layout.found_address(instance).unlink(missing_ok=True)
            self._file(instance).unlink(missing_ok=True)
            self._layout.spec(instance).unlink(missing_ok=True)
            self._watched.forget(instance)

    async def run(self) -> None:
        """Watch over the instances until cancelled: look, probe, give up."""
        async with asyncio.TaskGroup() as tasks, pushes(self._layout, self._notice):
            tasks.create_task(self._guard.run(), name="guard")
            while True:
                await self._look()
                self._care(tasks)
                busy = any(track.status in _IN_TRANSITION for track in self._watched.tracks.values())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BUSY_PERIOD if busy else _QUIET_PERIOD):
                        await self._wake.wait()
                        await asyncio.sleep(_GATHER)

    # Watching

    def _changed(self, instance: InstanceId) -> None:
        """An instance's status changed: it may want a task, and others want to know."""
        self._wake.set()
        self._on_change(instance)

    def _notice(self) -> None:
        """The plug-in says that some program changed its state."""
        self._watched.stale()
        self._wake.set()

    async def _look(self) -> None:
        self._wake.clear()
        try:
            await self._watched.look()
        except RuntimeUnavailable as error:
            if self._answers:
                _log.warning("runtime.unavailable", reason=error.summary)
            self._answers = False
        else:
            self._answers = True

    def _care(self, tasks: asyncio.TaskGroup) -> None:
        """Give every instance that is starting, or is to be given up, a task that sees to it."""
        for track in self._watched.tracks.values():
            wanting = track.status is InstanceStatus.STARTING or track.verdict is not None
            if wanting and track.task is None and not track.held:
                task = tasks.create_task(self._see_to(track, track.generation), name=f"prove {track.id}")
                track.task = task
                task.add_done_callback(functools.partial(self._drop, track))
            elif track.verdict is not None and track.task is not None and track.probing:
                track.task.cancel()  # it waits for an answer that does not matter any more

    def _drop(self, track: Track, task: asyncio.Task[None]) -> None:
        """The task is over; a verdict may be left to be carried out."""
        if track.task is task:
            track.task, track.probing = None, False
            if track.verdict is not None and task.cancelled():
                self._wake.set()

    async def _see_to(self, track: Track, generation: int) -> None:
        """Probe until the instance answers, its time is over, or supervisord gives up."""
        pause, answer, search = FIRST_PAUSE, Answer.REFUSED, self._search(track)
        deadline = time.monotonic() + self._start_timeout
        with contextlib.suppress(RuntimeUnavailable, OSError):  # the next look brings us back
            while track.generation == generation and (track.status is InstanceStatus.STARTING or track.verdict):
                if track.verdict is None and (track.spec is None or time.monotonic() > deadline):
                    track.verdict = Verdict.LATE
                if track.verdict is not None:
                    await self._give_up(track, generation, answer)
                    return
                if track.spec is not None:
                    patience = max(0.1, min(_LONGEST_ANSWER, deadline - time.monotonic()))
                    track.probing = True
                    answer = await ask(track.spec.address, track.spec.probe_path, patience=patience)
                    track.probing = False
                if answer is Answer.HTTP and await self._accept(track, generation):
                    return
                if answer is Answer.REFUSED and search and await self._accept_elsewhere(track, generation, search):
                    return
                await asyncio.sleep(pause)
                pause = next_pause(pause)

    async def _accept(self, track: Track, generation: int) -> bool:
        """Take the answer for the instance's own, if it is; True once it is ready."""
        program = await self._programs.one(track.id)
        pid = program.pid or None if program else None
        assert track.spec is not None
        whose = await self._whose(track, pid, track.spec.address)
        if track.generation != generation or track.verdict is not None:
            return False
        if whose is Owner.STRANGER:
            track.verdict = Verdict.PORT_TAKEN
        if whose is not Owner.OURS or program is None or not program.active:
            return False
        self._ready(track, pid, None)
        return True

    def _search(self, track: Track) -> Search | None:
        if (spec := track.spec) is None:
            return None
        reserved = functools.partial(self._reserved, spec.draft)
        return Search(spec.address, known=track.found, path=spec.probe_path, reserved=reserved)

    async def _accept_elsewhere(self, track: Track, generation: int, search: Search) -> bool:
        """Take an answer of its own processes on a port of their own for the instance's; True once it is ready."""
        found = await search.known()
        if found is None and not search.is_due():
            return False
        program = await self._programs.one(track.id)
        if program is None or not program.pid:
            ended = program is not None and program.state is ProgramState.BACKOFF
            if ended and (port := search.wanted(tail(self.log_path(track.id), since=track.log_start))):
                track.block(port)
            return False
        if found is None:
            found = await search.among(await listens(program.pid))
        if found is None or await self._whose(track, program.pid, found) is not Owner.OURS:
            return False
        if track.generation != generation or track.verdict is not None or not program.active:
            return False
        if self._is_shared(track, found):
            track.block(found.port)
            return False
        self._ready(track, program.pid, found)
        return True

    def _is_shared(self, track: Track, found: Address) -> bool:
        """Whether another instance listens there too (SO_REUSEPORT): nobody could say which one answers."""
        others = (each for each in self._watched.tracks.values() if each is not track and each.pid)
        return any(found in each.addresses for each in others)

    async def _whose(self, track: Track, pid: int | None, address: Address) -> Owner:
        return await owner(address.port, root=pid, instance=track.id, state=self._layout.state)

    def _ready(self, track: Track, pid: int | None, found: Address | None) -> None:
        """It answers: at the address it was given, or at the one that was found."""
        assert track.spec is not None
        note = listens_elsewhere(track.spec.address, found, self._clock()) if found else None
        file = self._layout.found_address(track.id)
        if found != track.found:
            with contextlib.suppress(OSError):  # a daemon that starts anew finds it once more
                remember(file, found) if found else file.unlink(missing_ok=True)
        if found:
            _log.info("instance.elsewhere", instance=track.id, port=found.port, given=track.spec.address.port)
        with self._watched.changes():
            track.answer(pid, self._clock(), found=found, note=note)
            track.touched = time.monotonic()

    async def _give_up(self, track: Track, generation: int, answer: Answer) -> None:
        """Find out why, end what is left of it, and say so."""
        async with self._locked(track.id):
            verdict = track.verdict
            if track.generation != generation or verdict is None:
                return
            with self._holding(track):
                if track.spec is None:  # nobody knows where it should answer: it is to be started anew
                    await self._halt(track.id)
                    track.verdict = None
                    return
                program = await self._programs.one(track.id)
                places = await listens(program.pid or None if program else None)
                if verdict is Verdict.LATE and program is not None and program.state is ProgramState.BACKOFF:
                    verdict = Verdict.EXITED
                last_exit = await self._programs.last_exit(track.id)
                await self._halt(track.id)
                facts = Facts(
                    address=track.spec.address,
                    seconds=self._start_timeout,
                    answer=answer,
                    listens=places,
                    last_exit=last_exit,
                    wanted=track.wanted,
                    taken=not await free(track.spec.address, 0.0),
                    limits=track.spec.limits,
                    tail=tail(self.log_path(track.id), mask=track.spec.mask, since=track.log_start),
                )
                now = self._clock()
                with self._watched.changes():
                    track.fail(problem(verdict, facts, now), now)
        _log.info("instance.given_up", instance=track.id, reason=track.problem.code if track.problem else "")

    # Doing

    async def _begin(self, instance: InstanceId, program: Program | None, data: bytes, text: bytes) -> None:
        """Bring the files to disk and the program to life."""
        if program is not None and not program.ended:
            await self._halt(instance)
        if program is not None and not files.holds(self._file(instance), text):
            await self._remove(instance)
            program = None
        try:
            self._layout.found_address(instance).unlink(missing_ok=True)
            specs.write_spec(self._layout, instance, data)
            self._file(instance).parent.mkdir(parents=True, exist_ok=True)
            files.write_atomic(self._file(instance), text)
        except OSError as error:
            raise RuntimeUnavailable(f"the files of {instance} cannot be written: {error}") from error
        if program is None:
            await self._programs.add(instance)
        await self._programs.begin(instance)

    async def _halt(self, instance: InstanceId) -> None:
        """End the program's whole tree; supervisord still knows it afterwards."""
        deadline = time.monotonic() + _STOP_WITHIN
        pause = _STOP_PAUSE
        while (program := await self._programs.one(instance)) is not None and not program.ended:
            if program.active:
                await self._programs.end(instance)
                continue
            if time.monotonic() > deadline:
                break  # supervisord's KILL did not end it; ours may
            await asyncio.sleep(pause)
            pause = next_pause(pause)
        left = await asyncio.to_thread(end_leftovers, self._layout.state, instance, self._watched.spec(instance))
        if left:
            raise RuntimeUnavailable(f"processes of {instance} cannot be ended: {sorted(left)}")

    async def _remove(self, instance: InstanceId) -> None:
        """Have supervisord forget the program."""
        while not await self._programs.remove(instance):
            await self._halt(instance)  # supervisord has started it once more

    async def _end_task(self, track: Track) -> None:
        """What was being found out is void."""
        track.generation += 1
        task = track.task
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    @contextlib.contextmanager
    def _holding(self, track: Track) -> Iterator[Track]:
        """While we act on it ourselves, a look at supervisord means nothing."""
        track.held = True
        try:
            yield track
        finally:
            track.held, track.touched = False, time.monotonic()

    def _track(self, spec: specs.KnownSpec) -> Track:
        """The instance's track, a new one for a new instance."""
        return self._watched.tracks.setdefault(spec.id, Track(id=spec.id, spec=spec, since=self._clock(), held=True))

    def _file(self, instance: InstanceId) -> Path:
        return self._layout.programs / f"{instance}.conf"

    def _locked(self, instance: InstanceId) -> asyncio.Lock:
        return self._locks.setdefault(instance, asyncio.Lock())

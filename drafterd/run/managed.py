"""Our own supervisord, for `drafterd up`: started, adopted, watched, and ended with all that it runs.

It lives in a session of its own, because running drafts must survive the daemon; the next daemon on
the same state adopts it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import psutil
import structlog

from drafterd.domain.errors import DrafterdError, RuntimeUnavailable
from drafterd.layout import Layout
from drafterd.run import configuration, processes
from drafterd.run.orphans import end_orphans
from drafterd.run.programs import Programs
from drafterd.run.spec import specs_on_disk

_log = structlog.get_logger(__name__)

_START_WITHIN = 15.0
_DRAIN_WITHIN = 13.0
_STOP_WITHIN = 15.0
_PAUSE = 0.05
_WATCH_PERIOD = 0.25
_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 5.0
_STEADY = 10.0


class ManagedSupervisord:
    """The supervisord of one state folder.

    Args:
        executable: The `supervisord` program.
        programs: Programs of our own that always run, by name: their command, its first word absolute.
        max_awake: How many instances may run at once.
        plugin: Whether our plug-in is loaded into it; without it everything works, slower.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        executable: Path,
        programs: Mapping[str, Sequence[str]],
        max_awake: int,
        plugin: bool = True,
    ) -> None:
        self._layout = layout
        self._executable = executable
        self._always_on = dict(programs)
        self._max_awake = max_awake
        self._plugin = plugin
        self._programs = Programs(layout.supervisor_socket)
        self._lock = asyncio.Lock()
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the living supervisord, as last seen."""
        return self._pid

    async def ensure(self) -> None:
        """Adopt the living supervisord of this state folder, or start one. Repeatable.

        Raises:
            RuntimeUnavailable: It does not start, or the socket belongs to another one.
            ConfigError: A path cannot stand in its configuration.
        """
        async with self._lock:
            self._pid = await self._living()
            configuration.write_configuration(self._layout, max_awake=self._max_awake, plugin=self._plugin)
            changed = configuration.write_programs(self._layout, self._always_on)
            if self._pid is None:
                await self._start()
            else:
                await self._restart(changed)
                _log.info("supervisord.adopted", pid=self._pid)

    async def stop(self) -> None:
        """End all programs, then supervisord. Returns when nothing of it runs any more."""
        async with self._lock:
            pid = await self._living()
            if pid is not None:
                with contextlib.suppress(RuntimeUnavailable):
                    await self._drain()
                    await self._programs.shutdown()
                if not await _until(lambda: _gone(pid), _STOP_WITHIN):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                    await _until(lambda: _gone(pid), _STOP_WITHIN)
            await asyncio.to_thread(self._end_orphans)
            self._pid = None
            _log.info("supervisord.stopped", pid=pid)

    async def watch(self) -> None:
        """Start it anew whenever it dies, until cancelled."""
        backoff, started = _FIRST_BACKOFF, time.monotonic()
        while True:
            if self._pid is not None and not _gone(self._pid):
                await asyncio.sleep(_WATCH_PERIOD)
                continue
            if self._pid is not None:
                _log.warning("supervisord.died", pid=self._pid)
                self._pid = None
            if time.monotonic() - started > _STEADY:
                backoff = _FIRST_BACKOFF
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)
            started = time.monotonic()
            try:
                await self.ensure()
            except (DrafterdError, OSError) as error:
                _log.warning("supervisord.unavailable", reason=str(error))

    async def _living(self) -> int | None:
        """The pid of the supervisord behind our socket, once it is sure that it is ours."""
        try:
            pid = await self._programs.supervisor_pid()
        except RuntimeUnavailable:
            return await self._mute()
        if not self._is_ours(pid):
            raise RuntimeUnavailable(
                f"the socket {self._layout.supervisor_socket} belongs to another supervisord (pid {pid})",
                hint="stop that one, or choose another folder for the state",
            )
        return pid

    async def _mute(self) -> int | None:
        """A supervisord of ours that does not answer is shutting down, or stuck: wait for its end."""
        pid = self._recorded()
        if pid is None or not self._is_ours(pid):
            return None
        _log.info("supervisord.ending", pid=pid)
        if not await _until(lambda: _gone(pid), _STOP_WITHIN):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await _until(lambda: _gone(pid), _STOP_WITHIN)
        return None

    def _recorded(self) -> int | None:
        if self._pid is not None:
            return self._pid
        try:
            return int((configuration.configuration_path(self._layout).parent / "supervisord.pid").read_text())
        except (OSError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        if _gone(pid):
            return False
        try:
            return str(configuration.configuration_path(self._layout)) in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    async def _start(self) -> None:
        await asyncio.to_thread(self._end_orphans)
        self._layout.supervisor_socket.unlink(missing_ok=True)
        output = self._layout.logs / "supervisord.out"
        pid = _spawn(
            [str(self._executable), "-n", "-c", str(configuration.configuration_path(self._layout))],
            {**configuration.own_environment(), **configuration.plugin_environment()},
            output,
        )
        answers = await _until(lambda: self._answers(pid), _START_WITHIN)
        if not answers or _gone(pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            _gone(pid)
            said = output.read_text(errors="replace").strip().splitlines()[-3:]
            raise RuntimeUnavailable(f"supervisord does not start: {' '.join(said)}", hint=f"see {output}")
        self._pid = pid
        _log.info("supervisord.started", pid=pid)

    def _end_orphans(self) -> None:
        """No supervisord of ours lives: what runs of ours is nobody's."""
        users = {spec.user for spec in specs_on_disk(self._layout).values() if spec.user is not None}
        end_orphans(self._layout.state, supervisord=None, users=users)

    async def _answers(self, pid: int) -> bool:
        """Whether there is nothing to wait for any more: it answers, or it ended."""
        if _gone(pid):
            return True
        try:
            return await self._programs.supervisor_pid() == pid
        except RuntimeUnavailable:
            return False

    async def _restart(self, changed: set[str]) -> None:
        """Have the living supervisord take in always-on programs that changed, and nothing else."""
        known = await self._programs.all()
        written = {name: configuration.written_at(self._layout, name) for name in self._always_on}
        # An earlier daemon may have been killed between writing and restarting.
        changed |= {name for name, at in written.items() if name in known and at > known[name].started > 0}
        changed |= {name for name in known if not configuration.is_instance(name)} - self._always_on.keys()
        for name in sorted(changed & known.keys()):
            await self._end(name)
            await self._programs.remove(name)
        for name in sorted(self._always_on.keys() - (known.keys() - changed)):
            await self._programs.add(name)

    async def _end(self, name: str) -> None:
        await self._programs.end(name)

        async def ended() -> bool:
            program = await self._programs.one(name)
            return program is None or program.ended

        if not await _until(ended, _DRAIN_WITHIN):
            raise RuntimeUnavailable(f"the program {name} does not end")

    async def _drain(self) -> None:
        """End all programs and take them out: supervisord's own shutdown needs a second for each."""
        deadline = time.monotonic() + _DRAIN_WITHIN
        while programs := await self._programs.all():
            for program in programs.values():
                if program.active:
                    await self._programs.end(program.name)
                elif program.ended:
                    await self._programs.remove(program.name)
            if time.monotonic() > deadline:
                _log.warning("supervisord.drained_late", left=len(programs))
                return
            await asyncio.sleep(_PAUSE)


def _spawn(argv: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
    """Start a process in a session of its own that nothing of ours keeps a hold on."""
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), write, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        return os.posix_spawn(argv[0], list(argv), dict(environment), file_actions=actions, setsid=True)
    except OSError as error:
        raise RuntimeUnavailable(f"supervisord cannot be started: {error}") from error


def _gone(pid: int) -> bool:
    """Whether the process has ended; collects it if it was our child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not processes.alive(pid)


async def _until(condition: Callable[[], bool | Awaitable[bool]], within: float) -> bool:
    """Wait for the condition; whether it came true within so many seconds."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if await result if isinstance(result, Awaitable) else result:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE)

"""Runs a child process so that nothing of it is left behind, whatever it does.

The child leads a session and process group of its own. Its end is learnt from a pidfd and it is
reaped last: until then its number cannot be given to another process, so that a signal to the
group can only reach the group. What leaves the group (`setsid`) is found by an environment mark.
"""

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from drafterd.domain.interfaces import Exceeded, Outcome
from drafterd.domain.model import Limits
from drafterd.lines import Lines
from drafterd.process_table import MARK, Identity, end_group, end_tree, group_lives, identify, sweep

__all__ = ["MARK", "Identity", "end_group", "end_tree", "identify", "run", "sweep"]

_CHUNK = 1024
"""Bytes of output that are taken at a time: each may be a line, and the loop has others to serve."""
_BRIEF = 0.001
_REST = 3
"""Whoever printed more than is dealt with briefly is let wait for so many times as long: a flood gets a quarter of us."""
_DRAIN_CHUNK = 1 << 20
_DRAIN_EVERY = 0.05
_KILL_WAIT = 5.0
_GROUP_LOOKS = 400
_GROUP_EVERY = 0.005


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - the deadline is the child's: it gets TERM and its grace first
    grace: float = 10.0,
    output_max: int = 20_000_000,
    flood_max: int = 100_000_000,
    on_line: Callable[[bytes], None],
    on_start: Callable[[int], None] | None = None,
    limits: Limits | None = None,
    niceness: int = 0,
    blocked: Collection[signal.Signals] = (),
    handed: Collection[int] = (),
) -> Outcome:
    """Run a command to its end; afterwards no process of its group is left.

    Args:
        argv: The command, its first word absolute.
        environment: The whole environment of the child.
        timeout: Seconds until TERM to the group; `grace` seconds later comes KILL.
        output_max: Bytes of output that are kept; one line says that more was dropped.
        flood_max: After so many dropped bytes the group is killed.
        on_line: Gets each line of stdout and stderr, as it comes, without its end.
        on_start: Gets the number of the process, which is that of its group.
        limits: What the kernel is to enforce for each process.
        blocked: Signals that the child is started with blocked, as its children are until they say otherwise.
        handed: Descriptors that stay open in the child.

    On cancellation the group is ended in the same way before the error goes on; a second
    cancellation ends the grace.

    Raises:
        OSError: The command cannot be started.
    """
    began = time.monotonic()
    with _blocking(blocked):
        lines = Lines(on_line, output_max)
        child = _Child(argv, cwd, environment, lines=lines, flood_max=flood_max, handed=handed)
    timed_out = False
    try:
        child.restrict(limits or Limits(), niceness)
        if on_start:
            on_start(child.pid)
        timed_out = not await child.ends_within(timeout)
        if timed_out:
            child.signal(signal.SIGTERM)
            await child.ends_within(grace)
    except asyncio.CancelledError:
        child.signal(signal.SIGTERM)
        await child.ends_within(grace)
        raise
    finally:
        child.end()
        try:
            await child.gone()
        finally:
            child.close()
            if MARK in environment:
                sweep(environment[MARK].__eq__)
    exceeded = Exceeded.OUTPUT if child.flooded else None
    return _outcome(child.code, timed_out=timed_out, exceeded=exceeded, seconds=time.monotonic() - began)


def _outcome(code: int | None, *, timed_out: bool, exceeded: Exceeded | None, seconds: float) -> Outcome:
    ended_by = None if code is not None and code >= 0 else signal.SIGKILL if code is None else -code
    return Outcome(
        code=code if ended_by is None else None,
        signal=ended_by,
        timed_out=timed_out,
        exceeded=exceeded,
        seconds=seconds,
    )


@contextlib.contextmanager
def _blocking(signals: Collection[signal.Signals]) -> Iterator[None]:
    """What is started meanwhile inherits that these signals are blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Child:
    """One running child: its group, its pipe, its end."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        *,
        lines: Lines,
        flood_max: int,
        handed: Collection[int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines = lines
        self._flood_left = flood_max
        self._timer: asyncio.TimerHandle | None = None
        self._exited = asyncio.Event()
        self._pipe, writer = os.pipe2(os.O_CLOEXEC)
        try:
            self._popen = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
                pass_fds=tuple(handed),
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(writer)
        self.pid = self._popen.pid
        self._pidfd = os.pidfd_open(self.pid)
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._loop.add_reader(self._pipe, self._on_output)

    @property
    def code(self) -> int | None:
        return self._popen.returncode

    @property
    def flooded(self) -> bool:
        return self._flood_left < 0

    def restrict(self, limits: Limits, niceness: int) -> None:
        """Lower its priorities and set its limits; its children inherit them.

        Memory is not among them: Node reserves address space by the gigabyte that it never uses,
        so that a limit on addresses says nothing about memory.
        """
        wanted = {
            resource.RLIMIT_NPROC: limits.processes,
            resource.RLIMIT_NOFILE: limits.open_files,
            resource.RLIMIT_FSIZE: limits.file_size,
        }
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            for kind, value in wanted.items():
                if value is not None:
                    _, hard = resource.prlimit(self.pid, kind)
                    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
                    resource.prlimit(self.pid, kind, (most, most))
            if niceness:
                self._give_way(os.getpriority(os.PRIO_PROCESS, 0) + niceness)

    def _give_way(self, nice: int) -> None:
        # For the disk too: ioprio_set(2), "by default the I/O priority will follow the CPU nice value".
        os.setpriority(os.PRIO_PGRP, self.pid, nice)
        with contextlib.suppress(OSError):
            # sched(7), autogroup: where the kernel shares processors among sessions, the other counts within one alone.
            Path(f"/proc/{self.pid}/autogroup").write_text(str(nice))

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group, as long as its leader has not been reaped."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        """Kill the whole group, and what descends from its leader if that lives still."""
        if not self._exited.is_set():
            end_tree(self.pid)
        self.signal(signal.SIGKILL)

    async def ends_within(self, seconds: float) -> bool:
        """Wait for the leader's end at most so long; whether it came."""
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    async def gone(self) -> None:
        """After KILL: reap the leader, wait until the group is empty, and take what it has printed."""
        await self.ends_within(_KILL_WAIT)
        self._popen.poll()
        for _ in range(_GROUP_LOOKS):
            if not group_lives(self.pid):
                break
            await asyncio.sleep(_GROUP_EVERY)  # nothing tells of the end of what is not our child
        await self._take_rest()

    async def _take_rest(self) -> None:
        """Take what is left in the pipe, as slowly as all before; not for ever, for a stray may print still."""
        self._let_be()
        left = _DRAIN_CHUNK
        with contextlib.suppress(BlockingIOError):
            while left > 0 and not self._lines.full and (data := os.read(self._pipe, _CHUNK)):
                left -= len(data)
                began = time.monotonic()
                self._lines.feed(data)
                await asyncio.sleep(_REST * (time.monotonic() - began))

    def close(self) -> None:
        """Let go of everything."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=_KILL_WAIT)  # has been killed: only a cancelled `gone` leaves it to us
        self._let_be()
        self._loop.remove_reader(self._pidfd)
        self._lines.finish()
        os.close(self._pidfd)
        os.close(self._pipe)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._exited.set()

    def _let_be(self) -> None:
        """Read no more by ourselves."""
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._pipe)

    def _on_output(self) -> None:
        began = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, _CHUNK)
            if not data:
                self._loop.remove_reader(self._pipe)
                return
            self._lines.feed(data)
        if self._lines.full:
            self._loop.remove_reader(self._pipe)
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _DRAIN_CHUNK)
            self._drain()
        elif (spent := time.monotonic() - began) > _BRIEF:
            self._loop.remove_reader(self._pipe)
            self._timer = self._loop.call_later(_REST * spent, self._loop.add_reader, self._pipe, self._on_output)

    def _drain(self) -> None:
        """Throw away what a flood brings, slowly: it must not cost the daemon its processor."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, _DRAIN_CHUNK)
            if not data:
                return
            self._flood_left -= len(data)
            if self.flooded:
                self.end()
                return
        self._timer = self._loop.call_later(_DRAIN_EVERY, self._drain)

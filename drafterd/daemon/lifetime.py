"""From the start of a daemon to its end: lock, listeners, tasks, signals."""

import asyncio
import fcntl
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import structlog

from drafterd import __version__
from drafterd.config import Config, keep_secret
from drafterd.daemon import proxies
from drafterd.daemon.house import House
from drafterd.daemon.listeners import Doors, listen
from drafterd.daemon.notices import Notices
from drafterd.daemon.retention import keep_tidy
from drafterd.domain.errors import Busy, ConfigError
from drafterd.files import swept
from drafterd.layout import Layout
from drafterd.reconcile.control import Control
from drafterd.run.managed import ManagedSupervisord
from drafterd.run.orphans import keep_ended
from drafterd.toolchain import which

HEALTH_EVERY = 10.0
AWAKE_MAX = 250
"""More descriptors than so many drafts need would slow every start down: supervisord closes them one by one."""

_log = structlog.get_logger(__name__)

Started = Callable[[Control, str], Awaitable[None]]
"""Runs beside the daemon once it listens; gets the dashboard's address with a one-time code."""


async def serve(config: Config, *, managed: bool, started: Started | None = None) -> None:
    """Run the daemon until SIGINT or SIGTERM.

    Args:
        managed: Whether supervisord and the proxy are ours to start and to stop, where the
            configuration does not say.

    Raises:
        DrafterdError: It cannot start: another daemon is there, a port is taken, a tool is missing.
    """
    layout = config.layout()
    stop = asyncio.Event()
    _raise_descriptors()
    make_folders(layout)
    with single_instance(layout), _signals(stop):
        sweep_folders(layout)
        async with AsyncExitStack() as stack:
            keep_secret(config.nextauth_file)
            house = House(config, managed=managed)
            stack.callback(house.close)
            if house.groups:
                await asyncio.to_thread(house.groups.sweep)
                stack.callback(house.groups.close)
            stack.push_async_callback(house.proxy.close)
            house.proxy.prepare()
            await _fence(house)
            doors = await listen(house, stack)
            supervisor = await _ensure_supervisor(house, stack, managed=managed)
            await house.publisher.adopt()
            await _run(house, supervisor, started, doors, stop)


def _raise_descriptors() -> None:
    """Visitors hold descriptors: take all that the system gives us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def make_folders(layout: Layout) -> None:
    """Make the folders that are not there.

    Raises:
        ConfigError: One of them cannot be made or written to.
    """
    for folder, mode in ((layout.state, 0o750), (layout.run, 0o750), (layout.logs, 0o750), (layout.drafts, 0o755)):
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise ConfigError(
                f"the folder {folder} cannot be used: {error.strerror}",
                hint="make it writable for the daemon's user, or name another in the configuration",
            ) from error
    if layout.run.stat().st_uid != os.geteuid():
        raise ConfigError(
            f"the folder {layout.run} belongs to somebody else",
            hint="name another one with `sockets` in the configuration",
        )


def sweep_folders(layout: Layout) -> None:
    """Delete what a kill left half-written. Only the one daemon that holds the lock may do so."""
    for folder in (layout.drafts, layout.state, layout.run, layout.state / "instances", layout.state / "drafts"):
        for left in swept(folder):
            _log.info("temporary.removed", path=str(left))


@contextmanager
def single_instance(layout: Layout) -> Iterator[None]:
    """Hold the lock of the state folder. Raises `Busy` when another daemon does."""
    descriptor = os.open(layout.state / "drafterd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise Busy(
                f"another drafterd (pid {holder}) works on {layout.state}",
                hint="stop it first, or give this one a state folder of its own with --state",
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


async def _fence(house: House) -> None:
    """Make the sandboxes ready, and put the firewall there before anything runs, also for what still runs.

    Raises:
        ConfigError: It, or a sandbox, is asked for and cannot be had.
        RuntimeUnavailable: Its rules cannot be set.
    """
    for sandbox in (
        await asyncio.to_thread(lambda: house.sandbox),
        await asyncio.to_thread(lambda: house.build_sandbox),
    ):
        try:
            await asyncio.to_thread(sandbox.prepare)
        except OSError as error:
            raise ConfigError(f"the sandbox {sandbox.name} cannot be made ready: {error}") from error
    if house.firewall:
        await house.firewall.look_up()
        await asyncio.to_thread(house.firewall.put)


async def _ensure_supervisor(house: House, stack: AsyncExitStack, *, managed: bool) -> ManagedSupervisord | None:
    """Start supervisord, with the proxy in it, where they are ours."""
    config, layout = house.config, house.layout
    if not (managed if config.runtime.managed is None else config.runtime.managed):
        return None
    programs = proxies.programs(config, layout) if house.runs_proxy else {}
    awake = config.ports.last - config.ports.first + 1
    supervisor = ManagedSupervisord(
        layout=layout, executable=which("supervisord"), programs=programs, max_awake=min(awake, AWAKE_MAX)
    )
    if house.firewall:
        stack.callback(house.firewall.remove)  # once nothing runs any more
    stack.push_async_callback(supervisor.stop)
    await supervisor.ensure()
    return supervisor


async def _run(
    house: House, supervisor: ManagedSupervisord | None, started: Started | None, doors: Doors, stop: asyncio.Event
) -> None:
    """Run everything until `stop`; one task that ends unexpectedly ends the daemon."""
    notices = Notices(house.loop, ready=lambda: house.control.ready)
    works: dict[str, Coroutine[Any, Any, None]] = {
        "builds": house.builds.run(),
        "outfit": house.outfit.run(),
        "runtime": house.runtime.run(),
        "watcher": house.watcher.run(),
        "loop": house.loop.run(),
        "publisher": house.publisher.run(),
        "retention": keep_tidy(
            house.layout, drafts=house.watcher.known, instances=house.instances, evict=house.builds.evict
        ),
        "orphans": keep_ended(house.layout),
        "health": house.control.watch_health(HEALTH_EVERY),
        "notices": notices.run(),
    }
    if house.firewall is not None:
        works["firewall"] = house.firewall.run()
    if supervisor is not None:
        works["supervisor"] = supervisor.watch()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_forever(name, work), name=name) for name, work in works.items()]
        if started is not None:
            running.append(tasks.create_task(_beside(started(house.control, doors.dashboard))))
        _log.info("daemon.started", drafts=str(house.layout.drafts), version=__version__)
        for name, sandbox in (("build", house.build_sandbox), ("run", house.sandbox)):
            tell = _log.info if sandbox.name != "plain" else _log.warning
            tell("sandbox.chosen", of=name, sandbox=sandbox.name, isolation=sandbox.isolation)
        await stop.wait()
        _log.info("daemon.stopping")
        notices.stopping()
        # Before anything else ends: who still asks is answered by a daemon that can do what it is asked.
        await doors.close()
        for task in running:
            task.cancel()


async def _forever(name: str, work: Awaitable[None]) -> None:
    """Run a task that never ends by itself: its end is a fault that must not go unseen."""
    await work
    raise RuntimeError(f"the task {name} ended unexpectedly")


async def _beside(work: Awaitable[None]) -> None:
    await work


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

"""From the start of a daemon to its end: lock, listeners, tasks, signals."""

import asyncio
import fcntl
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import sdnotify
import structlog

from drafterd import __version__
from drafterd.config import Config, keep_secret
from drafterd.daemon import settings
from drafterd.daemon.house import House
from drafterd.domain.errors import Busy, ConfigError
from drafterd.files import swept
from drafterd.layout import Layout
from drafterd.reconcile.control import Control
from drafterd.reconcile.loop import Loop
from drafterd.route.managed import command, write_static
from drafterd.run.managed import ManagedSupervisord
from drafterd.toolchain import which
from drafterd.web.access import Access
from drafterd.web.api import api_app
from drafterd.web.edge import edge_app
from drafterd.web.listen import Listener

HEALTH_EVERY = 10.0
WATCHDOG_EVERY = 5.0
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
            house = House(config)
            stack.callback(house.close)
            stack.push_async_callback(house.proxy.close)
            house.proxy.prepare()
            url = await _listen(house, stack)
            supervisor = await _ensure_supervisor(house, stack, managed=managed)
            await house.publisher.adopt()
            await _run(house, supervisor, started, url, stop)


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


async def _listen(house: House, stack: AsyncExitStack) -> str:
    """Open the API and the edge; the dashboard's address with a one-time code.

    Raises:
        ConfigError: A port is taken.
    """
    config = house.config
    access = Access(config.token_file, settings.allowed_hosts(config))
    api = api_app(control=house.control, access=access, version=__version__)
    edge = edge_app(control=house.control, settings=settings.edge_settings(config, token_ok=access.accepts))
    await _open(stack, "api.listen", Listener(api, host=config.api.listen.host, port=config.api.listen.port))
    await _open(
        stack,
        "api.socket",
        Listener(api_app(control=house.control, access=access, version=__version__), unix_socket=config.api_socket),
    )
    await _open(stack, "edge.listen", Listener(edge, host=config.edge.listen.host, port=config.edge.listen.port))
    return f"http://{config.api.listen}/?code={access.new_code()}"


async def _open(stack: AsyncExitStack, key: str, listener: Listener) -> None:
    try:
        await stack.enter_async_context(listener)
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot listen there: {error.strerror}", hint="stop what listens there, or choose another address"
        ) from error


async def _ensure_supervisor(house: House, stack: AsyncExitStack, *, managed: bool) -> ManagedSupervisord | None:
    """Start supervisord, with the proxy in it, where they are ours."""
    config, layout = house.config, house.layout
    if not (managed if config.runtime.managed is None else config.runtime.managed):
        return None
    programs = {}
    if managed if config.proxy.managed is None else config.proxy.managed:
        static = layout.state / "routes" / "traefik.yml"
        write_static(
            static, listen=config.proxy.listen, dashboard=config.proxy.dashboard, routes_file=layout.traefik_routes
        )
        programs["traefik"] = command(which("traefik"), static)
    awake = config.ports.last - config.ports.first + 1
    supervisor = ManagedSupervisord(
        layout=layout, executable=which("supervisord"), programs=programs, max_awake=min(awake, AWAKE_MAX)
    )
    stack.push_async_callback(supervisor.stop)
    await supervisor.ensure()
    return supervisor


async def _run(
    house: House, supervisor: ManagedSupervisord | None, started: Started | None, url: str, stop: asyncio.Event
) -> None:
    """Run everything until `stop`; one task that ends unexpectedly ends the daemon."""
    works: dict[str, Coroutine[Any, Any, None]] = {
        "builds": house.builds.run(),
        "runtime": house.runtime.run(),
        "watcher": house.watcher.run(),
        "loop": house.loop.run(),
        "publisher": house.publisher.run(),
        "health": house.control.watch_health(HEALTH_EVERY),
        "watchdog": _feed_watchdog(house.loop),
    }
    if supervisor is not None:
        works["supervisor"] = supervisor.watch()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_forever(name, work), name=name) for name, work in works.items()]
        if started is not None:
            running.append(tasks.create_task(_beside(started(house.control, url))))
        _log.info("daemon.started", drafts=str(house.layout.drafts), version=__version__)
        for name, sandbox in (("build", house.build_sandbox), ("run", house.sandbox)):
            tell = _log.info if sandbox.name != "plain" else _log.warning
            tell("sandbox.chosen", of=name, sandbox=sandbox.name, isolation=sandbox.isolation)
        await stop.wait()
        _log.info("daemon.stopping")
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


async def _feed_watchdog(loop: Loop) -> None:
    """Tell systemd that we live, but only while the reconcile loop turns: it does so at least every resync."""
    notifier = sdnotify.SystemdNotifier()
    notifier.notify("READY=1")
    turns = -1
    while True:
        if loop.turns != turns:
            notifier.notify("WATCHDOG=1")
        turns = loop.turns
        await asyncio.sleep(WATCHDOG_EVERY)

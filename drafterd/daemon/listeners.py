"""Where the daemon listens: API, command line's socket and edge, as systemd handed them over or by itself."""

import asyncio
import os
import socket
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass

from drafterd import __version__
from drafterd.daemon import settings
from drafterd.daemon.activation import Inherited
from drafterd.daemon.house import House
from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address
from drafterd.files import write_atomic
from drafterd.route.stand_in import LOOK_EVERY
from drafterd.web.access import Access
from drafterd.web.api import api_app
from drafterd.web.away import away_answers
from drafterd.web.edge import edge_app
from drafterd.web.listen import Listener

_VACATED_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Doors:
    """Where people and programs come in.

    Attributes:
        dashboard: Its address, with a one-time code.
    """

    dashboard: str
    _listeners: Collection[Listener]

    async def close(self) -> None:
        """Let nobody in any more, and let those who are in end what they do: each door has a while for it. Repeatable."""
        async with asyncio.TaskGroup() as tasks:
            for listener in self._listeners:
                tasks.create_task(listener.close())


async def listen(house: House, stack: AsyncExitStack) -> Doors:
    """Open the API and the edge, until they or `stack` are closed.

    Raises:
        ConfigError: A port is taken.
    """
    config = house.config
    access = Access(config.token_file, settings.allowed_hosts(config))
    api, by_socket = (
        api_app(control=house.control, gate=house.gate, access=access, version=__version__) for _ in range(2)
    )
    edge = edge_app(
        control=house.control, gate=house.gate, settings=settings.edge_settings(config, token_ok=access.accepts)
    )
    held = Inherited()
    edge_socket = held.tcp(config.edge.listen)
    if edge_socket is None:
        await _take_over(house)
    path = config.api_socket
    listeners = {
        key: Listener(app, host=place.host, port=place.port, held=by_systemd)
        for key, app, place, by_systemd in (
            ("api.listen", api, config.api.listen, held.tcp(config.api.listen)),
            ("edge.listen", edge, config.edge.listen, edge_socket),
        )
    }
    listeners["api.socket"] = Listener(by_socket, unix_socket=path, held=held.unix(path))
    doors = Doors(f"http://{config.api.listen}/?code={access.new_code()}", listeners.values())
    stack.push_async_callback(doors.close)
    for key, listener in listeners.items():
        await _open(key, listener)
    held.close()
    return doors


async def _take_over(house: House) -> None:
    """Tell who stands in for a daemon at the edge that one is here, and what to say while none is."""
    write_atomic(house.layout.away, away_answers().encode(), mode=0o640)
    write_atomic(house.layout.edge_owner, f"{os.getpid()}\n".encode(), mode=0o640)
    await _until_free(house.config.edge.listen)


async def _until_free(address: Address) -> None:
    """Wait a moment for who stands in for a daemon at the edge: it lets go as soon as it sees ours."""
    deadline = time.monotonic() + _VACATED_WITHIN
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.host, address.port))
            except OSError:
                await asyncio.sleep(LOOK_EVERY)
            else:
                return


async def _open(key: str, listener: Listener) -> None:
    try:
        await listener.start()
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot listen there: {error.strerror}", hint="stop what listens there, or choose another address"
        ) from error

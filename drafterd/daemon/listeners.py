"""Where the daemon listens: API, command line's socket and edge, as systemd handed them over or by itself."""

import asyncio
import os
import socket
import time
from contextlib import AsyncExitStack

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


async def listen(house: House, stack: AsyncExitStack) -> str:
    """Open the API and the edge until `stack` is closed; the dashboard's address with a one-time code.

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
    for key, app, place, by_systemd in (
        ("api.listen", api, config.api.listen, held.tcp(config.api.listen)),
        ("edge.listen", edge, config.edge.listen, edge_socket),
    ):
        await _open(stack, key, Listener(app, host=place.host, port=place.port, held=by_systemd))
    path = config.api_socket
    await _open(stack, "api.socket", Listener(by_socket, unix_socket=path, held=held.unix(path)))
    held.close()
    return f"http://{config.api.listen}/?code={access.new_code()}"


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


async def _open(stack: AsyncExitStack, key: str, listener: Listener) -> None:
    try:
        await stack.enter_async_context(listener)
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot listen there: {error.strerror}", hint="stop what listens there, or choose another address"
        ) from error

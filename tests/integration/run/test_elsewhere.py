"""Servers that do not listen where they were told to: found by their processes, and reached there."""

import os
import signal
import time
from dataclasses import replace

import pytest

from drafterd.domain.model import Address, Instance, InstanceStatus
from drafterd.leases import is_free
from drafterd.run.elsewhere import GRACE
from tests.builders import eventually, free_port
from tests.integration.run.conftest import SERVER, World

READY, FAILED = InstanceStatus.READY, InstanceStatus.FAILED


@pytest.fixture
def plugin() -> bool:
    """What supervisord tells us how makes no difference here."""
    return True


def listening(*ports: int, host: str = "127.0.0.1") -> str:
    """A server that answers on ports of its own."""
    return SERVER.rpartition("http.server.Thr")[0] + (
        "import socket, threading\n"
        "class Other(http.server.ThreadingHTTPServer):\n"
        f"    address_family = socket.{'AF_INET6' if ':' in host else 'AF_INET'}\n"
        f"servers = [Other(({host!r}, port), Handler) for port in {ports!r}]\n"
        "for each in servers[1:]: threading.Thread(target=each.serve_forever, daemon=True).start()\n"
        "servers[0].serve_forever()\n"
    )


async def test_a_server_on_another_port_is_found_there(world: World):
    own = free_port()
    spec = world.spec(listening(own))
    begun = time.monotonic()
    await world.runtime.start(spec)
    seen = await world.until(spec.id, READY)
    assert time.monotonic() - begun < world.start_timeout / 2
    assert seen.address == Address("127.0.0.1", own)
    assert seen.problem is not None
    assert seen.problem.code == "wrong-port"
    assert seen.problem.summary == f"the server listens on {own}, was given {spec.address.port}"
    await world.runtime.stop(spec.id)
    assert is_free(own)
    assert not world.layout.found_address(spec.id).exists()


async def test_a_server_on_the_other_loopback_is_found_there(world: World):
    spec = world.spec("")
    code = listening(spec.address.port, host="::1")
    await world.runtime.start(replace(spec, argv=(*spec.argv[:-1], code)))
    assert (await world.until(spec.id, READY)).address == Address("::1", spec.address.port)


async def test_a_new_daemon_finds_it_at_once_and_so_does_a_new_start(world: World):
    own = free_port()
    spec = world.spec(listening(own))
    await world.runtime.start(spec)
    first = await world.until(spec.id, READY)
    await world.begin()
    begun = time.monotonic()
    again = await world.until(spec.id, READY)
    assert time.monotonic() - begun < GRACE
    assert (again.pid, again.address) == (first.pid, first.address)
    assert again.problem is not None

    await world.steady(spec.id)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)

    async def anew() -> Instance | None:
        seen = await world.instance(spec.id)
        return seen if seen is not None and seen.status is READY and seen.pid != first.pid else None

    assert (await eventually(anew, within=15)).address == first.address


async def test_a_server_that_is_slow_to_open_its_right_port_is_waited_for(world: World):
    """First some port of its own, soon afterwards the one it was given."""
    own = free_port()
    code = "import os, threading, time\n" + SERVER.replace(
        "http.server.Thr",
        f"side = http.server.ThreadingHTTPServer(('127.0.0.1', {own}), Handler)\n"
        "threading.Thread(target=side.serve_forever, daemon=True).start()\n"
        "time.sleep(2)\n"
        "http.server.Thr",
    )
    spec = world.spec(code)
    await world.runtime.start(spec)
    seen = await world.until(spec.id, READY)
    assert (seen.address, seen.problem) == (spec.address, None)


async def test_a_server_on_several_other_ports_is_given_up_and_ended(world: World):
    world.start_timeout = 6.0
    await world.begin()
    one, two = sorted((free_port(), free_port()))
    spec = world.spec(listening(one, two))
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "wrong-port"
    assert problem.summary == f"the server listens on {one}, {two}, was given {spec.address.port}"
    assert not world.marked(spec.id)
    assert is_free(one)


async def test_a_server_on_the_port_of_another_draft_is_given_up(world: World):
    world.start_timeout = 6.0
    own = free_port()
    world.reserved = frozenset({own})
    await world.begin()
    spec = world.spec(listening(own))
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "wrong-port"


async def test_a_port_of_its_own_that_is_taken_is_told_soon(world: World):
    own = free_port()
    code = (
        f"import sys; sys.stderr.write('Error: listen EADDRINUSE: address already in use :::{own}\\n'); sys.exit(1)\n"
    )
    spec = world.spec(code)
    begun = time.monotonic()
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert time.monotonic() - begun < 6
    assert problem is not None
    assert problem.code == "fixed-port-taken"
    assert str(own) in problem.summary

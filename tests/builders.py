"""What tests build their worlds from."""

import asyncio
import inspect
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from drafterd.domain.model import (
    Address,
    Build,
    BuildStatus,
    FixRecord,
    Instance,
    InstanceStatus,
    Kind,
    Presence,
    Recipe,
    Release,
    Source,
)
from drafterd.domain.names import DraftId, instance_id, release_id
from drafterd.domain.routing import Target
from drafterd.domain.view import View
from drafterd.leases import is_free


async def eventually(condition: Callable[[], Any], *, within: float = 10.0, every: float = 0.02) -> Any:
    """Wait until `condition` gives something true and return it; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        value = await result if inspect.isawaitable(result) else result
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {inspect.getsource(condition).strip()} gave {value!r}")
        await asyncio.sleep(every)


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.cycle(range(20000 + _WORKER % 4 * 3000, 20000 + _WORKER % 4 * 3000 + 2900))
for _ in range(os.getpid() % 29 * 100):
    next(_ports)


def free_port(count: int = 1) -> int:
    """The first of `count` ports in a row that nobody holds and that no other test is given."""
    while True:
        ports = list(itertools.islice(_ports, count))
        if ports[-1] - ports[0] == count - 1 and all(map(is_free, ports)):
            return ports[0]


HELLO = DraftId("hello")


def a_source(**changes: Any) -> Source:
    """A settled folder with the stamp `s1`."""
    return replace(Source(presence=Presence.PRESENT, stamp="s1", settled=True), **changes)


def a_record(**changes: Any) -> FixRecord:
    """What the fixes left of `a_source`."""
    recipe = Recipe(kind=Kind.NODE, why="test", start=("node", "server.js"))
    return replace(FixRecord(stamp="s1", digest="d1", environment_digest="e", fix_version=1, recipe=recipe), **changes)


def a_release(number: int, key: str = "k1", **changes: Any) -> Release:
    """A release that a server runs."""
    made = Release(id=release_id(number), draft=HELLO, key=key, path=f"/releases/r{number}", argv=("node", "server.js"))
    return replace(made, **changes)


def a_build(number: int, key: str = "k1", status: BuildStatus = BuildStatus.SUCCEEDED, **changes: Any) -> Build:
    """A build."""
    return replace(Build(draft=HELLO, number=number, key=key, status=status, created=float(number)), **changes)


def an_instance(number: int, status: InstanceStatus = InstanceStatus.READY, **changes: Any) -> Instance:
    """An instance of release `number`, at port 3000 + number."""
    release = release_id(number)
    made = Instance(
        id=instance_id(HELLO, release),
        draft=HELLO,
        release=release,
        status=status,
        address=Address("127.0.0.1", 3000 + number),
        since=1.0,
    )
    return replace(made, **changes)


def a_view(**changes: Any) -> View:
    """A draft that has settled and was fixed, and no more."""
    return replace(View(draft=HELLO, source=a_source(), fix=a_record(), key="k1"), **changes)


def a_target(number: int) -> Target:
    """The route to `an_instance(number)`."""
    return Target(address=Address("127.0.0.1", 3000 + number))


def a_live_view(**changes: Any) -> View:
    """A draft that serves release 1 and has nothing to do."""
    live = a_view(
        builds=(a_build(1),),
        releases=(a_release(1),),
        current=release_id(1),
        instances=(an_instance(1),),
        routed=frozenset({Address("127.0.0.1", 3001)}),
        target=a_target(1),
        confirmed=a_target(1),
    )
    return replace(live, **changes)

"""How tables reach the proxy. The proxy here is in memory, so that it can refuse on command; that the
real one confirms and refuses tables is shown in tests/integration/route."""

import asyncio
import contextlib

import pytest

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId, instance_id, release_id
from drafterd.domain.routing import RouteTable, Target, table_of
from drafterd.reconcile import publish
from drafterd.reconcile.publish import Publisher
from tests.builders import an_instance, eventually

A, B = DraftId("a"), DraftId("b")
ONE, TWO = (Target(address=Address("127.0.0.1", port)) for port in (3001, 3002))


NOTHING = RouteTable()


class MemoryProxy:
    def __init__(self, table=NOTHING):
        self.tables = [table]
        self.refuses = False
        self.free = asyncio.Event()
        self.free.set()

    async def publish(self, table):
        await self.free.wait()
        if self.refuses:
            raise ProxyRejected("no", hint="later")
        self.tables.append(table)

    async def alive(self):
        return not self.refuses

    async def observe(self):
        return self.tables[-1]


@contextlib.asynccontextmanager
async def publishing(proxy, known=(A, B), clock=lambda: 100.0):
    changed: list[DraftId] = []
    publisher = Publisher(proxy, on_change=changed.append, on_published=lambda _: None, clock=clock)
    await publisher.adopt()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(publisher.run())
        publisher.open(known)
        yield publisher, changed
        task.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(publish, "RETRY", (0.01,))


async def test_many_wishes_become_one_table():
    proxy = MemoryProxy()
    async with publishing(proxy) as (publisher, changed):
        await eventually(lambda: len(proxy.tables) == 2)
        publisher.route(A, ONE)
        publisher.route(B, TWO)
        await eventually(lambda: publisher.confirmed == table_of({A: ONE, B: TWO}))
        assert len(proxy.tables) == 3
        assert set(changed) == {A, B}


async def test_what_an_earlier_daemon_left_is_adopted_and_unknown_drafts_dropped():
    proxy = MemoryProxy(table_of({A: ONE, B: TWO}))
    async with publishing(proxy, known=(A,)) as (publisher, _):
        assert publisher.target(A) == ONE
        await eventually(lambda: publisher.confirmed == table_of({A: ONE}))


@pytest.mark.parametrize("shown", [True, False])
async def test_what_the_proxy_shows_of_it_counts_from_the_first_look_on(shown):
    proxy = MemoryProxy(table_of({A: ONE}))
    proxy.refuses = not shown
    publisher = Publisher(proxy, on_change=print, on_published=print)
    await publisher.adopt()
    assert publisher.reached(A) == (ONE if shown else None)
    assert publisher.target(A) == ONE


async def test_nothing_is_published_before_every_draft_was_looked_at():
    proxy = MemoryProxy(table_of({A: ONE}))
    publisher = Publisher(proxy, on_change=print, on_published=print)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await publisher.run()
    assert len(proxy.tables) == 1


async def test_an_address_counts_as_routed_until_a_table_without_it_is_confirmed():
    proxy, both = MemoryProxy(), [an_instance(1), an_instance(2)]
    async with publishing(proxy) as (publisher, _):
        assert publisher.routed(both) == set()
        publisher.route(A, ONE)
        assert publisher.routed(both) == {ONE.address}
        await eventually(lambda: publisher.confirmed.routes)
        proxy.refuses = True
        publisher.route(A, TWO)
        await eventually(lambda: publisher.problem)
        assert publisher.routed(both) == {ONE.address, TWO.address}
        assert publisher.problem.code == "proxy-rejected"
        proxy.refuses = False
        await eventually(lambda: publisher.routed(both) == {TWO.address})
        assert publisher.problem is None
        publisher.route(A, None)
        await eventually(lambda: publisher.routed(both) == set())


async def test_a_draft_is_not_sure_to_be_reached_while_a_table_without_it_is_on_its_way():
    proxy = MemoryProxy()
    async with publishing(proxy) as (publisher, changed):
        publisher.route(A, ONE)
        await eventually(lambda: publisher.reached(A) == ONE)
        proxy.free.clear()
        publisher.route(A, None)
        await eventually(lambda: publisher.reached(A) is None)
        publisher.route(A, ONE)
        assert publisher.reached(A) is None  # the proxy may show its page already
        changed.clear()
        proxy.free.set()
        await eventually(lambda: publisher.reached(A) == ONE)
        assert A in changed


async def test_a_draft_whose_refused_removal_was_taken_back_is_told_of():
    proxy = MemoryProxy()
    async with publishing(proxy) as (publisher, changed):
        publisher.route(A, ONE)
        await eventually(lambda: publisher.reached(A) == ONE)
        proxy.refuses = True
        publisher.route(A, None)
        await eventually(lambda: publisher.problem)
        publisher.route(A, ONE)
        changed.clear()
        proxy.refuses = False
        await eventually(lambda: publisher.reached(A) == ONE)
        assert A in changed


async def test_a_draft_is_reached_all_the_time_while_it_moves():
    proxy = MemoryProxy()
    async with publishing(proxy) as (publisher, _):
        publisher.route(A, ONE)
        await eventually(lambda: publisher.reached(A) == ONE)
        proxy.free.clear()
        publisher.route(A, TWO)
        await eventually(lambda: len(publisher.routed([an_instance(1), an_instance(2)])) == 2)
        assert publisher.reached(A) == ONE
        proxy.free.set()
        await eventually(lambda: publisher.reached(A) == TWO)


async def test_when_an_address_left_is_known_of_those_that_were_routed():
    proxy = MemoryProxy()
    old, new = an_instance(1, since=200.0), an_instance(2, since=200.0)
    async with publishing(proxy) as (publisher, _):
        publisher.route(A, ONE)
        await eventually(lambda: publisher.confirmed.routes)
        publisher.route(A, TWO)
        await eventually(lambda: publisher.confirmed.target(A) == TWO)
        assert publisher.unrouted_since([old, new]) == {old.id: 100.0}
        publisher.forget(ONE.address)
        assert publisher.unrouted_since([old]) == {}


async def test_of_instances_older_than_the_daemon_the_start_counts():
    publisher = Publisher(MemoryProxy(), on_change=print, on_published=print, clock=lambda: 100.0)
    assert publisher.unrouted_since([an_instance(1, since=50.0)]) == {
        instance_id(an_instance(1).draft, release_id(1)): 100.0
    }

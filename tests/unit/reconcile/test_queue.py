"""The rules of the work queue."""

import asyncio

import pytest

from drafterd.domain.names import DraftId
from drafterd.reconcile.queue import WorkQueue
from tests.builders import eventually

A, B = DraftId("a"), DraftId("b")


async def nothing_more(queue):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await queue.get()


async def test_a_key_is_in_it_once():
    queue = WorkQueue()
    for key in (A, B, A):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == [A, B]
    await nothing_more(queue)


async def test_a_key_added_while_it_is_worked_on_runs_once_more_afterwards():
    queue = WorkQueue()
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(A)
    await nothing_more(queue)
    queue.done(A)
    assert await queue.get() == A
    queue.done(A)
    await nothing_more(queue)


async def test_the_earliest_time_counts():
    queue = WorkQueue()
    queue.add(A, after=60)
    queue.add(A, after=0.02)
    queue.add(A, after=30)
    async with asyncio.timeout(5):
        assert await queue.get() == A
    await nothing_more(queue)


async def test_news_wake_a_waiting_worker():
    queue = WorkQueue()
    queue.add(A, after=60)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add(B)
    assert waiting.result() == B


async def test_one_that_is_worked_on_does_not_block_the_others():
    queue = WorkQueue()
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(B)
    assert await queue.get() == B


async def test_many_workers_never_share_a_key():
    queue = WorkQueue()
    working, seen = set(), []

    async def work():
        while True:
            key = await queue.get()
            assert key not in working
            working.add(key)
            seen.append(key)
            await asyncio.sleep(0.001)
            working.discard(key)
            queue.done(key)

    async with asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(work()) for _ in range(4)]
        for number in range(200):
            queue.add(DraftId(f"k{number % 7}"))
            if number % 20 == 0:
                await asyncio.sleep(0.002)
        await eventually(lambda: len(queue) == 0 and not working)
        for worker in workers:
            worker.cancel()
    assert set(seen) == {f"k{number}" for number in range(7)}

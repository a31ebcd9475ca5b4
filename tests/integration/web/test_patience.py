"""Requests that come while the daemon looks at its drafts for the first time."""

import asyncio

from aiohttp import web

from drafterd.web.patience import until_ready


class Daemon:
    ready = False


async def client_of(aiohttp_client, daemon, **options):
    async def answer(_request):
        return web.Response(text=str(daemon.ready))

    app = web.Application(middlewares=[until_ready(daemon, **options)])
    app.router.add_get("/", answer)
    return await aiohttp_client(app)


async def test_they_wait_until_it_knows_them(aiohttp_client):
    daemon = Daemon()
    client = await client_of(aiohttp_client, daemon)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(client.get("/"))
        await asyncio.sleep(0.1)
        assert not asked.done()
        daemon.ready = True
    assert await asked.result().text() == "True"


async def test_but_not_for_ever(aiohttp_client):
    client = await client_of(aiohttp_client, Daemon(), most=0.1)
    assert await (await client.get("/")).text() == "False"


async def test_what_is_not_about_drafts_is_answered_at_once(aiohttp_client):
    client = await client_of(aiohttp_client, Daemon(), below="/api/v1/drafts", most=60)
    assert await (await client.get("/")).text() == "False"

"""What a waiting page gets through each proxy: its events at once and one by one, and the draft's static page, shut in."""

import asyncio

import aiohttp
import pytest

from tests.integration.web.test_api import next_event
from tests.server import Server, node_server

pytestmark = pytest.mark.timeout(120)

SLOW = {"build": "node -e 'setTimeout(() => {}, 2000)'", "start": "node server.js"}
BY_PATH = ("/api/draft/later/_drafterd/events", "localhost")
BY_HOST = ("/_drafterd/events", "hosted.localhost")


@pytest.fixture(params=["traefik", "nginx"])
async def server(tmp_path, request):
    made = Server(tmp_path, drafts_config={"hosted": {"address": "host"}})
    made.config["proxy"]["kind"] = request.param
    async with made:
        yield made


async def test_the_page_of_nobody_turns_into_a_waiting_page_and_that_into_the_draft(server):
    """At both addresses at once."""
    await asyncio.gather(turns(server, "later", *BY_PATH), turns(server, "hosted", *BY_HOST))


async def turns(server, draft, path, host):
    port = server.public.rpartition(":")[2]
    url, headers = f"{server.proxy}{path}", {"Host": f"{host}:{port}", "Accept": "text/event-stream"}
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        async with http.get(url, headers=headers) as events:
            assert (events.status, events.content_type) == (200, "text/event-stream")
            assert (events.headers["X-Robots-Tag"], events.headers["Cache-Control"]) == ("noindex", "no-cache")
            server.drop(draft, {"fallback.html": "<h1>soon</h1>", **node_server("here", scripts=SLOW)})
            event = await next_event(events)
            assert (event["event"], event["data"]) == ("reload", '"waiting"')
        await its_static_page_is_shut_in(server, path.replace("events", "preview"), headers)
        told = []
        async with http.get(url, headers=headers) as events:
            while (event := await next_event(events))["event"] != "reload":
                if event["event"] == "live":
                    told.append((event["data"], (await server.draft(draft))["state"]))
            assert event["data"] == '"ready"'
    # Heard while it was built, and not in one piece at the end.
    assert any("is being built" in text and state == "building" for text, state in told)
    visit = await server.visit(
        "/" if host != "localhost" else f"/api/draft/{draft}/", headers={"Host": f"{host}:{port}"}
    )
    assert visit[:2] == (200, "here /")


async def its_static_page_is_shut_in(server, path, headers):
    status, text, told = await server.visit(path, headers=headers)
    assert (status, text, told["Cache-Control"]) == (200, "<h1>soon</h1>", "no-store")
    assert told["Content-Security-Policy"].startswith("sandbox;")

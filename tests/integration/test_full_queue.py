"""A queue that is full, and one in which somebody looks at a draft, on one real daemon."""

import asyncio
import json
import re
from functools import partial

import aiohttp
import pytest
from typer.testing import CliRunner

from drafterd.cli import app
from tests.builders import eventually
from tests.integration.test_bad_input import with_build
from tests.server import Server

pytestmark = pytest.mark.timeout(120)


def waits_for(flag):
    return f"const wait = () => require('fs').existsSync('{flag}') || setTimeout(wait, 30); wait();"


async def queued(server):
    rows = (await server.call("GET", "/api/v1/queue"))[1]["items"]
    return [(row["draft"], row["position"], row["why"]) for row in rows]


async def order(server):
    return [draft for draft, _, _ in await queued(server)]


async def cli(server, *words):
    """What the command line prints, asked of this server."""
    config = ["--url", server.api, "--token-file", str(server.state / "token")]
    result = await asyncio.to_thread(CliRunner().invoke, app, [words[0], *config, *words[1:]])
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_a_draft_that_finds_the_queue_full_says_so_and_is_taken_in_later(tmp_path):
    async with Server(tmp_path, build={"slots": 1, "queue_max": 2, "sandbox": "plain"}) as server:
        drafts = ["a", "b", "c", "d"]
        for number, draft in enumerate(drafts[:3], start=1):
            server.drop(draft, with_build(waits_for(tmp_path / draft)))
            await eventually(partial(is_long, server, number), within=30)
        server.drop("d", with_build(waits_for(tmp_path / "d")))
        problem = await eventually(lambda: problem_of(server, "d"), within=30)
        assert (problem["code"], problem["mend"]) == ("busy", "machine")
        assert "2 builds wait" in problem["summary"]
        status, said = await server.call("POST", "/api/v1/drafts/d/builds")
        assert (status, said["code"], said["status"]) == (429, "busy", 429)

        waits = "waits for a free build slot"
        assert await queued(server) == [("a", 0, "is being built"), ("b", 1, waits), ("c", 2, waits)]
        assert waits in (await cli(server, "queue")).splitlines()[2]
        assert [row["why"] for row in json.loads(await cli(server, "queue", "--json"))["items"]][1:] == [waits, waits]

        # Somebody opens c's page: it has its turn before b as long as the page is open.
        page = (await server.visit("/api/draft/c/", headers={"Accept": "text/html"}))[1]
        (events,) = re.findall(r'data-events="([^"]+)"', page)
        async with aiohttp.ClientSession() as browser, browser.get(f"{server.proxy}{events}") as stream:
            assert stream.content_type == "text/event-stream"
            await eventually(lambda: is_order(server, ["a", "c", "b"]))
        await eventually(lambda: is_order(server, ["a", "b", "c"]))

        (tmp_path / "a").touch()
        await eventually(lambda: is_order(server, ["b", "c", "d"]), within=10)
        assert not await problem_of(server, "d")
        for draft in drafts:
            (tmp_path / draft).touch()
        for draft in drafts:
            await server.until(draft, "ready", within=60)


async def is_long(server, number):
    return len(await order(server)) == number


async def is_order(server, wanted):
    return await order(server) == wanted


async def problem_of(server, draft):
    return (await server.draft(draft)).get("problem")

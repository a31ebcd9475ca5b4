"""Going back and forward again on the draft's page in a browser, by who came with the printed address."""

import re

import pytest
import pytest_asyncio

from tests.builders import eventually
from tests.server import Server, node_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("back")) as server:
        yield server


async def says(server, word):
    return (await server.visit("/api/draft/shop/"))[1] == f"{word} /"


async def a_bad_one(server):
    """A third release, which does not start."""
    server.drop("shop", {"server.js": "process.exit(1);\n"})

    async def known():
        report = await server.draft("shop")
        return any((kept["id"], kept["state"]) == ("r3", "bad") for kept in report["kept"])

    await eventually(known, within=60)


async def test_a_click_goes_back_and_another_one_forward(server, browser):
    server.drop("shop", node_server("one"))
    await eventually(lambda: says(server, "one"), within=60)
    server.drop("shop", node_server("two"))
    await eventually(lambda: says(server, "two"), within=60)
    address = re.search(r"http://\S+/\?code=\S+", server.output())
    assert address
    async with browser.visit() as visit:
        page = visit.page
        await page.goto(f"{server.api}/drafts/shop", wait_until="load")
        assert await page.locator("button:has-text('Serve r1')").count() == 0, "not for everybody"
        await page.goto(address[0], wait_until="load")
        await page.goto(f"{server.api}/drafts/shop", wait_until="load")
        await page.click("button:has-text('Serve r1')")
        await page.wait_for_selector("text=r1 is pinned")
        await eventually(lambda: says(server, "one"), within=30)
        await page.click("button:has-text('Let the newest one serve')")
        await eventually(lambda: says(server, "two"), within=30)
        assert (await server.draft("shop"))["pinned"] is None
        await a_bad_one(server)
        await page.goto(f"{server.api}/drafts/shop", wait_until="load")
        assert await page.locator("button:has-text('Serve r1')").count() == 1
        assert await page.locator("button:has-text('Serve r3')").count() == 0, "it is known to be bad"
        assert visit.faults == []

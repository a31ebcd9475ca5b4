"""Drafts that are no Next.js: each kind dropped as its authors leave it, looked at in Chromium at both addresses."""

import pytest
import pytest_asyncio

from tests.server import FIXTURES, Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1500)]

BUILD_TIME = 600
MATRIX = pytest.mark.matrix
DRAFTS = ("vite-react", "astro", "astro-node", "sveltekit", "nuxt", "react-router", "cra")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    overrides = {f"{name}-host": {"address": "host"} for name in DRAFTS}
    async with Server(tmp_path_factory.mktemp("kinds"), drafts_config=overrides) as server:
        yield server


async def opened(server, visit, draft):
    """Drop the draft and open it in the browser once it is live; its report, and its address without a slash."""
    server.drop_copy(draft, FIXTURES / draft.removesuffix("-host"))
    report = await server.until(draft, "ready", "failed", within=BUILD_TIME)
    assert report["state"] == "ready", report["problem"]
    await visit.open(report["url"])
    return report, report["url"].rstrip("/")


async def text(visit, selector, wanted):
    await visit.page.wait_for_function(
        "([selector, wanted]) => document.querySelector(selector)?.textContent === wanted", arg=[selector, wanted]
    )


async def colour(visit, selector):
    return await visit.page.eval_on_selector(selector, "element => getComputedStyle(element).color")


async def drawn(visit, selector):
    return await visit.page.eval_on_selector(selector, "image => image.complete && image.naturalWidth > 0")


def both(draft, *, marks=()):
    return [pytest.param(name, marks=marks) for name in (draft, f"{draft}-host")]


@pytest.mark.parametrize("draft", both("vite-react"))
async def test_a_single_page_app_of_vite(server, browser, draft):
    async with browser.visit() as visit:
        report, url = await opened(server, visit, draft)
        await text(visit, "h1", "home")
        assert await colour(visit, "body") == "rgb(1, 2, 3)"
        assert await drawn(visit, "#plain-image")
        await visit.page.click("a:text-is('about')")
        await text(visit, "h1", "about")
        assert visit.page.url == f"{url}/about"
        await visit.page.reload(wait_until="networkidle")
        await text(visit, "h1", "about")
        await visit.page.click("#plain")
        await visit.page.wait_for_url("**/about?plain")
        await text(visit, "h1", "about")
        assert visit.page.url == f"{url}/about?plain"
        assert visit.faults == []
        await visit.page.goto(f"{url}/nowhere", wait_until="networkidle")
        await text(visit, "h1", "missing")
        assert visit.faults == ["console: no such page /nowhere"]
    assert report["instance"] is None, "files need no process"


@pytest.mark.parametrize("draft", both("astro"))
async def test_a_static_site_of_astro(server, browser, draft):
    async with browser.visit() as visit:
        report, url = await opened(server, visit, draft)
        await text(visit, "h1", "home")
        await text(visit, "#script", "done")
        assert await colour(visit, "h1") == "rgb(1, 2, 3)"
        assert await drawn(visit, "#plain-image")
        assert await drawn(visit, "#imported")
        await visit.page.click("#plain")
        await text(visit, "h1", "about")
        assert visit.page.url.rstrip("/") == f"{url}/about"
        assert visit.faults == []
        answer = await visit.page.goto(f"{url}/nowhere")
        assert answer.status == 404
        await text(visit, "h1", "missing")
    assert report["instance"] is None


@pytest.mark.parametrize("draft", both("astro-node", marks=MATRIX))
async def test_a_server_of_astro(server, browser, draft):
    async with browser.visit() as visit:
        _, url = await opened(server, visit, draft)
        await text(visit, "#agent", "a browser")
        assert await colour(visit, "h1") == "rgb(1, 2, 3)"
        await visit.page.click("button")
        await text(visit, "h1", "about")
        assert visit.page.url == f"{url}/answer"
        assert visit.faults == []


@pytest.mark.parametrize(
    "draft",
    [*both("sveltekit", marks=MATRIX), *both("nuxt", marks=MATRIX), *both("react-router", marks=MATRIX)],
)
async def test_frameworks_with_a_server(server, browser, draft):
    async with browser.visit() as visit:
        _, url = await opened(server, visit, draft)
        await text(visit, "#data", "the server")
        assert await colour(visit, "h1") == "rgb(1, 2, 3)"
        await visit.page.click("#count")
        await text(visit, "#count", "1")
        if await visit.page.locator("#send").count():
            await visit.page.click("#send")
            await text(visit, "#form", "received")
        await visit.page.click("a:text-is('about')")
        await text(visit, "h1", "about")
        assert visit.page.url == f"{url}/about"
        assert visit.faults == []


@pytest.mark.parametrize("draft", both("cra", marks=MATRIX))
async def test_an_app_of_create_react_app(server, browser, draft):
    async with browser.visit() as visit:
        report, url = await opened(server, visit, draft)
        await text(visit, "h1", "home")
        assert await colour(visit, "h1") == "rgb(1, 2, 3)"
        assert await drawn(visit, "#plain-image")
        await visit.page.click("#count")
        await text(visit, "#count", "1")
        await visit.page.click("a:text-is('about')")
        await text(visit, "h1", "about")
        assert visit.page.url == f"{url}/about"
        await visit.page.reload(wait_until="networkidle")
        await text(visit, "h1", "about")
        assert visit.faults == []
    assert report["instance"] is None

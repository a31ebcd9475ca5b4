"""What a visitor's browser does: signs in, opens a link, and sees a waiting page turn into the draft."""

import pytest

from drafterd.domain.model import BuildStatus
from drafterd.domain.names import DraftId
from tests.builders import a_build
from tests.e2e.test_pages import opened
from tests.integration.web.test_edge import static
from tests.integration.web.world import a_world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SHOP = DraftId("shop")


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<title>shop</title><h1>Welcome</h1>")
    (folder / "deep.html").write_text("<title>deep</title><script>document.title += document.cookie</script>")
    return folder


@pytest.mark.parametrize("script", [True, False])
async def test_the_password_leads_to_where_the_visitor_wanted_to_go(tmp_path, site, browser, script):
    async with a_world(tmp_path) as world:
        static(world, "shop", site)
        await world.gate.protect(SHOP, "correct horse")
        context, page = await opened(browser, world, "/api/draft/shop/deep?x=1", java_script_enabled=script)
        assert await page.title() == "shop is protected"
        await page.fill("#password", "wrong horse")
        await page.press("#password", "Enter")
        await page.wait_for_selector("text=That is not the password.")
        await page.fill("#password", "correct horse")
        await page.click("text=Continue")
        await page.wait_for_url("**/api/draft/shop/deep?x=1")
        assert await page.title() == "deep", "no script reads the cookie"
        await page.goto(page.url.replace("/deep?x=1", "/"))
        assert await page.title() == "shop"
        await context.close()


async def test_a_link_opens_the_draft_and_stays_out_of_the_address(tmp_path, site, browser):
    async with a_world(tmp_path) as world:
        static(world, "shop", site)
        await world.gate.protect(SHOP, None)
        link = world.gate.share(SHOP, 600)[0].removeprefix("http://localhost:8080")
        context, page = await opened(browser, world, link)
        assert await page.title() == "shop"
        assert "share" not in page.url
        assert await page.evaluate("document.referrer") == ""
        await context.close()


@pytest.mark.parametrize("script", [True, False])
async def test_a_waiting_page_turns_into_the_draft(tmp_path, site, browser, script):
    async with a_world(tmp_path) as world:
        world.put("shop", builds=(a_build(1, status=BuildStatus.RUNNING, step="build", started=1.0),))
        context, page = await opened(browser, world, java_script_enabled=script)
        assert await page.title() == "shop is being built"
        static(world, "shop", site)
        await page.wait_for_selector("text=Welcome", timeout=20_000)
        await context.close()

"""The page of a failed draft in a browser: handed on with one click, whole without a script, at every width."""

import pytest

from drafterd.domain.model import BuildStatus, Edit, Problem
from drafterd.domain.repair import Repair
from tests.builders import a_build, a_live_view, a_record
from tests.integration.web.world import a_world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

PROBLEM = Problem(
    code="build-failed",
    summary="Module not found: Can't resolve '@/components/ui/button' <img src=x onerror=alert(1)>",
    where="app/page.tsx:3:1",
    step="build",
    tail=("</textarea><script>document.title = 'taken over'</script>", "x" * 500),
    proposals=("add components/ui/button.tsx",),
    excerpt=("> 3 | import { Button } from '@/components/ui/button';" + " x" * 90,),
)
REPAIR = Repair(
    code="ignore-types", step="build", summary="errors of types are ignored", reason="Type error: " + "y" * 300
)
EDIT = Edit(file="package.json", rule="scripts", before="", after="x", reason="a start script was added")


async def opened(browser, world, path="/api/draft/shop", **options):
    context = await browser._chromium.new_context(**options)
    page = await context.new_page()
    await page.goto(world.edge.replace("127.0.0.1", "localhost") + path, wait_until="load")
    return context, page


def failed(world):
    ended = a_build(1, status=BuildStatus.FAILED, problem=PROBLEM, repairs=(REPAIR,))
    world.put("shop", builds=(ended,), fix=a_record(edits=(EDIT,)))


async def test_one_click_hands_it_on(tmp_path, browser):
    async with a_world(tmp_path) as world:
        failed(world)
        context, page = await opened(browser, world, permissions=["clipboard-read", "clipboard-write"])
        await page.click("button[data-copies]")
        await page.wait_for_function("document.querySelector('button[data-copies]').textContent === 'Copied'")
        text = await page.evaluate("navigator.clipboard.readText()")
        for wanted in (
            "Module not found",
            "app/page.tsx:3:1",
            "> 3 | import { Button }",
            "errors of types",
            "</textarea>",
        ):
            assert wanted in text
        assert await page.title() == "shop could not be put online"
        await context.close()


async def test_without_a_script_it_is_whole_and_offers_no_button(tmp_path, browser):
    async with a_world(tmp_path) as world:
        failed(world)
        context, page = await opened(browser, world, java_script_enabled=False)
        assert not await page.is_visible("button[data-copies]")
        assert "Module not found" in await page.input_value("#prompt")
        assert await page.is_visible("text=add components/ui/button.tsx")
        await context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_wider_than_the_screen(tmp_path, browser, width, scheme):
    async with a_world(tmp_path) as world:
        failed(world)
        running = a_build(1, status=BuildStatus.RUNNING, step="build", started=1.0, repairs=(REPAIR,))
        world.put("chat", builds=(running,))
        live = a_live_view(builds=(a_build(1, repairs=(REPAIR,)),))
        world.put("blog", **{field: getattr(live, field) for field in live.__slots__ if field != "draft"})
        screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        context, page = await opened(browser, world, **screen)
        await context.set_extra_http_headers(world.token)
        addresses = [f"{world.edge}/api/draft/{name}".replace("127.0.0.1", "localhost") for name in ("shop", "chat")]
        for address in (*addresses, world.api, f"{world.api}/drafts/blog", f"{world.api}/drafts/shop"):
            await page.goto(address, wait_until="load")
            await page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
        await context.close()

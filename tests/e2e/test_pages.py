"""The pages in a browser: whole without a script, readable on every screen; a failure is handed on with one click."""

import pytest

from drafterd.domain.model import BuildStatus, Goal, Intent
from tests.builders import a_build, a_live_view, a_record
from tests.e2e.gallery import EDIT, PROBLEM, REPAIR, a_gallery
from tests.integration.web.world import a_world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

READABLE = 4.5
"""How much lighter one of text and ground must be than the other, by WCAG's AA."""

# Each text with its contrast: its colour and ground as they are laid over each other, with what shines through.
CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
  const parsed = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const contrast = (element) => {
    const line = [];
    for (let each = element; each; each = each.parentElement) line.unshift(getComputedStyle(each));
    let ground = dark ? [0, 0, 0, 1] : [255, 255, 255, 1];
    let opacity = 1;
    for (const style of line) {
      ground = over(parsed(style.backgroundColor), ground);
      opacity *= Number(style.opacity);
    }
    const colour = parsed(getComputedStyle(element).color);
    const [a, b] = [light(over([...colour.slice(0, 3), colour[3] * opacity], ground)), light(ground)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (text && element.checkVisibility()) found.push([text.slice(0, 60), contrast(element)]);
  }
  return found;
}"""


async def opened(browser, world, path="/api/draft/shop", **options):
    context = await browser._chromium.new_context(**options)
    page = await context.new_page()
    await page.goto(world.edge.replace("127.0.0.1", "localhost") + path, wait_until="load")
    return context, page


async def seen(page, url):
    """The answer, with everything on the page unfolded."""
    answer = await page.goto(url, wait_until="load")
    await page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    return answer


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
            PROBLEM.where,
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_can_be_read_on_every_screen(tmp_path, browser, scheme):
    async with a_gallery(tmp_path) as (_, pages):
        context = await browser._chromium.new_context(color_scheme=scheme, reduced_motion="reduce")
        page = await context.new_page()
        for shown in pages:
            for width in (320, 390, 1280):
                await page.set_viewport_size({"width": width, "height": 800})
                await seen(page, shown.url)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (shown.name, width)
            texts = await page.evaluate(CONTRASTS)
            assert len(texts) > 1, shown.name
            assert [text for text in texts if text[1] < READABLE] == [], shown.name
        await context.close()


async def test_every_page_is_right_without_a_script(tmp_path, browser):
    async with a_gallery(tmp_path) as (world, pages):
        context = await browser._chromium.new_context(java_script_enabled=False)
        page = await context.new_page()
        for shown in pages:
            answer = await page.goto(shown.url, wait_until="load")
            told = answer.headers
            assert (answer.status, told.get("x-draft-state", "")) == (shown.status, shown.state), shown.name
            assert (told["cache-control"], told["x-robots-tag"]) == ("no-store", "noindex"), shown.name
            assert await page.locator("meta[name=robots][content=noindex]").count() == 1
            assert await page.is_visible("h1"), shown.name
            refreshed = page.locator("meta[http-equiv=refresh]")
            assert await refreshed.count() == shown.waits, shown.name
            if shown.waits:
                assert told["retry-after"] == await refreshed.get_attribute("content"), shown.name
        # It does follow the draft, at the pace that it names.
        starting = next(shown for shown in pages if shown.state == "starting")
        await page.goto(starting.url, wait_until="load")
        name = starting.url.rpartition("/")[2]
        world.put(name, intent=Intent(goal=Goal.PAUSE))
        await page.wait_for_selector(f"h1:text-is('{name} is paused')")
        await context.close()


async def test_a_static_page_is_shown_shut_in(tmp_path, browser):
    async with a_gallery(tmp_path) as (_, pages):
        context = await browser._chromium.new_context()
        page = await context.new_page()
        for shown in pages:
            await page.goto(shown.url, wait_until="load")
            offered = shown.state in ("settling", "queued", "building", "starting", "failed")
            assert await page.locator("iframe").count() == offered, shown.name
            if not offered:
                continue
            title = await page.title()
            await page.click(".preview > summary")
            frame = page.frame_locator("iframe")
            heading = frame.locator("h1:text-is('As it was drawn')")
            await heading.wait_for()
            assert await heading.evaluate("(found) => getComputedStyle(found).color") == "rgb(0, 0, 255)"
            assert await heading.evaluate("() => self.origin") == "null"
            assert await page.title() == title
        # Alone it is shut in as well.
        address = next(shown for shown in pages if shown.state == "failed").url + "/_drafterd/preview"
        await page.goto(address, wait_until="load")
        assert await page.locator("h1:text-is('As it was drawn')").count() == 1
        assert await page.evaluate("self.origin") == "null"
        await context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_dashboard_is_no_wider_than_the_screen_and_can_be_read(tmp_path, browser, width, scheme):
    async with a_world(tmp_path) as world:
        failed(world)
        running = a_build(1, status=BuildStatus.RUNNING, step="build", started=1.0, repairs=(REPAIR,))
        world.put("chat", builds=(running,))
        live = a_live_view(builds=(a_build(1, repairs=(REPAIR,)),))
        world.put("blog", **{field: getattr(live, field) for field in live.__slots__ if field != "draft"})
        screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        context, page = await opened(browser, world, **screen)
        await context.set_extra_http_headers(world.token)
        for address in (world.api, f"{world.api}/drafts/blog", f"{world.api}/drafts/shop", f"{world.api}/drafts/chat"):
            await seen(page, address)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
            texts = await page.evaluate(CONTRASTS)
            assert [text for text in texts if text[1] < READABLE] == [], address
        await context.close()

"""The log of a build in a browser: it grows, folds by steps, and is text whatever a build prints."""

from datetime import UTC, datetime

import pytest

from drafterd.domain.model import BuildStatus, Problem
from drafterd.domain.names import DraftId
from tests.builders import a_build, a_record
from tests.e2e.test_pages import opened
from tests.integration.web.world import a_world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

BEGAN = 1795491000.0
HOSTILE = (
    "<img src=x onerror=\"document.title='taken over'\"> \x1b[31m<script>document.title = 'taken over'</script>",
    "\x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07 \x1b[2J\x1b[H \x07 \xff",
    "== pack",
    "</div></details><h1>not ours</h1>",
    "x" * 4000,
)


def lines(*texts, at=0.0):
    now = datetime.fromtimestamp(BEGAN + at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return "".join(f"{now} {' ' if text == '== pack' else ''}{text}\n" for text in texts)


def running(world, **changes):
    options = {"status": BuildStatus.RUNNING, "step": "install", "started": BEGAN, **changes}
    world.put("chat", builds=(a_build(1, **options),))
    return world.doors.log_path("chat", 1)


async def shown(page, selector):
    return await page.eval_on_selector_all(selector, "parts => parts.map((part) => part.innerText)")


async def test_it_grows_and_folds_by_steps(tmp_path, browser):
    async with a_world(tmp_path) as world:
        path = running(world)
        path.write_text(lines("== snapshot", "== install", "\x1b[32madded\x1b[0m 3 packages", at=3.44))
        context, page = await opened(browser, world, "/api/draft/chat")
        assert await shown(page, ".group > summary") == ["Copy the files", "Install dependencies"]
        assert await page.inner_text(".line time") == "0:03.4"
        assert await page.eval_on_selector(".line .c2", "part => getComputedStyle(part).color") != (
            await page.eval_on_selector(".line > span", "part => getComputedStyle(part).color")
        )
        running(world, step="build", steps={"snapshot": 0.1, "install": 12.3})
        with path.open("a") as file:
            file.write(lines("== build", "building", at=64.0))
        await page.wait_for_selector("details[data-step=build] .line")
        assert await page.get_attribute("details[data-step=install]", "open") is None
        assert await page.inner_text("details[data-step=install] .time") == "12 s"
        assert "done" in await page.get_attribute("details[data-step=install]", "class")
        assert await page.inner_text("details[data-step=build] time") == "1:04.0"
        assert await page.locator(".line").count() == 2  # nothing twice
        await context.close()


async def test_what_a_build_prints_is_text(tmp_path, browser):
    async with a_world(tmp_path) as world:
        path = running(world)
        path.write_text(lines("== build", *HOSTILE))
        context, page = await opened(browser, world, "/api/draft/chat")
        for round_ in (1, 2):
            await page.locator(".line").nth(len(HOSTILE) * round_ - 1).wait_for(state="attached")
            assert await page.locator(".line").count() == len(HOSTILE) * round_
            assert await shown(page, ".group > summary") == ["Build"]
            assert await page.locator("#log img, #log script, #log a, #log h1").count() == 0
            assert await page.title() == "chat is being built"
            assert "\x1b" not in await page.inner_text("#log")
            with path.open("a") as file:
                file.write(lines(*HOSTILE))
        await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_without_a_script_it_is_whole(tmp_path, browser, scheme):
    async with a_world(tmp_path) as world:
        problem = Problem(code="build-failed", summary="Error: boom", step="build")
        ended = a_build(1, status=BuildStatus.FAILED, started=BEGAN, steps={"install": 2.0}, problem=problem)
        world.put("shop", builds=(ended,), fix=a_record())
        world.doors.log_path(DraftId("shop"), 1).write_text(
            lines("== install", "added", "== build", "\x1b[31mError: boom\x1b[0m", *HOSTILE)
        )
        context, page = await opened(
            browser,
            world,
            java_script_enabled=False,
            color_scheme=scheme,
            viewport={"width": 380, "height": 800},
        )
        assert not await page.is_visible("text=added")
        assert await page.is_visible("#log >> text=Error: boom")
        assert "failed" in await page.get_attribute("details[data-step=build]", "class")
        await page.click("details[data-step=install] summary")
        assert await page.is_visible("text=added")
        await context.close()

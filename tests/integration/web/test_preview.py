"""The static page that a draft brings: offered while it is waited for, shut in wherever it is opened."""

import os

import pytest

from drafterd.domain.model import BuildStatus, Goal, Intent
from drafterd.domain.names import DraftId
from drafterd.web.preview import SIZE_MAX
from tests.builders import a_build
from tests.integration.web.test_edge import BROWSER, FAILED, get, live

ADDRESS = "/api/draft/hello/_drafterd/preview"
QUEUED = {"builds": (a_build(1, status=BuildStatus.QUEUED),)}


@pytest.fixture
def folder(world):
    found = world.state / "drafts-in" / "hello"
    found.mkdir(parents=True)
    (found / "package.json").write_text("{}")
    return found


async def offered(world):
    """Whether the page names it; it is there exactly then."""
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    answer, _ = await get(world, ADDRESS, **BROWSER)
    named = f'<iframe src="{ADDRESS}"' in text
    assert named == (answer.status == 200)
    return named


@pytest.mark.parametrize(
    "changes", [QUEUED, {"builds": (a_build(1, status=BuildStatus.FAILED, problem=FAILED),)}], ids=["waiting", "failed"]
)
async def test_it_is_shut_in(world, folder, changes):
    (folder / "index.html").write_text("<h1>as it was drawn</h1><script>alert(1)</script>")
    world.put("hello", **changes)
    assert await offered(world)
    answer, text = await get(world, ADDRESS)
    assert (answer.status, answer.content_type, "as it was drawn" in text) == (200, "text/html", True)
    rules = [rule.strip() for rule in answer.headers["Content-Security-Policy"].split(";")]
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= set(rules)
    assert (answer.headers["Cache-Control"], answer.headers["X-Robots-Tag"]) == ("no-store", "noindex")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    _, page = await get(world, "/api/draft/hello", **BROWSER)
    frame = page.partition("<iframe")[2].partition(">")[0]
    assert " sandbox " in frame, "no word after it lifts anything"
    assert (await get(world, ADDRESS, method="POST"))[0].status == 503
    (folder / "fallback.html").write_text("<h1>for those who wait</h1>")
    assert "for those who wait" in (await get(world, ADDRESS))[1]


async def test_nothing_else_is_offered(world, folder, tmp_path):
    world.put("hello", **QUEUED)
    page = folder / "index.html"
    assert not await offered(world)
    page.write_text("x" * (SIZE_MAX + 1))
    assert not await offered(world)
    page.write_text('<div id="root"></div><script type="module" src="/src/main.tsx"></script>')
    assert not await offered(world), "without its script it would be empty"
    page.unlink()
    secret = tmp_path / "secret.html"
    secret.write_text("SECRET")
    page.symlink_to(secret)
    assert not await offered(world)
    page.unlink()
    os.mkfifo(page)
    assert not await offered(world)
    page.unlink()
    page.mkdir()
    assert not await offered(world)
    page.rmdir()
    page.write_text("a page")
    assert await offered(world)
    (folder / "package.json").unlink()
    assert not await offered(world), "a folder of files is the draft itself"
    (folder / "package.json").touch()
    world.put("hello", intent=Intent(goal=Goal.PAUSE))
    assert not await offered(world)
    live(world, "hello")
    assert not await offered(world)
    world.put("hello", **QUEUED)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert not await offered(world)


async def test_who_may_not_visit_the_draft_does_not_see_it(world, folder):
    (folder / "index.html").write_text("a page")
    world.put("hello", **QUEUED)
    await world.gate.protect(DraftId("hello"), "correct horse")
    answer, text = await get(world, ADDRESS)
    assert (answer.status, "a page" in text) == (401, False)

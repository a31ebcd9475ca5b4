"""What an operator asks of drafts, on one real daemon."""

import pytest
import pytest_asyncio

from tests.builders import eventually
from tests.integration.test_bad_input import is_building, with_build
from tests.server import Server, node_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("asked")) as server:
        yield server


async def live(server, draft, text="hello"):
    server.drop(draft, node_server(text))
    return await server.until(draft, "ready")


async def answer(server, draft):
    return (await server.visit(f"/api/draft/{draft}/"))[:2]


async def test_pause_and_resume(server):
    await live(server, "rest")
    assert (await server.call("POST", "/api/v1/drafts/rest/stop"))[0] == 202
    await server.until("rest", "paused")
    await eventually(lambda: is_page(server, "rest", "paused"))
    assert (await server.call("POST", "/api/v1/drafts/rest/stop"))[0] == 200
    assert (await server.call("POST", "/api/v1/drafts/rest/start"))[0] == 202
    await server.until("rest", "ready")
    assert await answer(server, "rest") == (200, "hello /")


async def is_page(server, draft, state):
    status, _, headers = await server.visit(f"/api/draft/{draft}/")
    return status == 503 and headers["X-Draft-State"] == state


async def test_build_again_replaces_the_release(server):
    await live(server, "again")
    status, build = await server.call("POST", "/api/v1/drafts/again/builds", json={"clean": True})
    assert (status, build["number"]) == (202, 2)
    await eventually(lambda: serves(server, "again", "r2"), within=30)
    assert await answer(server, "again") == (200, "hello /")


async def serves(server, draft, release):
    return (await server.draft(draft)).get("serving") == release


async def test_cancel_ends_a_build_and_keeps_it_ended(server):
    server.drop("slow", with_build("setInterval(() => {}, 1000)"))
    await eventually(lambda: is_building(server, "slow"), within=30)
    assert (await server.call("POST", "/api/v1/drafts/slow/builds/1/cancel"))[0] == 202
    report = await server.until("slow", "failed")
    assert report["problem"]["code"] == "cancelled"
    assert (await server.call("POST", "/api/v1/drafts/slow/builds/1/cancel"))[0] == 409


async def test_restart_is_quick_and_gives_a_new_process(server):
    before = await live(server, "anew")
    assert (await server.call("POST", "/api/v1/drafts/anew/restart"))[0] == 202

    async def restarted():
        report = await server.draft("anew")
        return report["state"] == "ready" and report["instance"]["pid"] != before["instance"]["pid"]

    await eventually(restarted, within=20)
    assert await answer(server, "anew") == (200, "hello /")


async def test_rm_deletes_what_was_made_and_leaves_the_folder(server):
    await live(server, "made")
    server.drop("made", {"note.txt": "a change that nobody has looked at yet"})
    assert (await server.call("DELETE", "/api/v1/drafts/made"))[0] == 202
    await eventually(lambda: is_unknown(server, "made"), within=30)
    assert (server.drafts / "made" / "server.js").exists()
    assert not (server.state / "drafts" / "made" / "releases" / "r1").exists()
    server.drop("made", {"server.js": node_server("changed")["server.js"]})
    await server.until("made", "ready")
    assert await answer(server, "made") == (200, "changed /")


async def test_rm_purge_deletes_the_folder_too(server):
    await live(server, "away")
    assert (await server.call("DELETE", "/api/v1/drafts/away?purge=source"))[0] == 202
    await eventually(lambda: is_unknown(server, "away"), within=30)
    assert not (server.drafts / "away").exists()
    assert server.processes(lambda p: "away" in " ".join(p.cmdline())) == []


async def test_a_draft_whose_time_to_live_is_over_goes_and_a_change_brings_it_back(tmp_path):
    async with Server(tmp_path, drafts_config={"brief": {"ttl": "5s"}}) as server:
        report = await live(server, "brief")
        assert report["expires_at"]
        await live(server, "lasting")
        await eventually(lambda: is_unknown(server, "brief"), within=30)
        assert (server.drafts / "brief" / "server.js").exists()
        assert not (server.state / "drafts" / "brief" / "releases" / "r1").exists()
        assert await answer(server, "lasting") == (200, "hello /")
        server.drop("brief", {"server.js": node_server("changed")["server.js"]})
        await server.until("brief", "ready")


async def is_unknown(server, draft):
    status, _ = await server.call("GET", f"/api/v1/drafts/{draft}")
    return status == 404 and (await server.visit(f"/api/draft/{draft}/"))[0] == 404


async def test_the_build_log_can_be_read_and_followed(server):
    server.drop("told", with_build("console.log('one'); console.error('two')"))
    await server.until("told", "ready")
    status, text = await server.call("GET", "/api/v1/drafts/told/builds/1/log")
    assert status == 200
    assert "one" in text
    assert "two" in text
    status, events = await server.call(
        "GET", "/api/v1/drafts/told/builds/1/log", headers={"Accept": "text/event-stream"}
    )
    assert status == 200
    assert "one" in events


async def test_wait_answers_when_it_is_ready(server):
    server.drop("soon", node_server())
    await server.call("POST", "/api/v1/scan")
    status, report = await server.call("GET", "/api/v1/drafts/soon?wait=ready&timeout=30")
    assert (status, report["state"]) == (200, "ready")


async def test_a_damaged_release_folder_of_one_draft_ends_nobody(server):
    """A link that goes round in circles where the releases should be: that draft alone has a problem."""
    folder = server.state / "drafts" / "looped"
    folder.mkdir(parents=True)
    (folder / "releases").symlink_to("releases")
    server.drop("looped", node_server())
    await server.call("POST", "/api/v1/scan")
    await live(server, "unharmed")
    assert (await server.call("GET", "/livez"))[0] == 200

"""From nothing to a server that is used, restarted, killed, upgraded and rebooted. The tests build on one another."""

from typing import Any

import pytest

from tests.boot import hostile
from tests.boot.conftest import FIRST, NEXT
from tests.boot.installed import SERVICES, Installed, Load
from tests.builders import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]
DRAFTS = ("hello", "second")


async def builds(server: Installed, draft: str) -> list[int]:
    """The numbers of its builds."""
    return [build["number"] for build in (await server.call("GET", f"/api/v1/drafts/{draft}/builds"))[1]["items"]]


async def standing(server: Installed) -> dict[str, Any]:
    """What must outlive whatever happens to services: releases and builds of all drafts, once they are ready again."""
    return {draft: ((await server.until(draft, "ready"))["serving"], await builds(server, draft)) for draft in DRAFTS}


async def pids(server: Installed) -> list[int]:
    """The processes of the drafts."""
    return [(await server.draft(draft))["instance"]["pid"] for draft in DRAFTS]


async def answer(server: Installed) -> None:
    """Wait until all drafts answer through the proxy, and the daemon has looked at everything."""

    async def well() -> bool:
        asked = [(await server.visit(f"/api/draft/{draft}/"), f"{draft} /") for draft in DRAFTS]
        return all(got == (200, text) for got, text in asked) and (await server.call("GET", "/readyz"))[0] == 200

    await server.eventually(well, within=60)


async def test_it_is_installed_as_the_documents_say(server: Installed) -> None:
    await server.install_version(FIRST)
    refused = await server.drafterd("install", "--systemd", check=False)
    assert "0.0.0.0:80 is taken by nginx" in refused
    assert "nothing was changed" in refused
    await server.run("systemctl", "disable", "--now", "nginx")
    said = await server.drafterd("install", "--systemd", "--public-url", "http://localhost")
    assert "drafterd runs." in said
    for unit in SERVICES:
        assert (await server.run("systemctl", "is-active", unit)).strip() == "active"


async def test_a_dropped_draft_is_live_through_the_proxy(server: Installed) -> None:
    for draft in DRAFTS:
        server.drop(draft, hostile.quiet(draft))
    for draft in DRAFTS:
        await server.until(draft, "ready")
        assert await server.visit(f"/api/draft/{draft}/") == (200, f"{draft} /")


async def test_drafts_and_builds_are_behind_walls(server: Installed) -> None:
    _, status = await server.call("GET", "/api/v1/status")
    assert status["sandbox"].startswith("bubblewrap (isolation: full: ")
    assert "builds: bubblewrap (full: " in status["sandbox"]
    assert "nothing of this machine and its networks" in status["sandbox"]


async def test_a_restart_of_the_daemon_loses_no_request_and_touches_no_draft(server: Installed) -> None:
    before = await pids(server)
    async with Load(server) as load:
        for _ in range(3):
            await load.more(30)
            await server.run("systemctl", "restart", "drafterd.service")
        await load.more(30)
    assert load.lost == []
    assert await pids(server) == before


@pytest.mark.parametrize("unit", SERVICES)
async def test_a_killed_service_comes_back(server: Installed, unit: str) -> None:
    before, pid = await standing(server), await server.main_pid(unit)
    await server.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)

    async def another() -> bool:
        return await server.main_pid(unit) not in (0, pid)

    await eventually(another, within=30)
    await answer(server)
    assert await standing(server) == before


async def test_an_upgrade_and_the_way_back_touch_no_draft(server: Installed) -> None:
    before, running = await standing(server), await pids(server)
    await server.install_version(NEXT)
    async with Load(server) as load:
        for version in (NEXT, FIRST):
            await load.more(30)
            await server.use(version)
            await server.drafterd("install", "--systemd")
            assert (await server.call("GET", "/api/v1/status"))[1]["version"] == version
        await load.more(30)
    assert load.lost == []
    assert (await standing(server), await pids(server)) == (before, running)


async def test_after_a_reboot_every_draft_is_back_without_a_build(server: Installed) -> None:
    before = await standing(server)
    await server.reboot()
    await answer(server)
    assert await standing(server) == before

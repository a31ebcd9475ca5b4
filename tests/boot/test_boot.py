"""From nothing to a server that is used, restarted, killed, upgraded and rebooted. The tests build on one another."""

import asyncio
from typing import Any

import pytest

from tests.boot import hostile
from tests.boot.conftest import FIRST, NEXT
from tests.boot.debian import CHECKOUT
from tests.boot.installed import DAEMON_ALONE, DRAFTS_ALONE, LARGE, SERVICES, Installed, Load
from tests.builders import eventually

SPARED = {
    "drafterd.service": DRAFTS_ALONE,
    "drafterd-supervisor.service": ("files", "download", *DAEMON_ALONE),
    "drafterd-traefik.service": DAEMON_ALONE,
}
"""What nobody loses a request to while a service is dead."""

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
    server.drop("files", {"index.html": "files", "large.bin": bytes(LARGE)})
    await server.until("files", "ready")


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
    async with Load(server, SPARED[unit]) as load:
        await load.more(10)
        await server.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)

        async def another() -> bool:
            return await server.main_pid(unit) not in (0, pid)

        # While it is dead, and while its successor finds its way.
        await load.more(10)
        await eventually(another, within=30)
        await answer(server)
        await load.more(10)
    assert load.lost == []
    assert await standing(server) == before


async def test_a_supervisord_that_is_stopped_lets_drafts_end_what_they_have_begun(server: Installed) -> None:
    before = await standing(server)
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(server.visit(f"/api/draft/{draft}/slow")) for draft in DRAFTS]
        await server.eventually(lambda: _all_begun(server), within=30)
        await server.run("systemctl", "restart", "drafterd-supervisor.service")
    assert [await one for one in slow] == [(200, f"{draft} begun and ended") for draft in DRAFTS]
    await answer(server)
    assert await standing(server) == before


async def _all_begun(server: Installed) -> bool:
    """Whether each draft is in the middle of a slow answer."""
    return all([(await server.visit(f"/api/draft/{draft}/busy"))[1] == "1" for draft in DRAFTS])


async def test_an_upgrade_and_the_way_back_touch_no_draft(server: Installed) -> None:
    before, running = await standing(server), await pids(server)
    ledger = await ledger_version(server)
    await server.install_version(NEXT)
    async with Load(server) as load:
        await load.more(30)
        await server.use(NEXT)
        await server.drafterd("install", "--systemd")
        await load.more(30)
    assert load.lost == []
    assert (await server.call("GET", "/api/v1/status"))[1]["version"] == NEXT
    # The newer daemon is beside the older supervisord, with its older plug-in.
    assert (await standing(server), await pids(server)) == (before, running)
    assert await described(server) == ["drafterd, the next", "Drafts of drafterd (supervisord), the next"]
    assert await ledger_version(server) == ledger + 1
    assert await ledger_version(server, f"drafterd.db.v{ledger}") == ledger

    async with Load(server, DRAFTS_ALONE) as load:
        await server.use(FIRST)
        await server.run("systemctl", "restart", "drafterd.service", check=False)
        journal = await server.run("journalctl", "_SYSTEMD_UNIT=drafterd.service", "--output=cat", "--lines=50")
        assert "was written by a newer drafterd" in journal
        await server.run("sh", "-e", "-c", way_back(ledger), within=200)
        await load.more(30)
    assert load.lost == []
    assert (await server.call("GET", "/api/v1/status"))[1]["version"] == FIRST
    assert (await standing(server), await pids(server)) == (before, running)
    assert await described(server) == ["drafterd", "Drafts of drafterd (supervisord)"]
    assert await ledger_version(server) == ledger


def way_back(ledger: int) -> str:
    """What docs/install.md tells an administrator to type where the older version does not understand the ledger."""
    section = (CHECKOUT / "docs" / "install.md").read_text().partition("had migrated the ledger")[2]
    return section.partition("```sh\n")[2].partition("```")[0].replace("<number>", str(ledger))


async def ledger_version(server: Installed, name: str = "drafterd.db") -> int:
    """Which version of drafterd's ledger a file is."""
    code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version').fetchone()[0])"
    return int(await server.run("/opt/drafterd/bin/python", "-c", code, f"/var/lib/drafterd/{name}"))


async def described(server: Installed) -> list[str]:
    """What systemd has read in the units of daemon and supervisord."""
    units = ("drafterd.service", "drafterd-supervisor.service")
    said = await server.run("systemctl", "show", "--property=Description", "--value", *units)
    return [line for line in said.splitlines() if line]


async def test_after_a_reboot_every_draft_is_back_without_a_build(server: Installed) -> None:
    before = await standing(server)
    await server.reboot()
    await answer(server)
    assert await standing(server) == before

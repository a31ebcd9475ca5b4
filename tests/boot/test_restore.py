"""Back-up and restore, by the very scripts of docs/backup.md, on a machine that has lost everything."""

import pytest

from tests.boot.debian import CHECKOUT
from tests.boot.installed import Installed
from tests.boot.test_boot import DRAFTS, answer, standing

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def script(heading: str) -> str:
    """What the document tells an administrator to type below a heading."""
    section = (CHECKOUT / "docs" / "backup.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return section.partition("```sh\n")[2].partition("```")[0]


async def test_after_a_loss_everything_is_back_without_a_build(server: Installed) -> None:
    before, token = await standing(server), server.at("/var/lib/drafterd/token").read_text()
    await server.run("sh", "-c", script("Back up"), within=120)
    archive = (await server.run("sh", "-c", "ls /var/backups/drafterd/*.tar.gz")).strip()
    await answer(server)

    await server.drafterd("uninstall", "--purge")
    await server.run("sh", "-c", "rm -rf /srv/drafts /etc/drafterd /var/lib/drafterd*")
    # Users get other numbers than before.
    await server.run("groupadd", "--system", "others")
    await server.run("useradd", "--system", "--gid=others", "others")
    await server.drafterd("install", "--systemd")
    assert (await server.call("GET", "/api/v1/drafts"))[1]["items"] == []

    await server.run("sh", "-c", f"archive={archive}\n{script('Restore')}", within=120)
    await answer(server)
    assert await standing(server) == before
    assert server.at("/var/lib/drafterd/token").read_text() == token
    for draft in DRAFTS:
        assert server.at(f"/var/lib/drafterd/drafts/{draft}/releases/r1/app/builds/kept.txt").exists()
        owner = server.at(f"/var/lib/drafterd/drafts/{draft}").stat().st_uid
        assert owner == int(await server.run("id", "--user", "drafterd"))

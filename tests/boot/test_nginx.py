"""From Traefik to the system's nginx and back, while drafts run."""

import pytest

from tests.boot.installed import Installed
from tests.boot.test_boot import answer, pids, standing
from tests.boot.test_canary import EVERYTHING, astray, search
from tests.boot.test_doctor import examined

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SETTINGS = "/etc/drafterd/drafterd.yaml"
NGINX = ("install", "--systemd", "--proxy", "system-nginx")


async def test_what_keeps_nginx_from_working_is_said_and_changes_nothing(server: Installed) -> None:
    broken = server.at("/etc/nginx/conf.d/broken.conf")
    broken.write_text("nonsense;\n")
    await server.run("systemctl", "mask", "--now", "nginx")
    said = await server.drafterd(*NGINX, check=False)
    assert "unknown directive" in said
    assert "systemctl unmask nginx.service" in said
    assert "nginx's default site would answer" in said
    assert "proxy.kind is traefik" in said
    assert "nothing was changed" in said
    assert not server.at("/etc/nginx/conf.d/drafterd.conf").exists()
    broken.unlink()
    await server.run("systemctl", "unmask", "nginx")


async def test_nginx_takes_the_place_of_traefik(server: Installed) -> None:
    before, running = await standing(server), await pids(server)
    server.at("/etc/nginx/sites-enabled/default").unlink()
    settings = server.at(SETTINGS)
    kept = settings.read_text()
    assert 'kind: "traefik"' in kept
    settings.write_text(kept.replace('kind: "traefik"', 'kind: "nginx"'))
    await server.run("systemctl", "disable", "--now", "drafterd-traefik.service")
    await server.drafterd(*NGINX)
    await answer(server)
    assert "nginx" in await visited(server)
    assert (await standing(server), await pids(server)) == (before, running)

    # A draft that is new is routed by a reload, which systemd does for the daemon.
    server.drop("third", {"index.html": "third"})
    await server.until("third", "ready")
    assert (await server.visit("/api/draft/third/"))[1] == "third"

    # No secret has gone to it, nor to its logs.
    sought = search(server)
    assert astray(iter([*sought.files(server, *EVERYTHING), *sought.processes(server)])) == []
    for draft in ("loud", "fails", "guarded"):
        status, page = await server.visit(f"/api/draft/{draft}/")
        assert status in (200, 401, 503), page
        assert astray(sought.inside(page.encode(), draft)) == []

    # Debian's unit lets it stay dead when it is killed: who asks is told, and no draft is touched.
    await server.run("systemctl", "kill", "--signal=KILL", "nginx.service")

    async def named() -> bool:
        found = (await examined(server)).get("nginx.service", {})
        return found.get("level") == "error" and "systemctl start nginx.service" in found["mend"]

    await server.eventually(named, within=30)
    await server.run("systemctl", "start", "nginx.service")
    await answer(server)
    assert (await standing(server), await pids(server)) == (before, running)

    # More changes than systemd starts a unit for within ten seconds, if it is not told otherwise.
    for number in range(8):
        server.drop(f"burst-{number}", {"index.html": f"burst {number}"})
        await server.until(f"burst-{number}", "ready")
        await server.run("systemctl", "start", "drafterd-nginx.service")
    assert (await server.run("systemctl", "is-active", "drafterd-nginx.path")).strip() == "active"
    assert (await server.visit("/api/draft/burst-7/"))[1] == "burst 7"

    # And back.
    settings.write_text(kept)
    await server.run("systemctl", "disable", "--now", "nginx")
    await server.drafterd("install", "--systemd", "--proxy", "traefik")
    await answer(server)
    assert "nginx" not in await visited(server)
    assert (await standing(server), await pids(server)) == (before, running)


async def visited(server: Installed) -> str:
    """Who says that it answers."""
    async with server.session() as client, client.get("http://127.0.0.1/nowhere") as response:
        return response.headers.get("Server", "")

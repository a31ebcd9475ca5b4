"""What was cut short is taken up, on a systemd that is real: an installation, then a removal."""

import functools

import aiohttp
import pytest

from tests.boot.installed import SERVICES, Installed
from tests.boot.test_boot import answer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SETTINGS = "/etc/drafterd/drafterd.yaml"
KILLED = """
/opt/drafterd/bin/drafterd install --systemd 2> /tmp/said & pid=$!
until grep -q '^run systemctl daemon-reload' /tmp/said; do kill -0 $pid || exit 1; done
kill -9 $pid
"""


async def answers(server: Installed, url: str) -> bool:
    try:
        async with server.session() as client, client.get(url) as response:
            return response.status < 500
    except aiohttp.ClientError:
        return False


async def test_an_installation_that_was_killed_starts_all_at_the_new_addresses(server: Installed) -> None:
    settings = server.at(SETTINGS)
    before = settings.read_text()
    settings.write_text(before.replace('"0.0.0.0:80"', '"0.0.0.0:81"') + 'api: {listen: "127.0.0.1:9740"}\n')
    await server.run("sh", "-c", KILLED)
    assert not await answers(server, "http://127.0.0.1:9740/livez")
    assert "drafterd runs." in await server.drafterd("install", "--systemd")
    for now, then in (("9740/livez", "8740/livez"), ("81/api/draft/hello/", "80/api/draft/hello/")):
        url = f"http://127.0.0.1:{now}"
        await server.eventually(functools.partial(answers, server, url), within=30)
        assert not await answers(server, f"http://127.0.0.1:{then}")

    settings.write_text(before)
    await server.drafterd("install", "--systemd")
    await answer(server)


async def test_a_port_that_another_holds_stops_no_service_of_ours(server: Installed) -> None:
    settings = server.at(SETTINGS)
    before = settings.read_text()
    settings.write_text(before + 'api: {listen: "127.0.0.1:9741"}\n')
    await server.run("systemd-run", "--unit=other", "python3", "-m", "http.server", "--bind=127.0.0.1", "9741")
    await server.eventually(lambda: answers(server, "http://127.0.0.1:9741/"), within=30)
    said = await server.drafterd("install", "--systemd", check=False)
    assert "api.listen: 127.0.0.1:9741 is taken by python3" in said
    assert (await server.call("GET", "/readyz"))[0] == 200
    await server.run("systemctl", "stop", "other.service")
    settings.write_text(before)


async def test_another_traefik_than_the_running_one_is_told(server: Installed) -> None:
    program = "/opt/drafterd/bin/traefik"
    await server.run("sh", "-c", f"cp {program} {program}.new && echo >> {program}.new && mv {program}.new {program}")
    assert "goes on with the Traefik of before" in await server.drafterd("install", "--systemd")
    await server.run("systemctl", "restart", "drafterd-traefik.service")
    assert "goes on with the Traefik of before" not in await server.drafterd("install", "--systemd")


async def test_a_removal_goes_on_where_systemd_has_forgotten_the_units(server: Installed) -> None:
    await server.run("systemctl", "stop", *SERVICES, "drafterd-api.socket")
    for unit in SERVICES[1:]:
        server.at(f"/etc/systemd/system/{unit}").unlink()
    await server.run("systemctl", "daemon-reload")
    await server.drafterd("uninstall")
    kinds = ("drafterd*.service", "drafterd*.socket", "drafterd*.target", "drafterd*.path")
    assert await server.run("systemctl", "list-units", "--state=active", "--plain", "--no-legend", *kinds) == ""
    assert not list(server.at("/etc/systemd/system").rglob("drafterd*"))
    assert "Nothing is installed here." in await server.drafterd("uninstall")

"""A supervisord and a Traefik of the administrator's own, made as the installation says, in the place of drafterd's."""

import textwrap

import pytest

from tests.boot.installed import Installed
from tests.boot.test_boot import DRAFTS, answer
from tests.builders import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SETTINGS = "/etc/drafterd/drafterd.yaml"
OURS, THEIRS = "/run/drafterd-supervisor/supervisor.sock", "/run/own-supervisor/supervisor.sock"
INSTALL = ("install", "--systemd")

SUPERVISOR = """
[Service]
User=drafterd-run
UMask=0027
RuntimeDirectory=own-supervisor
WorkingDirectory=/run/own-supervisor
LimitNOFILE=65536
ExecStart=/opt/drafterd/bin/supervisord --nodaemon --configuration /etc/own-supervisord.conf
"""
TRAEFIK = """
[Service]
User=own-traefik
SupplementaryGroups=drafterd-traefik
AmbientCapabilities=CAP_NET_BIND_SERVICE
ExecStart=/opt/drafterd/bin/traefik --configFile=/etc/own-traefik.yml
"""


def part(said: str, after: str) -> str:
    """The lines that are set in after some words."""
    lines = said.partition(after)[2].splitlines()[1:]
    end = next(number for number, line in enumerate(lines) if not line.startswith("  "))
    return textwrap.dedent("\n".join(lines[:end]))


async def run_it(server: Installed, unit: str, text: str) -> None:
    server.at(f"/etc/systemd/system/{unit}").write_text(text)
    await server.run("systemctl", "daemon-reload")
    await server.run("systemctl", "start", unit)


async def test_an_own_supervisord_runs_the_drafts(server: Installed) -> None:
    settings = server.at(SETTINGS)
    said = await server.drafterd(*INSTALL, "--supervisor", "existing", check=False)
    assert "answers the supervisord of drafterd, which would end" in said
    settings.write_text(settings.read_text().replace(OURS, THEIRS))
    said = await server.drafterd(*INSTALL, "--supervisor", "existing", "--dry-run", check=False)
    assert f"no supervisord answers at {THEIRS}" in said

    await server.run("sh", "-c", part(said, "where that is not there yet"))
    server.at("/etc/own-supervisord.conf").write_text(part(said, "beside what you have in it"))
    await run_it(server, "own-supervisor.service", SUPERVISOR)
    await eventually(server.at(THEIRS).exists, within=30)
    assert "drafterd runs." in await server.drafterd(*INSTALL, "--supervisor", "existing")
    await answer(server)
    for draft in DRAFTS:
        assert (await server.until(draft, "ready"))["instance"]["pid"]
    assert "drafterd runs." in await server.drafterd(*INSTALL), "its socket is known from the configuration"


async def test_an_own_traefik_meets_the_visitors(server: Installed) -> None:
    said = await server.drafterd(*INSTALL, "--proxy", "system-traefik", check=False)
    assert "stopped after: remember that it is complete" in said
    assert "drafterd runs." not in said

    await server.run("useradd", "--system", "own-traefik")
    server.at("/etc/own-traefik.yml").write_text(part(said, "Its static configuration holds"))
    await run_it(server, "own-traefik.service", TRAEFIK)
    assert "drafterd runs." in await server.drafterd(*INSTALL)
    await answer(server)


async def test_and_back(server: Installed) -> None:
    await server.run("systemctl", "stop", "own-traefik.service", "own-supervisor.service")
    settings = server.at(SETTINGS)
    settings.write_text(settings.read_text().replace(THEIRS, OURS))
    await server.drafterd(*INSTALL, "--supervisor", "managed", "--proxy", "traefik")
    await answer(server)

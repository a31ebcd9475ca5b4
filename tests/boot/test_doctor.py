"""What `doctor` says to an administrator in a shell: of a server that is well, and of one with a fault."""

import json
from typing import Any

import pytest

from tests.boot.installed import SERVICES, Installed
from tests.boot.test_boot import answer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def examined(server: Installed) -> dict[str, dict[str, Any]]:
    """Its findings, by name."""
    said = await server.drafterd("doctor", "--json", check=False)
    return {
        finding["name"]: finding for finding in json.loads(said[said.index("{") : said.rindex("}") + 1])["findings"]
    }


def errors(found: dict[str, dict[str, Any]]) -> set[str]:
    """What is said to be wrong."""
    return {name for name, finding in found.items() if finding["level"] == "error"}


async def test_a_server_that_is_well_is_told_as_it_is(server: Installed) -> None:
    found = await examined(server)
    assert errors(found) == set()
    assert found["configuration"]["detail"] == "/etc/drafterd/drafterd.yaml", "as no other is named"
    assert found["services"]["detail"] == "4 units are active"
    # The operator's values: of those that were planted one is absent.
    assert found["credentials"]["detail"] == "without GOOGLE_CLIENT_ID"
    assert "/etc/drafterd/credentials/credentials.env" in found["credentials"]["mend"]
    assert "database" not in found
    _, status = await server.call("GET", "/api/v1/status")
    assert (found["isolation"]["level"], found["isolation"]["detail"]) == ("ok", status["sandbox"])
    assert found["limits"]["detail"] == f"memory and processes are bounded {status['limits']}"
    assert "drafterd-drafts.slice" in found["memory"]["detail"] or "more" in found["memory"]["detail"]
    said = await server.drafterd("config", "check", "--config", "/etc/drafterd/drafterd.yaml")
    assert said.splitlines() == [
        "GOOGLE_CLIENT_ID has no value: drafts that need it go without",
        "the configuration is good",
    ]


@pytest.mark.parametrize(
    ("unit", "wrong"),
    [
        ("drafterd.service", {"drafterd.service", "daemon"}),
        ("drafterd-supervisor.service", {"drafterd-supervisor.service", "runtime"}),
        ("drafterd-traefik.service", {"drafterd-traefik.service", "proxy", "proxy.listen", "proxy.dashboard"}),
    ],
)
async def test_a_service_that_is_not_there_is_named(server: Installed, unit: str, wrong: set[str]) -> None:
    await server.run("systemctl", "stop", unit)
    found = await examined(server)
    assert wrong <= errors(found)
    assert f"systemctl start {unit}" in found[unit]["mend"]
    # Looking changes nothing: who connects to a socket of systemd starts what is behind it.
    assert (await server.run("systemctl", "is-active", unit, check=False)).strip() == "inactive"
    await server.run("systemctl", "start", unit)
    await answer(server)
    assert errors(await examined(server)) == set()


async def test_a_killed_service_that_is_back_is_well(server: Installed) -> None:
    for unit in SERVICES:
        await server.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
    await answer(server)

    async def well() -> bool:
        return errors(await examined(server)) == set()

    await server.eventually(well, within=60)

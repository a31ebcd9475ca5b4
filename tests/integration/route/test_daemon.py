"""A whole daemon and its proxy: routes that somebody spoils, and a table that the proxy refuses."""

import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import eventually
from tests.server import Server, node_server

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=["traefik", "nginx"])
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    found = Server(tmp_path)
    found.config["proxy"]["kind"] = request.param
    async with found:
        for draft in ("one", "two"):
            found.drop(draft, node_server(draft))
        for draft in ("one", "two"):
            await found.until(draft, "ready")
        yield found


def kind(server: Server) -> str:
    return str(server.config["proxy"]["kind"])


def routes_file(server: Server) -> Path:
    return server.state / "routes" / kind(server) / {"traefik": "drafts.yml", "nginx": "drafts.map"}[kind(server)]


async def says(server: Server, draft: str, text: str) -> bool:
    return (await server.visit(f"/api/draft/{draft}/"))[:2] == (200, text)


async def problems(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await server.call("GET", "/api/v1/status"))[1]["problems"]
    return [problem for problem in found if problem["code"] == "proxy-rejected"]


def lead_astray(text: str) -> str:
    """The routes with the servers of the two drafts exchanged; not so what says which they are."""
    record, body = text.split("\n", 1)
    ports = re.findall(r'\["(?:one|two)","127\.0\.0\.1",(\d+)', record)
    assert len(ports) == 2
    other = dict(zip(ports, reversed(ports), strict=True))
    return f"{record}\n{re.sub('|'.join(ports), lambda found: other[found[0]], body)}"


async def test_routes_that_are_edited_by_hand_are_put_right(server: Server) -> None:
    file = routes_file(server)

    async def led_astray() -> bool:
        """Whether visitors met the edit; it may be put right before the proxy reads it."""
        edited = lead_astray(file.read_text())
        file.write_text(edited)
        if kind(server) == "nginx":
            os.kill(int((server.state / "nginx" / "nginx.pid").read_text()), signal.SIGHUP)
        while file.read_text() == edited:
            if await says(server, "one", "two /"):
                return True
        return False

    await eventually(led_astray, within=30)
    await eventually(lambda: says(server, "one", "one /"), within=15)
    assert await says(server, "two", "two /")
    assert await problems(server) == []


@contextlib.asynccontextmanager
async def refusing(server: Server) -> AsyncIterator[None]:
    """The proxy takes no change meanwhile."""
    if kind(server) == "nginx":
        static = server.state / "nginx" / "drafts.conf"
        kept = static.read_text()
        static.write_text(f"{kept}nonsense;\n")
        yield
        static.write_text(kept)
        return
    # What Traefik watches is no longer what the daemon writes.
    folder = routes_file(server).parent
    folder.rename(folder.with_name("watched"))
    folder.mkdir()
    routes_file(server).write_bytes((folder.with_name("watched") / routes_file(server).name).read_bytes())
    yield
    for process in server.processes(lambda process: process.name() == "traefik"):
        process.kill()  # supervisord starts another one


async def test_a_table_that_is_refused_is_one_problem_until_it_is_taken(server: Server) -> None:
    async with refusing(server):
        for draft in ("late", "later"):
            server.drop(draft, node_server(draft))
        found = await eventually(lambda: problems(server), within=60)
        assert len(found) == 1
        assert found[0]["hint"]
        since = found[0]["since"]
        assert await says(server, "one", "one /")
        assert await says(server, "two", "two /")
        again = await problems(server)
        assert [problem["since"] for problem in again] == [since], "still the same one"

    async def settled() -> bool:
        return await problems(server) == []

    await eventually(settled, within=60)
    for draft in ("one", "two", "late", "later"):
        await server.until(draft, "ready", within=60)
        assert await says(server, draft, f"{draft} /")

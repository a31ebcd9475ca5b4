"""Updates and rollbacks behind each proxy, with visitors of the draft and of its neighbour who must not notice."""

import json
import time

import pytest

from bench.visitors import SERVER, visitors
from drafterd.domain.model import Address
from tests.builders import eventually
from tests.server import Server

pytestmark = pytest.mark.timeout(180)

DRAIN = 3
LATE = 1.0
"""Seconds for which a switch may have been made before we see it."""
KEPT = 2


@pytest.fixture(params=["traefik", "nginx"])
async def server(tmp_path, request):
    made = Server(tmp_path, drain=f"{DRAIN}s")
    made.config["proxy"]["kind"] = request.param
    async with made:
        yield made


async def update(server, draft, release):
    package = json.dumps({"name": "tiny", "scripts": {"start": "node server.js"}})
    server.drop(draft, {"package.json": package, "server.js": SERVER.replace("WORD", json.dumps(release))})
    await serving(server, draft, release)


async def serving(server, draft, release):
    async def serves():
        report = await server.draft(draft)
        return report.get("serving") == release and report["work"] == "none"

    await eventually(serves, within=30)


async def test_updates_and_rollbacks_lose_nothing_of_anybodys(server):
    for draft in ("back", "beside"):
        await update(server, draft, "r1")
    host, _, port = server.proxy.removeprefix("http://").partition(":")
    proxy = Address(host, int(port))
    replaced = []
    async with (
        visitors(proxy, "/api/draft/beside/", each=0, streams=1) as neighbours,
        visitors(proxy, "/api/draft/back/", each=KEPT, streams=1) as seen,
    ):
        await eventually(lambda: seen.words.get("r1") and seen.streams == neighbours.streams == 2)
        for number in (2, 3, 4):
            await update(server, "back", f"r{number}")
            replaced.append((f"r{number - 1}", time.monotonic()))
        status, report = await server.call("POST", "/api/v1/drafts/back/rollback", json={})
        assert (status, report["pinned"]) == (202, "r3")
        await serving(server, "back", "r3")
        replaced.append(("r4", time.monotonic()))
        assert (await server.visit("/api/draft/back/"))[1] == "r3"
        assert (await server.call("PATCH", "/api/v1/drafts/back", json={"pinned": None}))[0] == 202
        await serving(server, "back", "r4")
        replaced.append(("r3", time.monotonic()))
        # What the end of a drain cuts must show.
        specs = [server.state / "instances" / f"back.r{number}.json" for number in (1, 2, 3)]
        await eventually(lambda: not any(spec.exists() for spec in specs), within=30)
        begun = seen.requests
        await eventually(lambda: seen.requests > begun + 20)
    assert (seen.failed, neighbours.failed) == ([], [])
    assert set(seen.words) == {"r1", "r2", "r3", "r4"}
    assert seen.streams > 2
    assert seen.cut(replaced, DRAIN - LATE) == []
    if server.config["proxy"]["kind"] == "traefik":
        assert (seen.reset, neighbours.reset, neighbours.ended) == (0, 0, [])
    else:
        # A reload closes each idle connection once; its workers hold their streams for as long as a server drains.
        assert seen.reset + neighbours.reset <= KEPT * len(replaced)
        assert neighbours.short(DRAIN - LATE) == []

"""Rollbacks on one real daemon: how long they last, and who may ask for them."""

import asyncio
import json
import os
import sys

import pytest
import pytest_asyncio

from bench.visitors import SERVER
from tests.builders import eventually
from tests.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

DRAIN = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("back"), drain=f"{DRAIN}s") as server:
        yield server


async def serving(server, draft, release):
    async def serves():
        report = await server.draft(draft)
        return report if report.get("serving") == release and report["work"] == "none" else None

    return await eventually(serves, within=30)


async def update(server, draft, release, text=SERVER):
    package = json.dumps({"name": "tiny", "scripts": {"start": "node server.js"}})
    server.drop(draft, {"package.json": package, "server.js": text.replace("WORD", json.dumps(release))})
    return await serving(server, draft, release)


async def said(server, draft):
    """The release that answers: each says its own name."""
    return (await server.visit(f"/api/draft/{draft}/"))[1]


async def rolled(server, draft, body):
    return await server.call("POST", f"/api/v1/drafts/{draft}/rollback", json=body)


async def test_the_pin_outlives_the_daemon_and_ends_with_a_change(server):
    await update(server, "kept", "r1")
    await update(server, "kept", "r2")
    assert (await rolled(server, "kept", {"release": "r1"}))[0] == 202
    assert (await rolled(server, "kept", {"release": "r1"}))[0] == 200
    await serving(server, "kept", "r1")
    await server.kill()
    await server.start()
    report = await serving(server, "kept", "r1")
    assert [(each["id"], each["state"]) for each in report["kept"]] == [("r2", "good"), ("r1", "serving")]
    assert (report["pinned"], report["releases"]) == ("r1", ["r2", "r1"])
    os.utime(server.drafts / "kept" / "server.js")  # only touched: its content is what it was
    await eventually(lambda: settled_again(server, "kept", report), within=20)
    assert (await server.draft("kept"))["pinned"] == "r1"
    report = await update(server, "kept", "r3")
    assert report["pinned"] is None
    assert await said(server, "kept") == "r3"


async def settled_again(server, draft, before):
    return (await server.draft(draft))["source"]["settled_at"] != before["source"]["settled_at"]


async def test_asking_for_it(server):
    """Two good releases and a bad one: by API, by command, by the buttons of the page."""
    await update(server, "asked", "r1")
    await update(server, "asked", "r2")
    server.drop("asked", {"server.js": "process.exit(1);\n"})
    await eventually(lambda: is_bad(server, "asked", "r3"), within=60)
    await what_cannot_be_is_refused(server, "asked")
    await the_command(server, "asked")
    await the_buttons(server, "asked")


async def is_bad(server, draft, release):
    report = await server.draft(draft)
    return any((each["id"], each["state"]) == (release, "bad") for each in report["kept"])


async def what_cannot_be_is_refused(server, draft):
    there = "kept are r3 (bad), r2 (serving), r1"
    status, problem = await rolled(server, draft, {"release": "r3"})
    assert (status, problem["code"], problem["hint"]) == (409, "bad-release", there)
    status, problem = await rolled(server, draft, {"release": "r9"})
    assert (status, problem["code"], problem["hint"]) == (404, "not-found", there)
    assert (await server.call("PATCH", f"/api/v1/drafts/{draft}", json={"pinned": 1}))[0] == 422
    assert (await server.call("PATCH", f"/api/v1/drafts/{draft}", json={}))[0] == 200
    assert (await rolled(server, "none", {}))[0] == 404
    assert (await server.draft(draft))["pinned"] is None


async def the_command(server, draft):
    code, said_so = await command(server, draft)
    assert (code, "r1 serves" in said_so) == (0, True), said_so
    assert await said(server, draft) == "r1"
    code, said_so = await command(server, draft)
    assert (code, "no good release before r1" in said_so) == (6, True), said_so
    code, said_so = await command(server, draft, "7")
    assert (code, "kept are r3 (bad), r2, r1 (serving)" in said_so) == (3, True), said_so
    code, said_so = await command(server, draft, "r3")
    assert (code, "kept are r3 (bad), r2, r1 (serving)" in said_so) == (6, True), said_so
    assert await said(server, draft) == "r1"
    code, said_so = await command(server, draft, "2")
    assert (code, "r2 serves" in said_so) == (0, True), said_so
    code, said_so = await command(server, draft, "--unpin")
    assert (code, "r2 is pinned no more" in said_so) == (0, True), said_so


async def command(server, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "drafterd", "rollback", *words),
        *("--url", server.api, "--token-file", str(server.state / "token")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def the_buttons(server, draft):
    status, page = await server.call("GET", f"/drafts/{draft}")
    assert (status, 'value="r1">Serve r1</button>' in page, "Serve r3" in page) == (200, True, False)
    status, page = await server.call("POST", f"/drafts/{draft}/rollback", data={"release": "r1"})
    assert (status, "r1 is pinned" in page) == (200, True)
    await serving(server, draft, "r1")
    await server.call("POST", f"/drafts/{draft}/rollback", data={})
    assert (await server.draft(draft))["pinned"] is None
    assert (await server.call("POST", f"/drafts/{draft}/rollback", headers={"Authorization": ""}, data={}))[0] == 401

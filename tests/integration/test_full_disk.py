"""A daemon whose whole state lies on a disk that fills up."""

import contextlib
from functools import partial
from pathlib import Path

import pytest

from tests.builders import eventually
from tests.disks import MOUNT, fill, namespaces
from tests.server import Server, node_server

SIZE = 24
"""Megabytes of the disk."""

NEEDED = pytest.mark.skipif(not namespaces(), reason="no user namespaces: a small disk cannot be mounted here")


@contextlib.asynccontextmanager
async def on_a_small_disk(root):
    server = Server(root)
    server.state.mkdir()
    server.around = ("unshare", "-Urm", "sh", "-c", MOUNT.format(size=SIZE << 10), str(server.state))
    async with server:
        assert server.process is not None
        server.state = Path(f"/proc/{server.process.pid}/root{server.state}")
        server.drop("good", node_server())
        await server.until("good", "ready")
        yield server


@pytest.mark.timeout(180)
@NEEDED
async def test_what_serves_goes_on_and_the_rest_is_built_once_there_is_space(tmp_path):
    async with on_a_small_disk(tmp_path) as server:
        filler = fill(server.state)

        server.drop("late", node_server("late"))
        server.drop("good", node_server("changed"))

        for draft in ("late", "good"):
            problem = await eventually(partial(problem_of, server, draft), within=30)
            assert (problem["code"], problem["mend"]) == ("disk-full", "machine")
            assert problem["retry_at"]
        assert (await server.visit("/api/draft/good/"))[:2] == (200, "hello /")

        filler.unlink()
        await server.until("late", "ready", within=60)
        await eventually(lambda: answers(server, "good", "changed /"), within=60)
        assert not (await server.draft("good"))["problem"]


@pytest.mark.timeout(180)
@NEEDED
async def test_what_can_be_made_again_gives_way_to_a_build(tmp_path):
    async with on_a_small_disk(tmp_path) as server:
        filler = fill(server.state)
        cached = server.state / "cache" / "sha512"
        cached.mkdir(parents=True)
        filler.rename(cached / "filler")

        server.drop("late", node_server("late"))

        await server.until("late", "ready", within=60)
        assert not (cached / "filler").exists()
        builds = (await server.call("GET", "/api/v1/drafts/late/builds"))[1]
        assert [build["status"] for build in builds["items"]] == ["succeeded"]


async def problem_of(server, draft):
    return (await server.draft(draft)).get("problem")


async def answers(server, draft, text):
    return (await server.visit(f"/api/draft/{draft}/"))[1] == text

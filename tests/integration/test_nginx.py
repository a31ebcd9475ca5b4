"""A whole drafterd with nginx before the drafts: served, updated, and put right whatever is killed."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.builders import eventually
from tests.server import Server, node_server

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    found = Server(tmp_path)
    found.config["proxy"]["kind"] = "nginx"
    async with found:
        yield found


async def answers(server: Server, draft: str, text: str) -> bool:
    return (await server.visit(f"/api/draft/{draft}/"))[:2] == (200, text)


def nginx(server: Server) -> int:
    """The master's process id, as it wrote it down; 0 while it does so."""
    return int((server.state / "nginx" / "nginx.pid").read_text() or 0)


async def test_drafts_behind_nginx(server: Server) -> None:
    server.drop("waits", {".draft-skip": ""})
    status, _, headers = await server.visit("/api/draft/nothing/")
    assert (status, headers["X-Robots-Tag"]) == (404, "noindex")
    server.drop("served", node_server("one"))
    server.drop("site", {"index.html": "<p>static</p>"})
    await server.until("served", "ready")
    await server.until("site", "ready")
    assert await answers(server, "served", "one /")
    assert "static" in (await server.visit("/api/draft/site/"))[1]
    server.drop("served", node_server("two"))
    await eventually(lambda: answers(server, "served", "two /"), within=30)

    before = nginx(server)
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: nginx(server) not in (0, before), within=20)
    await eventually(lambda: answers(server, "served", "two /"), within=20)
    server.drop("late", node_server("late"))
    await server.until("late", "ready")
    assert await answers(server, "late", "late /")

    await server.kill()
    assert await answers(server, "served", "two /"), "nginx does not need the daemon"
    status, _, headers = await server.visit("/api/draft/site/")
    # The workers of one that root has started are nobody's, and may not read releases.
    assert (status, "Retry-After" in headers) == ((503, True) if os.geteuid() == 0 else (200, False))
    await server.start()
    assert await answers(server, "served", "two /")
    await server.stop()
    assert server.processes() == []

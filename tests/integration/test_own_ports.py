"""Drafts that listen on a port of their own: followed where the source can be, found and reached where not."""

import contextlib
import socket

import pytest
import pytest_asyncio

from tests.builders import eventually, free_port
from tests.server import Server, node_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("ports")) as made:
        yield made


def on(port, text="hello", host="'127.0.0.1'"):
    """A node server on a port that is an expression."""
    body = f"http.createServer((q, r) => r.end({text!r} + ' ' + q.url)).listen({port}, {host})"
    return {**node_server(), "server.js": f"const http = require('http');\n{body};\n"}


def hidden(port, **options):
    """The same in a way that no look at the source finds."""
    return on(f"[{port}][0]", **options)


async def told(server, draft):
    """Whether its problem is said: a daemon that starts anew takes a routed draft for ready before it has looked."""
    report = await server.draft(draft)
    return report.get("state") == "ready" and (report["problem"] or {}).get("code") == "wrong-port"


async def test_a_port_in_the_source_follows(server):
    folder = server.drop("plain", on(free_port()))
    report = await server.until("plain", "ready")
    assert "Number(process.env.PORT) || " in (folder / "server.js").read_text()
    assert report["problem"] is None
    assert (await server.visit("/api/draft/plain/x"))[:2] == (200, "hello /x")


async def test_a_port_that_is_hidden_is_found_and_reached(server):
    port = free_port()
    folder = server.drop("hidden", hidden(port))
    await eventually(lambda: told(server, "hidden"), within=60)
    report = await server.draft("hidden")
    assert f"[{port}][0]" in (folder / "server.js").read_text()
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("wrong-port", "draft")
    assert report["problem"]["summary"] == f"the server listens on {port}, was given {report['port']}"
    assert (await server.visit("/api/draft/hidden/x"))[:2] == (200, "hello /x")

    await server.kill()
    assert (await server.visit("/api/draft/hidden/y"))[:2] == (200, "hello /y")
    await server.start()
    await eventually(lambda: told(server, "hidden"), within=60)
    assert (await server.visit("/api/draft/hidden/z"))[:2] == (200, "hello /z")


async def test_a_change_of_it_goes_live(server):
    port = free_port()
    server.drop("changing", hidden(port, text="one"))
    await server.until("changing", "ready")
    server.drop("changing", hidden(port, text="two"))

    async def new():
        return (await server.visit("/api/draft/changing/"))[:2] == (200, "two /")

    await eventually(new, within=60, every=0.2)
    report = await server.until("changing", "ready")
    assert report["serving"] == "r2"


async def test_a_change_that_does_not_run_gives_the_port_back_to_the_old_one(server):
    port = free_port()
    folder = server.drop("steady", hidden(port, text="one"))
    await server.until("steady", "ready")
    text = (folder / "server.js").read_text()
    server.drop("steady", {"server.js": f"{text}setTimeout(() => process.exit(7), 300);\n"})

    async def told():
        report = await server.draft("steady")
        return report.get("state") == "ready" and len(report["releases"]) == 2 and report["work"] == "none"

    await eventually(told, within=60, every=0.2)
    report = await server.draft("steady")
    assert (report["serving"], report["problem"]["code"]) == ("r1", "exited")
    assert (await server.visit("/api/draft/steady/"))[:2] == (200, "one /")


async def test_the_other_loopback_is_reached(server):
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    server.drop("six", hidden("+process.env.PORT", host="'::1'"))
    await eventually(lambda: told(server, "six"), within=60)
    report = await server.draft("six")
    assert "[::1]" in report["problem"]["summary"]
    assert (await server.visit("/api/draft/six/x"))[:2] == (200, "hello /x")


async def test_a_port_that_another_draft_has(server):
    port = free_port()
    server.drop("first", hidden(port))
    await server.until("first", "ready")
    server.drop("second", hidden(port))
    report = await server.until("second", "failed")
    assert report["problem"]["code"] == "fixed-port-taken"
    assert str(port) in report["problem"]["summary"]
    assert (await server.visit("/api/draft/first/x"))[:2] == (200, "hello /x")

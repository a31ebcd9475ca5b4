"""The firewall around running drafts in the kernel: in a network of its own where rules are tried, else as root."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drafterd.domain.errors import ConfigError, RuntimeUnavailable
from drafterd.sandbox import firewall
from drafterd.sandbox.firewall import Firewall, Guest, nft, table_of
from tests.server import Server, node_server


def _can() -> str:
    if os.geteuid() != 0:
        return "only root sets rules"
    try:
        nft()
    except ConfigError as error:
        return error.summary
    return ""


pytestmark = pytest.mark.skipif(bool(_can()), reason=_can() or "it can be tried")

A, B, OTHER = 1_950_000_001, 1_950_000_002, 1_950_000_003

# Runs in a network of its own: nothing of this machine is fenced in, and private addresses can be had.
TRIAL = """
import fcntl, json, os, socket, struct, subprocess, sys, threading
from pathlib import Path
from drafterd.domain.model import Address
from drafterd.sandbox import firewall
from drafterd.sandbox.firewall import Firewall, Guest, nft

def set_up(name):
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", name.encode(), 0x1 | 0x40))

set_up("lo")
with socket.socket() as any_socket:  # a network of its own kind behind a device that nobody reads from
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH14x", b"t0", 0x1002))
    fcntl.ioctl(any_socket, 0x8916, struct.pack("16sHH4s8x", b"t0", socket.AF_INET, 0, socket.inet_aton("10.1.2.3")))
set_up("t0")
A, B, OTHER = map(int, sys.argv[1:4])
servers = [socket.create_server(("0.0.0.0", 0)) for _ in range(5)]
own, neighbours, proxy, database, closed = (server.getsockname()[1] for server in servers)

def answer(server):
    while True:
        connection, _ = server.accept()
        connection.sendall(b"here")
        connection.close()

for server in servers:
    threading.Thread(target=answer, args=(server,), daemon=True).start()

CALL = (
    "import encodings.idna, os, socket, sys\\n"
    "os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))\\n"
    "try: print(socket.create_connection((sys.argv[2], int(sys.argv[3])), 1).recv(9).decode())\\n"
    "except OSError as error: print(type(error).__name__)\\n"
)

def call(user, port, host="127.0.0.1"):
    words = [sys.executable, "-I", "-c", CALL, str(user), host, str(port)]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

wall = Firewall(
    Path("/state"), nft(), allowed=(Address("db", database),), local=frozenset({proxy}),
    guests=lambda: [Guest(A, frozenset({own}))],
)
wall._addresses = {"db": ("127.0.0.1",)}
found = {"before": call(A, neighbours)}
wall.admit(Guest(B, frozenset({neighbours})))
wall.put()
found |= {
    "own": call(A, own), "neighbour": call(A, neighbours), "neighbours own": call(B, neighbours),
    "proxy": call(A, proxy), "database": call(A, database), "closed": call(A, closed),
    "private": call(A, 80, "10.9.9.9"), "private to others": call(OTHER, 80, "10.9.9.9"), "six": call(A, closed, "::1"),
    "other users": call(OTHER, closed), "root": call(0, closed),
}
listing = subprocess.run([nft(), "list", "tables"], capture_output=True, text=True).stdout
wall.remove()
found |= {"after": call(A, neighbours), "listing": listing, "left": subprocess.run([nft(), "list", "tables"], capture_output=True, text=True).stdout}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    words = ["unshare", "--net", sys.executable, "-c", TRIAL, *map(str, (A, B, OTHER))]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_draft_reaches_itself_the_proxy_and_what_is_allowed(found):
    assert [found[name] for name in ("own", "neighbours own", "proxy", "database")] == ["here"] * 4


def test_it_reaches_no_other_draft_nothing_of_this_machine_or_of_private_networks(found):
    assert [found[name] for name in ("neighbour", "closed", "six", "private")] == ["ConnectionRefusedError"] * 4


def test_nobody_else_is_held_back(found):
    assert found["other users"] == found["root"] == "here"
    assert found["private to others"] == "TimeoutError", "it was sent, and nobody answered"


def test_there_are_rules_as_long_as_they_are_wanted(found):
    assert found["before"] == found["after"] == "here"
    assert table_of(Path("/state")) in found["listing"]
    assert found["left"] == ""


def test_what_nft_refuses_is_told_in_one_line(tmp_path):
    broken = tmp_path / "nft"
    broken.write_text("#!/bin/sh\necho 'Error: no such thing' >&2\necho more >&2\nexit 1\n")
    broken.chmod(0o755)
    wall = Firewall(tmp_path, str(broken), allowed=(), local=frozenset(), guests=list)
    with pytest.raises(RuntimeUnavailable, match=r"Error: no such thing$"):
        wall.admit(Guest(A, frozenset()))
    wall.remove()  # and goes on


NEIGHBOUR = """
require('http').createServer(async (request, response) => {
  const ask = async (place) => { try { return await (await fetch(place)).text(); } catch (error) { return error.cause.code; } };
  if (request.url !== '/ask') return response.end('answer');
  const places = JSON.parse(require('fs').readFileSync('places.json'));
  places.own = `http://127.0.0.1:${process.env.PORT}/x`;
  const found = {};
  for (const name in places) found[name] = await ask(places[name]);
  response.end(JSON.stringify(found));
}).listen(process.env.PORT, process.env.HOSTNAME);
"""


def _tables() -> str:
    return subprocess.run([nft(), "list", "tables"], capture_output=True, text=True, check=True).stdout


async def test_drafts_under_up_are_kept_apart_also_after_the_daemon_was_killed(tmp_path):
    async with Server(tmp_path, run={"network": "fenced"}) as server:
        status = (await server.call("GET", "/api/v1/status"))[1]
        assert firewall.MEANING in status["sandbox"], status["sandbox"]
        table = table_of(server.state)
        server.drop("one", node_server("one"))
        await server.until("one", "ready")
        ports = json.loads((server.state / "instances/one.r1.json").read_text())["address"]["port"]
        places = {
            "neighbour": f"http://127.0.0.1:{ports}/",
            "api": f"{server.api}/livez",
            "proxy": f"{server.proxy}/api/draft/one/",
        }
        asks = {**node_server(), "server.js": NEIGHBOUR, "places.json": json.dumps(places)}
        server.drop("two", asks)
        await server.until("two", "ready")
        expected = {"own": "answer", "neighbour": "ECONNREFUSED", "api": "ECONNREFUSED", "proxy": "one /"}
        assert json.loads((await server.visit("/api/draft/two/ask"))[1]) == expected
        await server.kill()
        assert table in _tables()
        firewall._fed(nft(), firewall.removal(table))
        await server.start()
        await server.until("two", "ready")
        assert json.loads((await server.visit("/api/draft/two/ask"))[1]) == expected
        await server.stop()
        assert table not in _tables()

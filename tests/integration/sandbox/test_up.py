"""A hostile draft under `drafterd up`: its install, its build and its server find nothing that is not theirs."""

import json
from pathlib import Path

import pytest

from drafterd.sandbox.probe import strongest
from tests.server import Server, node_server

SECRET = "a-secret-of-the-operator"

# Looks for all that a draft must not see, and says what it found.
SPY = """
const fs = require('fs'); const { execFileSync } = require('child_process');
const CONNECT = "require('net').connect(process.argv[1], () => process.exit(0)).on('error', () => process.exit(1))";
const connected = (place) => {
  try { execFileSync(process.execPath, ['-e', CONNECT, place], { timeout: 5000 }); return 'connected'; }
  catch { return 'seen'; }
};
module.exports = (places) => {
  const found = [];
  const look = (place) => {
    let text = '';
    try {
      const facts = fs.statSync(place);
      text = facts.isSocket() ? connected(place)
        : facts.isDirectory() ? fs.readdirSync(place).join(' ') : fs.readFileSync(place, 'latin1');
    } catch { return; }
    found.push([place, text.slice(0, 200)]);
  };
  places.forEach(look);
  for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) look(`/proc/${pid}/environ`);
  return found;
};
"""


def _spying(places: list[Path]) -> dict[str, str]:
    look = "JSON.stringify(require('./spy')(JSON.parse(require('fs').readFileSync('places.json'))))"
    server = f"""
    const fs = require('fs');
    require('http').createServer((request, response) => response.end(JSON.stringify({{
      install: JSON.parse(fs.readFileSync('install.json')),
      build: JSON.parse(fs.readFileSync('build.json')),
      run: JSON.parse({look}),
    }}))).listen(process.env.PORT, process.env.HOSTNAME);
    """
    scripts = {"preinstall": "node note.js install", "build": "node note.js build", "start": "node server.js"}
    return {
        **node_server(scripts=scripts, dependencies={"local": "file:./local"}),
        "local/package.json": '{"name": "local", "version": "1.0.0"}',
        "spy.js": SPY,
        "note.js": f"require('fs').writeFileSync(process.argv[2] + '.json', {look})",
        "places.json": json.dumps([str(place) for place in places]),
        "server.js": server,
    }


@pytest.fixture
async def server(tmp_path, monkeypatch):
    if strongest().machine is None:
        pytest.skip(strongest().reason)
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    walls = {"sandbox": "bubblewrap"}
    async with Server(tmp_path, run=walls, build=walls) as server:
        yield server


async def test_a_draft_finds_nothing_but_its_own(server, tmp_path):
    (tmp_path / "operator").write_text(SECRET)
    server.drop("good", node_server("good"))
    await server.until("good", "ready")
    places = [
        tmp_path / "operator",
        tmp_path,
        server.drafts,
        server.drafts / "good/server.js",
        server.state / "token",
        server.state / "drafterd.db",
        server.state / "nextauth-secret",
        server.state / "instances/good.r1.json",
        server.state / "drafts/good/releases/r1/app/server.js",
        server.state / "drafts/bad/originals",
        server.sockets / "drafterd.sock",
        server.sockets / "supervisor.sock",
        Path("/root"),
        Path("/home"),
        Path("/etc/shadow"),
    ]
    server.drop("bad", _spying(places))
    await server.until("bad", "ready", within=90)
    status, text, _ = await server.visit("/api/draft/bad/")
    assert status == 200, text
    found = json.loads(text)
    for step, seen in found.items():
        shown = {place: text for place, text in seen if not place.startswith("/proc")}
        # The folders on the way to its own are there, with nothing else in them.
        assert set(shown) <= {str(tmp_path)}, step
        assert set(shown.get(str(tmp_path), "").split()) <= {"state"}, step
        # Its server gets the value as every draft does; its install must not.
        assert step != "install" or SECRET not in json.dumps(seen)
    assert (await server.visit("/api/draft/good/"))[1] == "good /"
    logs = [server.state / "log", *(server.state / "log").glob("*.r1.log"), *own_logs(server.state)]
    assert len(logs) >= 5
    assert [path for path in logs if path.stat().st_mode & 0o007] == [], "what drafts print is no business of others"


async def test_the_spy_finds_all_of_it_where_there_are_no_walls(tmp_path):
    """That nothing is found elsewhere says something only then."""
    bare = {"sandbox": "plain"}
    async with Server(tmp_path, run=bare, build=bare) as server:
        (tmp_path / "operator").write_text(SECRET)
        sockets = [server.sockets / "drafterd.sock", server.sockets / "supervisor.sock"]
        places = [tmp_path / "operator", server.drafts, server.state / "token", server.state / "drafterd.db"]
        server.drop("bad", _spying([*places, *sockets]))
        await server.until("bad", "ready", within=90)
        for step, seen in json.loads((await server.visit("/api/draft/bad/"))[1]).items():
            shown = dict(seen)
            assert {str(place) for place in places} <= set(shown), step
            assert [shown.get(str(place)) for place in sockets] == ["connected"] * 2, step
            assert shown[str(tmp_path / "operator")] == SECRET


def own_logs(state: Path) -> list[Path]:
    return list(state.glob("drafts/*/log/build-*.log"))


async def test_the_status_says_how_far_the_walls_reach(server):
    _, status = await server.call("GET", "/api/v1/status")
    assert status["sandbox"].startswith(("bubblewrap (isolation: full", "bubblewrap (isolation: no-userns"))
    assert "drafts share the network); builds: bubblewrap (" in status["sandbox"]
    assert status["sandbox"].count("builds reach") + status["sandbox"].count("builds share") == 1


async def test_a_limit_ends_the_build_with_its_own_code_and_others_go_on(tmp_path):
    async with Server(tmp_path, build={"memory_max": "300M"}) as server:
        server.drop("good", node_server("good"))
        await server.until("good", "ready")
        eats = "const kept = []; setInterval(() => kept.push(Buffer.alloc(20e6, 1)), 20)"
        server.drop(
            "eats", {**node_server(scripts={"build": "node eat.js", "start": "node server.js"}), "eat.js": eats}
        )
        report = await server.until("eats", "failed", within=60)
        assert report["problem"]["code"] == "out-of-memory"
        assert "300" in report["problem"]["summary"] or "0.293" in report["problem"]["summary"]
        assert report["problem"]["mend"] == "config"
        assert (await server.visit("/api/draft/good/"))[1] == "good /"

"""Servers of drafts that attack, under a whole `drafterd up`."""

import contextlib
import json

import pytest

from tests.builders import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTEN = ".listen(process.env.PORT, process.env.HOSTNAME);"


def _server(code: str) -> dict[str, str]:
    """A server that begins its attack when it is asked for /attack."""
    return {
        "server.js": f"""
        const attack = () => {{ {code} }};
        require('http').createServer((request, response) => {{
          response.end('here');
          if (request.url === '/attack') attack();
        }}){LISTEN}
        """
    }


async def _begin(ground, draft, code, *, state="ready"):
    await ground.attack(draft, _server(code))
    await ground.until(draft, state, within=60)
    await ground.visit(f"/api/draft/{draft}/attack")


async def test_memory(ground):
    await _begin(ground, "eats", "const kept = []; setInterval(() => kept.push(Buffer.alloc(20e6, 1)), 20);")
    report = await ground.until("eats", "failed", within=40)
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("out-of-memory", "config")
    assert "300 MB" in report["problem"]["summary"]
    await ground.unharmed()


async def test_one_draft_may_have_more_than_the_others(ground):
    code = "const kept = []; for (let i = 0; i < 20; i++) kept.push(Buffer.alloc(20e6, 1)); require('fs').writeFileSync('full', 'x'); setInterval(() => kept, 1000);"
    await _begin(ground, "roomy", code)
    await eventually((ground.state / "drafts/roomy/releases/r1/app/full").exists, within=20)
    await ground.attack("cramped", _server(code))
    await ground.until("cramped", "ready", within=60)
    await ground.visit("/api/draft/cramped/attack")
    assert (await ground.until("cramped", "failed", within=40))["problem"]["code"] == "out-of-memory"
    assert (await ground.visit("/api/draft/roomy/"))[:2] == (200, "here"), "it was looked at as often"


async def test_a_filler_of_its_own_folder(ground):
    code = """const block = Buffer.alloc(10 << 20, 1); let n = 0;
      setInterval(() => n < 30 && require('fs').writeFileSync(`file${n++}`, block), 20);"""
    await _begin(ground, "filler", code)
    report = await ground.until("filler", "failed", within=40)
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("too-much-disk", "config")
    await ground.unharmed()


async def test_memory_of_a_child_out_of_its_group(ground):
    eat = "const kept = []; setInterval(() => kept.push(Buffer.alloc(20e6, 76546 % 256)), 20)"
    code = f"require('child_process').spawn(process.execPath, ['-e', {json.dumps(eat)}], {{ detached: true, stdio: 'ignore' }});"
    await _begin(ground, "child", code)
    assert (await ground.until("child", "failed", within=60))["problem"]["code"] == "out-of-memory"
    await ground.unharmed(gone="76546")


async def test_a_fork_bomb_stays_in_its_bounds_and_goes_with_its_draft(ground):
    code = """setInterval(() => { for (let i = 0; i < 50; i++)
      require('child_process').spawn('sleep', ['76547'], { detached: true, stdio: 'ignore' }).on('error', () => {}); }, 5);"""
    await _begin(ground, "bomb", code)
    await ground.unharmed()
    assert (await ground.call("DELETE", "/api/v1/drafts/bomb?purge=source"))[0] in (200, 202, 204)
    await ground.unharmed(gone="sleep 76547", within=40)


async def test_a_flood_of_output_is_cut_off_on_the_disk(ground):
    code = "const line = 'x'.repeat(8000) + '\\n'; setInterval(() => { for (let i = 0; i < 400; i++) process.stdout.write(line); }, 10);"
    await _begin(ground, "floods", code)
    logs = ground.state / "log"

    def size() -> int:
        total = 0
        for path in logs.glob("floods.r1*"):
            with contextlib.suppress(FileNotFoundError):  # it is being rotated
                total += path.stat().st_size
        return total

    await eventually((logs / "floods.r1.log.1").exists, within=30)
    await ground.unharmed()
    assert (await ground.call("POST", "/api/v1/drafts/floods/stop"))[0] in (200, 202)
    await ground.until("floods", "paused", within=40)
    assert size() < 60_000_000
    await ground.unharmed()


async def test_one_that_hears_no_term_goes_with_all_it_started(ground):
    code = """process.on('SIGTERM', () => {});
      require('child_process').spawn('setsid', ['--fork', 'sleep', '76548'], { detached: true, env: {}, stdio: 'ignore' });"""
    await _begin(ground, "deafened", code)
    assert (await ground.call("DELETE", "/api/v1/drafts/deafened?purge=source"))[0] in (200, 202, 204)
    await ground.unharmed(gone="sleep 76548", within=60)


async def test_it_cannot_change_what_belongs_to_others(ground):
    """It may change its own release, and nothing else: no state, no other draft, no tool."""
    code = """
    const fs = require('fs'); const tried = [];
    const write = (place) => { try { fs.writeFileSync(place, 'changed'); tried.push(place); } catch {} };
    [process.execPath, '/usr/bin/env', process.cwd() + '/../release.json', process.cwd() + '/../../../current'].forEach(write);
    fs.writeFileSync('tried.json', JSON.stringify(tried));
    """
    await _begin(ground, "changes", code)
    release = ground.state / "drafts/changes/releases/r1"
    await eventually((release / "app/tried.json").exists, within=20)
    manifest = (release / "release.json").read_text()
    assert "changed" not in manifest.replace('"changes"', "")
    await ground.unharmed()
    assert (await ground.draft("changes"))["serving"] == "r1"

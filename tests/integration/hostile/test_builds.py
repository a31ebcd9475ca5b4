"""Installs and builds that attack, under a whole `drafterd up`. What a draft can see is in sandbox/test_up.py."""

import json

import pytest

from tests.builders import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _package(**scripts: str) -> str:
    return json.dumps({"name": "bad", "scripts": {"start": "node server.js", **scripts}})


def _built(code: str) -> dict[str, str]:
    """A draft whose build runs this piece of JavaScript."""
    return {"package.json": _package(build="node bad.js"), "bad.js": code}


async def test_memory(ground):
    await ground.attack("memory", _built("const kept = []; setInterval(() => kept.push(Buffer.alloc(20e6, 1)), 10)"))
    report = await ground.until("memory", "failed", within=60)
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("out-of-memory", "config")
    await ground.unharmed()


async def test_memory_of_many_processes_together(ground):
    code = """
    const eat = "const kept = []; setInterval(() => kept.length < 15 && kept.push(Buffer.alloc(10e6, 1)), 5)";
    for (let i = 0; i < 4; i++) require('child_process').spawn(process.execPath, ['-e', eat], { stdio: 'ignore' });
    setInterval(() => {}, 1000);
    """
    await ground.attack("many", _built(code))
    assert (await ground.until("many", "failed", within=60))["problem"]["code"] == "out-of-memory"
    await ground.unharmed(gone="kept.length < 15")


async def test_a_fork_bomb(ground):
    code = """
    const { spawn } = require('child_process');
    setInterval(() => { for (let i = 0; i < 50; i++) spawn('sleep', ['76543'], { stdio: 'ignore' }).on('error', () => {}); }, 5);
    """
    await ground.attack("forks", _built(code))
    report = await ground.until("forks", "failed", within=90)
    assert report["problem"]["code"] == "too-many-processes"
    await ground.unharmed(gone="sleep 76543")


async def test_a_flood_of_output(ground):
    # Short lines are what costs the most to listen to.
    await ground.attack(
        "flood", _built("const lines = '\\n'.repeat(65536); for (;;) require('fs').writeSync(1, lines)")
    )
    report = await ground.until("flood", "failed", within=90)
    assert report["problem"]["code"] == "too-much-output"
    assert (ground.state / "drafts/flood/log/build-1.log").stat().st_size < 30_000_000
    await ground.unharmed(p95=0.5)


FILL = """
const fs = require('fs');
const block = Buffer.alloc(4 << 20, 1);
let n = 0;
setInterval(() => { %s }, 20);
"""


@pytest.mark.parametrize(
    ("draft", "writes"),
    [
        ("own", "fs.writeFileSync(`filler${n++}`, block)"),
        ("cache", "fs.writeFileSync(`${process.env.npm_config_cache}/filler${n++}`, block)"),
        ("nameless", "n ||= fs.openSync('filler', 'w'); fs.rmSync('filler', { force: true }); fs.writeSync(n, block)"),
    ],
)
async def test_a_filler_of_the_disk(ground, draft, writes):
    needs = {"dependencies": {"p": "file:./p"}, "scripts": {"start": "node server.js", "preinstall": "node bad.js"}}
    files = {
        "package.json": json.dumps({"name": "bad", **needs}),
        "p/package.json": '{"name": "p", "version": "1.0.0"}',
    }
    await ground.attack(f"fill-{draft}", {**files, "bad.js": FILL % writes})
    report = await ground.until(f"fill-{draft}", "failed", within=60)
    assert report["problem"]["code"] == "too-much-disk"
    await eventually(lambda: not any((ground.state / f"drafts/fill-{draft}/builds").iterdir()), within=20)
    assert not list((ground.state / "cache").rglob("filler*"))
    await ground.unharmed()


async def test_a_file_without_an_end(ground):
    # Not written, for the disk's sake: a file has its length all the same.
    code = "const fs = require('fs'); fs.truncateSync(fs.openSync('filler', 'w'), 5 * 2 ** 30)"
    await ground.attack("long", _built(code.replace("fs.truncateSync(fs", "fs.ftruncateSync(fs")))
    report = await ground.until("long", "failed", within=60)
    assert (report["problem"]["code"], report["problem"]["step"]) == ("file-too-large", "build")
    await ground.unharmed()


async def test_a_build_that_hears_no_term_is_cancelled_with_all_it_started(ground):
    code = """
    process.on('SIGTERM', () => {});
    const { spawn } = require('child_process');
    // Out of its session, with no mark of ours, and forked twice.
    spawn('setsid', ['--fork', 'sleep', '76544'], { detached: true, env: {}, stdio: 'ignore' });
    console.log('deaf');
    setInterval(() => {}, 1000);
    """
    await ground.attack("deaf", _built(code))
    await ground.until_printed("deaf", "deaf")
    assert (await ground.call("POST", "/api/v1/drafts/deaf/builds/1/cancel"))[0] == 202
    assert (await ground.until("deaf", "failed", within=40))["problem"]["code"] == "cancelled"
    await ground.unharmed(gone="sleep 76544")


async def test_what_an_install_leaves_in_the_background_ends_with_it(ground):
    scripts = {"preinstall": "setsid --fork env -i sleep 76545 >/dev/null 2>&1"}
    await ground.attack(
        "leaves",
        {
            "package.json": json.dumps(
                {"name": "bad", "scripts": {"start": "node server.js", **scripts}, "dependencies": {"p": "file:./p"}}
            ),
            "p/package.json": '{"name": "p", "version": "1.0.0"}',
        },
    )
    await ground.until("leaves", "ready", within=60)
    await ground.unharmed(gone="sleep 76545")


async def test_its_temporary_files_are_memory_that_ends(ground):
    code = """
    const fs = require('fs');
    const file = fs.openSync('/tmp/filler', 'w');
    const block = Buffer.alloc(32 << 20, 1);
    let written = 0;
    try { for (; written < 3e9;) written += fs.writeSync(file, block); } catch (error) { console.log(`${error.code} ${written}`); }
    if (written > 2e9) process.exit(0);
    process.exit(7);
    """
    await ground.attack("fills", _built(code))
    report = await ground.until("fills", "failed", within=90)
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("temporary-full", "draft")
    log = (ground.state / "drafts/fills/log/build-1.log").read_text()
    assert "ENOSPC 2" in log, "half of what the build may have of memory"
    await ground.unharmed()


@pytest.mark.parametrize(
    "make",
    [
        "fs.symlinkSync('/etc/passwd', 'dist/passwd')",
        "fs.symlinkSync('../../../../../../token', 'dist/token')",
    ],
)
async def test_links_in_what_it_built(ground, make):
    draft = f"links{abs(hash(make)) % 10**6}"
    code = f"const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', 'x'); {make}"
    package = {"name": "bad", "scripts": {"build": "node bad.js"}, "devDependencies": {"vite": "file:./vite"}}
    files = {
        "package.json": json.dumps(package),
        "bad.js": code,
        "index.html": "<p>",
        "vite/package.json": '{"name": "vite", "version": "5.0.0"}',
    }
    await ground.attack(draft, files)
    report = await ground.until(draft, "failed", "ready", within=60)
    assert report["state"] == "failed"
    assert report["problem"]["code"] == "bad-link"
    await ground.unharmed()


async def test_pipes_in_what_it_built_hold_nobody_up(ground):
    code = """
    const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', 'home');
    require('child_process').execFileSync('mkfifo', ['dist/pipe']);
    """
    files = {
        "package.json": json.dumps(
            {"name": "bad", "scripts": {"build": "node bad.js"}, "devDependencies": {"vite": "file:./vite"}}
        ),
        "bad.js": code,
        "index.html": "<p>",
        "vite/package.json": '{"name": "vite", "version": "5.0.0"}',
    }
    await ground.attack("pipe", files)
    await ground.until("pipe", "ready", "failed", within=60)
    assert (await ground.visit("/api/draft/pipe/pipe"))[0] in (200, 404), "an unknown path, at once"
    await ground.unharmed()


async def test_its_variables_do_not_steer_our_tools(ground):
    evil = "require('fs').appendFileSync(process.cwd() + '/evil-ran', process.argv.join(' ') + '\\n')"
    files = {
        **_built(
            "const fs = require('fs'); console.log(`seen ${fs.existsSync('evil-ran') && fs.readFileSync('evil-ran', 'utf8')}`)"
        ),
        "evil.js": evil,
        ".env.local": "NODE_OPTIONS=--require ./evil.js\nLD_PRELOAD=/nowhere.so\nPATH=/nowhere\nPORT=1\nHOSTNAME=0.0.0.0\n",
        ".npmrc": "node-options=--require ./evil.js\nregistry=http://127.0.0.1:1/\n",
    }
    await ground.attack("steers", files)
    report = await ground.until("steers", "ready", "failed", within=60)
    assert report["state"] == "ready", report["problem"]
    log = (ground.state / "drafts/steers/log/build-1.log").read_text()
    (seen,) = [line for line in log.splitlines() if " seen " in line]
    assert "npm" not in seen, "it may steer its own scripts, not what runs them"
    await ground.unharmed()


async def test_the_shared_cache_cannot_be_poisoned(ground):
    """An install may change what it sees of npm's downloads: no other one sees that."""
    needs = {"dependencies": {"is-number": "7.0.0"}}
    check = "console.log(`number ${require('is-number')(3)} ${String(require('is-number')).includes('poison')}`)"
    await ground.attack("victim1", {"package.json": json.dumps({**json.loads(_package()), **needs})})
    await ground.until("victim1", "ready", within=90)
    poison = """
    const fs = require('fs'); const path = require('path'); let changed = 0;
    const walk = (place) => { for (const each of fs.readdirSync(place, { withFileTypes: true })) {
      const at = path.join(place, each.name);
      if (each.isDirectory()) walk(at); else try { fs.writeFileSync(at, 'poison'); changed++; } catch (error) {} } };
    walk(process.env.npm_config_cache + '/_cacache');
    console.log(`changed ${changed}`);
    """
    package = {**json.loads(_package(postinstall="node bad.js")), **needs}
    await ground.attack("poisons", {"package.json": json.dumps(package), "bad.js": poison})
    await ground.until("poisons", "ready", within=60)
    log = (ground.state / "drafts/poisons/log/build-1.log").read_text()
    assert " changed " in log
    assert " changed 0" not in log
    package = {**json.loads(_package(build="node check.js")), **needs, "devDependencies": {"is-odd": "3.0.1"}}
    await ground.attack("victim2", {"package.json": json.dumps(package), "check.js": check})
    await ground.until("victim2", "ready", within=90)
    assert "number true false" in (ground.state / "drafts/victim2/log/build-1.log").read_text()
    await ground.unharmed()


async def test_folders_without_an_end(ground):
    """Deeper than any path can say, in what is served and beside it: it ends, and is cleared away."""
    code = """
    const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', 'home');
    for (const top of ['dist', process.env.HOME]) {
      process.chdir(top);
      for (let i = 0; i < 3000; i++) { fs.mkdirSync('d'); process.chdir('d'); }
      process.chdir(process.env.INIT_CWD);
    }
    """
    files = {
        "package.json": json.dumps(
            {"name": "bad", "scripts": {"build": "node bad.js"}, "devDependencies": {"vite": "file:./vite"}}
        ),
        "bad.js": code,
        "index.html": "<p>",
        "vite/package.json": '{"name": "vite", "version": "5.0.0"}',
    }
    await ground.attack("deep", files)
    report = await ground.until("deep", "failed", within=60)
    assert (report["problem"]["code"], report["problem"]["mend"]) == ("too-big", "draft")
    await eventually(lambda: not any((ground.state / "drafts/deep/builds").iterdir()), within=20)
    await ground.unharmed()

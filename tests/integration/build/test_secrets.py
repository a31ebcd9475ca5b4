"""Which command is given which values, and where they are seen afterwards: nowhere.

Each value is a canary: distinct, and looked for in everything that is written or answered.
"""

import asyncio
import base64
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.builders import eventually
from tests.server import Server

PEM = "-----BEGIN EXAMPLE KEY-----\ncanaryPemLineOne\ncanaryPemLineTwo==\n-----END EXAMPLE KEY-----"
OPERATOR = {
    "AWS_SECRET_ACCESS_KEY": "canary-operator-aws",
    "NPM_TOKEN": "canary-operator-npm",
    "npm_config__authToken": "canary-operator-npm-config",
    "https_proxy": "http://canary-proxy-user:canary-proxy-pass@127.0.0.1:9",
    "GROQ_API_KEY": "canary-operator-groq",
}
CREDENTIALS = {
    "NEXTAUTH_SECRET": "canary-credential-nextauth",
    "DATABASE_URL": "postgresql://app:canary-database-pass@127.0.0.1:9/shop?sslmode=off",
}
OWN = {
    ".env": {"STRIPE_KEY": "canary-stripe/key+1", "SHADOWED": "canary-shadowed-value"},
    ".env.local": {"SHADOWED": "canary-local-value", "APP_ENV": "production", "APP_URL": "http://localhost:3000"},
    ".env.production": {"MAIL_URL": "smtp://me:canary%20mail%20pass@mail.example.com", "SHORT": "canary1"},
}
NPMRC_TOKEN = "canary-draft-npmrc"
OPERATOR_NPMRC = "canary-operator-npmrc"
PUBLIC = "canary-public-value"

HIDDEN = (
    *OPERATOR.values(),
    "canary-proxy-pass",
    *CREDENTIALS.values(),
    "canary-database-pass",
    "canary-stripe/key+1",
    quote("canary-stripe/key+1", safe=""),
    base64.b64encode(b"canary-stripe/key+1").decode()[:-4],
    "canary-shadowed-value",
    "canary-local-value",
    "canary%20mail%20pass",
    "canary mail pass",
    "canaryPemLineOne",
    "canaryPemLineTwo",
    NPMRC_TOKEN,
    OPERATOR_NPMRC,
)

KEPT = {
    "state/drafts/good/releases/r1/app/.npmrc",
    "credentials.env",
    "home/.npmrc",
    "state/drafts/good/originals/*",
    "state/drafts/bad/originals/*",
    "state/instances/good.r1.json",
}
"""Where values stand on disk: what the operator and the author wrote, and what is needed."""

SEES = "console.log('%s sees ' + JSON.stringify(process.env));"
SHOWS = """
const { STRIPE_KEY, DATABASE_URL, MAIL_URL, PEM } = process.env;
process.stdout.write(STRIPE_KEY.slice(0, 9)); process.stdout.write(STRIPE_KEY.slice(9) + ' in two writes\\n');
process.stderr.write(encodeURIComponent(STRIPE_KEY) + ' encoded\\n');
console.log(Buffer.from(STRIPE_KEY).toString('base64') + ' in base64');
console.log(Buffer.from('user:' + STRIPE_KEY).toString('base64') + ' in base64, further in');
console.log('password alone ' + new URL(DATABASE_URL).password + ' ' + decodeURIComponent(new URL(MAIL_URL).password));
console.log(PEM); console.log(JSON.stringify({ PEM }));
console.log('\\x1b[32mcolours ' + STRIPE_KEY.slice(0, 9) + '\\x1b[0m' + STRIPE_KEY.slice(9));
console.log('x'.repeat(8185) + STRIPE_KEY);
console.log(require('fs').readFileSync('.npmrc', 'utf8'));
for (const name of ['.env', '.env.local', '.env.production']) console.log(name, require('fs').existsSync(name));
console.log('kept: ' + [process.env.APP_ENV, process.env.APP_URL, process.env.SHORT, process.env.NEXT_PUBLIC_A].join(' '));
"""
FAILS = "throw new TypeError('cannot reach ' + process.env.DATABASE_URL + ' with ' + process.env.STRIPE_KEY);"
SERVES = (
    "console.log('serving with ' + process.env.STRIPE_KEY + ' of ' + process.env.DATABASE_URL); console.log(process.env.PEM);"
    "require('http').createServer((q, r) => { console.log('asked ' + process.env.STRIPE_KEY); r.end('hello'); })"
    ".listen(process.env.PORT, process.env.HOSTNAME);"
)


def env_file(values):
    return "".join(f"{name}={value!r}\n" for name, value in values.items())


def draft(build, serve=SERVES):
    package = {
        "name": "canaries",
        "scripts": {"preinstall": "node preinstall.js", "build": "node build.js", "start": "node server.js"},
        "dependencies": {"helper": "file:./helper"},
    }
    helper = {"name": "helper", "version": "1.0.0", "scripts": {"postinstall": "node postinstall.js"}}
    return {
        "package.json": json.dumps(package),
        "helper/package.json": json.dumps(helper),
        "helper/postinstall.js": SEES % "helper",
        "preinstall.js": SEES % "install",
        "build.js": (SEES % "build") + build,
        "server.js": serve,
        ".npmrc": f"//registry.example.com/:_authToken={NPMRC_TOKEN}\n",
        **{name: env_file(values) for name, values in OWN.items()},
        ".env.production.local": f'PEM="{PEM}"\nNEXT_PUBLIC_A={PUBLIC}\n',
    }


class Operator(Server):
    """A server whose operator has secrets everywhere."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, credentials=str(root / "credentials.env"))
        self.home = root / "home"

    async def _spawn(self, module, *arguments):
        self.home.mkdir(exist_ok=True)
        (self.home / ".npmrc").write_text(f"//registry.example.com/:_authToken={OPERATOR_NPMRC}\n")
        file = self.root / "credentials.env"
        file.write_text(env_file(CREDENTIALS))
        file.chmod(0o600)
        with (self.root / "output.log").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, stdout=output, stderr=output,
                env={**os.environ, **OPERATOR, "HOME": str(self.home)},
            )  # fmt: skip


@pytest.fixture
async def server(tmp_path):
    async with Operator(tmp_path) as made:
        yield made


def seen(log, step):
    """The environment that the script of a step printed."""
    line = next(line for line in log.splitlines() if f"{step} sees " in line)
    return line.partition(f"{step} sees ")[2]


def leaks(text):
    return [value for value in HIDDEN if value in text]


def words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_who_is_given_what_and_what_is_seen_of_it(server):
    server.drop("good", draft(SHOWS))
    server.drop("bad", draft(FAILS))
    spoken: set[str] = set()

    async def both():
        spoken.update(word for process in server.processes() for word in words(process))
        reports = [await server.draft(name) for name in ("good", "bad")]
        states = [(report.get("state"), report.get("work")) for report in reports]
        return states == [("ready", "none"), ("failed", "none")]

    await eventually(both, within=90, every=0.1)
    _, log = await server.call("GET", "/api/v1/drafts/good/builds/1/log")
    assert "canary" not in seen(log, "install")
    assert "STRIPE_KEY" not in seen(log, "install")
    given = seen(log, "build")
    for name in (*CREDENTIALS, "STRIPE_KEY", "SHADOWED", "MAIL_URL", "PEM", "GROQ_API_KEY"):
        assert f'"{name}":"[' in given, name
    for name in ("AWS_SECRET_ACCESS_KEY", "NPM_TOKEN", "https_proxy", "npm_config__authToken"):
        assert name not in given
    assert leaks(log) == []
    for told in ("in two writes", "encoded", "in base64", "in base64, further in"):
        assert re.search(rf"\[STRIPE_KEY\]\S* {told}\n", log), told
    assert "password alone [DATABASE_URL] [MAIL_URL]\n" in log
    assert f"kept: production {server.public}/api/draft/good canary1 {PUBLIC}\n" in log
    for name in OWN:
        assert re.search(rf"Z {name} \S*false", log), f"{name} is no part of what is built"
    assert [word for word in spoken if "canary" in word] == []
    await nothing_shows_a_value(server)


async def nothing_shows_a_value(server):
    """Neither what is answered nor what is written."""
    assert (await server.visit("/api/draft/good/"))[:2] == (200, "hello")
    told = await answers(server)
    assert "asked [STRIPE_KEY]\n" in told["/api/v1/drafts/good/log"]
    assert "cannot reach [DATABASE_URL] with [STRIPE_KEY]" in told["/api/v1/drafts/bad/builds/1"]
    assert "cannot reach [DATABASE_URL] with [STRIPE_KEY]" in told["page"]
    assert {where: leaks(text) for where, text in told.items() if leaks(text)} == {}
    names = {re.sub(r"[0-9a-f]{32}", "*", str(path).removeprefix(f"{server.root}/")) for path in leaking(server)}
    assert names - KEPT == set()
    assert server.state.stat().st_mode & 0o007 == 0


async def answers(server):
    """Everything that can be read of the two drafts."""
    paths = [
        "/api/v1/drafts",
        "/api/v1/status",
        "/api/v1/queue",
        "/api/v1/routes",
        "/metrics",
        "/drafts/good",
        "/drafts/bad",
    ]
    for name in ("good", "bad"):
        rest = (
            "",
            "/fixes",
            "/builds",
            "/builds/1",
            "/builds/1/log",
            "/builds/1/log?format=json",
            "/builds/1/log?errors=1",
        )
        paths += [f"/api/v1/drafts/{name}{part}" for part in (*rest, "/builds/1/log?tail=100")]
    paths += ["/api/v1/drafts/good/log", "/api/v1/drafts/good/log?tail=50"]
    found = {path: str((await server.call("GET", path))[1]) for path in paths}
    found["page"] = (await server.visit("/api/draft/bad/", headers={"Accept": "text/html"}))[1]
    found["document"] = (await server.visit("/api/draft/bad/"))[1]
    notice = server.drafts / "bad" / ".draft-failed.json"
    return found | {"notice": notice.read_text(), "output": server.output()}


def leaking(server):
    """Files with a value that are not the draft's own."""
    values = [value.encode() for value in HIDDEN]
    for path in (*server.root.rglob("*"), *server.sockets.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(server.drafts):
            data = path.read_bytes()
            if any(value in data for value in values):
                yield path

"""Drafts that look for secrets, and drafts that shout theirs."""

import json

from tests.boot.canaries import CREDENTIALS, DRAFTS, MARK, OPERATOR
from tests.server import node_server

_LOOK = """
// Reads all that it can, and says of each secret where it was and what it hashes to, never what it is.
const fs = require('fs'); const path = require('path'); const http = require('http');
const hash = (text) => require('crypto').createHash('sha256').update(text).digest('hex');
const found = []; let seen = 0;
const note = (place, data) => {
  for (const [secret] of data.toString('latin1').matchAll(/MARK[0-9a-f]{24}/g)) found.push([place, hash(secret)]);
};
const walk = (place, depth) => {
  if (seen > 60000) return;
  let entries = [];
  try { entries = fs.readdirSync(place, { withFileTypes: true }); } catch { return; }
  for (const entry of entries) {
    const at = path.join(place, entry.name);
    seen += 1;
    if (entry.isDirectory()) { if (depth < 12 && !/^\\/(usr|sys|dev|proc)$/.test(at)) walk(at, depth + 1); continue; }
    try {
      const real = fs.statSync(at);
      if (real.isFile() && real.size < 1e6) note(at, fs.readFileSync(at));
    } catch {}
  }
};
const ask = (options) => new Promise((done) => {
  const request = http.get({ timeout: 2000, ...options }, (answer) => {
    let text = ''; answer.on('data', (data) => { text += data; });
    answer.on('end', () => { note(JSON.stringify(options), text); done(answer.statusCode); });
  });
  request.on('error', (error) => done(error.code)); request.on('timeout', () => request.destroy());
});
module.exports = async () => {
  walk('/', 0);
  PLACES.forEach((place) => { try { note(place, fs.readFileSync(place)); } catch {} });
  const others = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    for (const part of ['environ', 'cmdline']) {
      try { note(`/proc/${pid}/${part}`, fs.readFileSync(`/proc/${pid}/${part}`)); } catch {}
    }
    try { others.push(fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\\0', ' ')); } catch {}
  }
  const asked = {};
  for (const socketPath of ['/run/drafterd/drafterd.sock', '/run/drafterd-supervisor/supervisor.sock'])
    asked[socketPath] = await ask({ socketPath, path: '/api/v1/drafts/hello/log' });
  for (const [port, where] of [[8740, '/api/v1/drafts/hello/log'], [8740, '/api/v1/drafts'], [8742, '/api/rawdata'], [8741, '/']])
    asked[`${port}${where}`] = await ask({ host: '127.0.0.1', port, path: where });
  return { found, others, asked, user: process.getuid(), groups: process.getgroups(), seen };
};
"""
_NOTE = "require('./look')().then((all) => require('fs').writeFileSync(process.argv[2] + '.json', JSON.stringify(all)))"
_SERVE = """
const fs = require('fs');
require('http').createServer(async (request, response) => response.end(JSON.stringify({
  install: JSON.parse(fs.readFileSync('install.json')), build: JSON.parse(fs.readFileSync('build.json')),
  run: await require('./look')(),
}))).listen(process.env.PORT, process.env.HOSTNAME);
"""
_SHOUT = """
const all = JSON.stringify(process.env);
console.log(all); console.error(Buffer.from(all).toString('base64')); console.log(encodeURIComponent(all));
for (const [name, value] of Object.entries(process.env)) console.log(`${name} is ${value}`);
"""
_NEXT = """#!/usr/bin/env node
const fs = require('fs');
const config = { basePath: process.env.DRAFT_BASE_PATH || '', output: 'standalone' };
fs.mkdirSync('.next/standalone/.next', { recursive: true });
fs.mkdirSync('.next/static', { recursive: true });
fs.writeFileSync('.next/required-server-files.json', JSON.stringify({ config }));
fs.writeFileSync('.next/standalone/.next/BUILD_ID', 'one');
fs.copyFileSync('server.js', '.next/standalone/server.js');
require('./shout.js');
"""
"""A stand-in for Next.js, which cannot be had where nothing can be downloaded: it leaves what a build leaves."""
_INSTALLED = {"local/package.json": '{"name": "local", "version": "1.0.0"}'}
_NEEDS = {"local": "file:./local"}


def _own(draft: str) -> dict[str, str]:
    return {".env.local": f"SECRET_OF_MINE={DRAFTS[draft]}\n"}


_SLOW = """
let busy = 0;
const server = require('http').createServer((request, response) => {
  if (request.url.endsWith('/busy')) return response.end(String(busy));
  if (!request.url.endsWith('/slow')) return response.end(`${NAME} ${request.url}`);
  busy += 1;
  setTimeout(() => { busy -= 1; response.end(`${NAME} begun and ended`); }, 3000);
}).listen(process.env.PORT, process.env.HOSTNAME);
// As Next.js does.
process.on('SIGTERM', () => server.close(() => process.exit()));
"""


def quiet(draft: str) -> dict[str, str]:
    """A good draft that has a secret, and a folder whose name a careless back-up leaves out."""
    server = f"const NAME = {json.dumps(draft)};{_SLOW}"
    return {**node_server(), **_own(draft), "server.js": server, "builds/kept.txt": "kept"}


def spy() -> dict[str, str]:
    """Its install, its build and its server look for secrets; the server says what all of them found."""
    scripts = {"preinstall": "node note.js install", "build": "node note.js build", "start": "node server.js"}
    places = [*OPERATOR.values(), CREDENTIALS, "/run/credentials/drafterd.service/credentials.env"]
    return {
        **node_server(scripts=scripts, dependencies=_NEEDS),
        **_INSTALLED,
        **_own("spy"),
        "look.js": _LOOK.replace("MARK", MARK).replace("PLACES", json.dumps(places)),
        "note.js": _NOTE,
        "server.js": _SERVE,
    }


def loud() -> dict[str, str]:
    """Its install, its build and its server print all that they are given."""
    scripts = {"preinstall": "node shout.js", "build": "node shout.js", "start": "node server.js"}
    files = node_server("loud", scripts=scripts, dependencies=_NEEDS)
    return {**files, **_INSTALLED, **_own("loud"), "shout.js": _SHOUT, "server.js": _SHOUT + files["server.js"]}


def sealed() -> dict[str, str]:
    """A draft of Next.js, as drafterd takes it, whose build and server print the key of its server actions."""
    scripts = {"build": "next build", "start": "next start"}
    files = node_server("sealed", scripts=scripts, dependencies={"next": "file:./next"})
    return {
        **files,
        **_own("sealed"),
        "next/package.json": json.dumps({"name": "next", "version": "15.5.0", "bin": {"next": "./next.js"}}),
        "next/next.js": _NEXT,
        "next/shout.js": _SHOUT,
        "app/page.js": "export default () => null;",
        "server.js": _SHOUT + files["server.js"],
    }


def fails() -> dict[str, str]:
    """Its build ends with an error that holds all that it was given."""
    scripts = {"build": "node fail.js", "start": "node server.js"}
    fail = _SHOUT + "throw new Error(Object.values(process.env).join(' '));"
    return {**node_server(scripts=scripts), **_own("fails"), "fail.js": fail}

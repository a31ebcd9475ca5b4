"""The module that Node servers load first, in a real Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest

from drafterd.run.spec import preload_path
from drafterd.toolchain import Toolchain
from tests.builders import free_port

NODE = shutil.which("node") or ""
PREFIX = "/api/draft/demo"

# Answers each case of argv's JSON with its headers, set in its way, and prints what arrived.
HARNESS = """
const http = require('node:http');
const cases = JSON.parse(process.argv[1]);
const server = http.createServer((request, response) => {
  const { how, headers } = cases[Number(request.url.slice(1))];
  const own = (v) => JSON.parse(JSON.stringify(v).replaceAll('OWN', String(server.address().port)));
  const pairs = own(headers);
  if (how === 'set') pairs.forEach(([n, v]) => response.setHeader(n, v));
  if (how === 'append') pairs.forEach(([n, v]) => response.appendHeader(n, v));
  if (how === 'object') response.writeHead(302, Object.fromEntries(pairs));
  if (how === 'reason') response.writeHead(302, 'Found', Object.fromEntries(pairs));
  if (how === 'flat') response.writeHead(302, pairs.flat());
  if (how === 'map') response.setHeaders(new Map(pairs));
  if (how === 'twice') { pairs.forEach(([n, v]) => response.setHeader(n, v)); response.writeHead(302, Object.fromEntries(pairs)); }
  response.end('body');
}).listen(0, '127.0.0.1', async () => {
  const port = server.address().port;
  const results = [];
  for (let i = 0; i < cases.length; i++) {
    results.push(await new Promise((done) => http.get(
      { port, path: '/' + i, headers: { host: 'shown.example:8000' }, agent: false },
      (r) => { r.resume(); r.on('end', () => done([String(r.headers.location).replaceAll(String(port), 'OWN'), r.headers['set-cookie'] || []])); })));
  }
  console.log(JSON.stringify(results));
  server.close();
});
"""


def answers(
    cases: list[tuple[str, list[list[object]]]], *, prefix: str | None = PREFIX, environment: Mapping[str, str] = {}
) -> list[tuple[str, list[str]]]:
    asked = json.dumps([{"how": how, "headers": headers} for how, headers in cases])
    settings = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{preload_path()}"', **environment}
    if prefix is not None:
        settings["DRAFTERD_PREFIX"] = prefix
    result = subprocess.run(
        [NODE, "-e", HARNESS, asked], env=settings, capture_output=True, text=True, timeout=30, check=False
    )
    assert result.stderr == ""
    return [(location, cookies) for location, cookies in json.loads(result.stdout)]


def locations(values: list[str], **more: object) -> list[str]:
    found = answers([("set", [["Location", value]]) for value in values], **more)  # type: ignore[arg-type]
    return [location for location, _ in found]


LOCATIONS = {
    "/": f"{PREFIX}/",
    "/login?next=/": f"{PREFIX}/login?next=/",
    PREFIX: PREFIX,
    f"{PREFIX}/x": f"{PREFIX}/x",
    f"{PREFIX}?q": f"{PREFIX}?q",
    f"{PREFIX}-other/x": f"{PREFIX}{PREFIX}-other/x",
    "http://localhost:OWN/x": f"{PREFIX}/x",
    "http://127.0.0.1:OWN": f"{PREFIX}/",
    "http://0.0.0.0:OWN/x?y#z": f"{PREFIX}/x?y#z",
    "http://[::1]:OWN/x": f"{PREFIX}/x",
    f"http://localhost:OWN{PREFIX}/x": f"{PREFIX}/x",
    "http://localhost:4321/x": f"{PREFIX}/x",
    "https://shown.example:8000/x": f"{PREFIX}/x",
    "http://shown.example:8000?y": f"{PREFIX}/?y",
    "http://localhost:9999/x": "http://localhost:9999/x",
    "https://other.example/x": "https://other.example/x",
    "//other.example/x": "//other.example/x",
    "/\\other.example": "/\\other.example",
    "http://localhost:OWN//other.example": "http://localhost:OWN//other.example",
    "relative": "relative",
    "?query": "?query",
    "mailto:a@b": "mailto:a@b",
}


def test_every_kind_of_location():
    found = locations(list(LOCATIONS), environment={"PORT": "4321"})
    assert dict(zip(LOCATIONS, found, strict=True)) == LOCATIONS


@pytest.mark.parametrize("prefix", ["", None, "/", "not a prefix", "/a b"])
def test_without_a_prefix_only_the_internal_address_goes(prefix: str | None):
    asked = ["/x", "http://localhost:OWN/x", "https://other.example/x", f"{PREFIX}/x"]
    assert locations(asked, prefix=prefix) == ["/x", "/x", "https://other.example/x", f"{PREFIX}/x"]
    assert answers([("set", [["Set-Cookie", "a=1; Path=/"]])], prefix=prefix)[0][1] == ["a=1; Path=/"]


@pytest.mark.parametrize("how", ["set", "append", "object", "reason", "flat", "map", "twice"])
@pytest.mark.parametrize("name", ["Location", "location", "LOCATION"])
def test_every_way_to_set_a_header(how: str, name: str):
    assert answers([(how, [[name, "/x"], ["X-Other", "/y"]])])[0][0] == f"{PREFIX}/x"


def test_a_location_in_an_array_as_next_passes_it():
    assert [found[0] for found in answers([("set", [["Location", ["/x"]]]), ("object", [["Location", ["/x"]]])])] == [
        f"{PREFIX}/x"
    ] * 2


def test_cookies_get_the_path_of_the_draft():
    cookies = {
        "a=1": f"a=1; Path={PREFIX}",
        "a=1; Path=/": f"a=1; Path={PREFIX}",
        "a=1; path=/; HttpOnly": f"a=1; Path={PREFIX}; HttpOnly",
        "a=1; Path=; Secure": f"a=1; Path={PREFIX}; Secure",
        "a=1; Path=/inner": "a=1; Path=/inner",
        "path=1": f"path=1; Path={PREFIX}",
        "__Host-a=1; Path=/; Secure": "__Host-a=1; Path=/; Secure",
    }
    found = answers([("set", [["Set-Cookie", list(cookies)]])])[0][1]
    assert found == list(cookies.values())


def test_nothing_else_changes_and_it_loads_once():
    code = (
        "const {ServerResponse:R}=require('http'); const before=R.prototype.setHeader;"
        f"delete require.cache[{str(preload_path())!r}]; require({str(preload_path())!r});"
        "console.log(JSON.stringify([before===R.prototype.setHeader, before.length, before.name,"
        " Object.keys(R.prototype).filter((k)=>/drafterd/i.test(k))]))"
    )
    settings = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{preload_path()}"'}
    result = subprocess.run([NODE, "-e", code], env=settings, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(result.stdout) == [True, 2, "setHeader", []]


def test_a_mistake_of_the_draft_stays_its_own():
    code = (
        "const http=require('http'); const r=new http.ServerResponse({method:'GET',headers:{}});"
        "for (const call of [()=>r.setHeader('Location', undefined), ()=>r.setHeader('bad name','x'),"
        " ()=>r.writeHead(99999,{Location:'/x'})]) { try { call(); console.log('no') } catch (e) { console.log(e.code) } }"
    )
    settings = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{preload_path()}"', "DRAFTERD_PREFIX": PREFIX}
    result = subprocess.run([NODE, "-e", code], env=settings, capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.split() == [
        "ERR_HTTP_INVALID_HEADER_VALUE",
        "ERR_INVALID_HTTP_TOKEN",
        "ERR_HTTP_INVALID_STATUS_CODE",
    ]


# Listens on PORT and says for each request what it saw; then runs `ask` (argv) and prints what that returns.
TALK = """
const http = require('node:http');
const net = require('node:net');
const port = Number(process.env.PORT);
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => response.end(JSON.stringify(
    { url: request.url, referer: request.headers.referer || '', host: request.headers.host, sent: chunks.join('') })));
});
const got = (url, options) => fetch(url, { redirect: 'manual', ...options }).then((r) =>
  r.status === 200 ? r.json() : { status: r.status, location: r.headers.get('location') });
const got_by_http = (url) => new Promise((done) => http.get(url, { agent: false }, (r) => {
  let text = ''; r.on('data', (chunk) => (text += chunk)); r.on('end', () => done(JSON.parse(text))); }));
const reached = (options) => new Promise((done) => {
  const socket = net.connect(options, () => { done(`port ${socket.remotePort}`); socket.destroy(); });
  socket.on('error', (error) => done(`port ${error.port}`)); });
const ask = eval(process.argv[1]);
server.listen(port, '127.0.0.1', async () => {
  console.log(JSON.stringify(await ask()));
  server.close();
  server.closeAllConnections();
});
"""
ROUTES = {
    "staticRoutes": [{"page": "/api/auth/register", "regex": "^/api/auth/register(?:/)?$"}],
    "dynamicRoutes": [
        {"page": "/api/auth/[...nextauth]", "regex": "^/api/auth/(.+?)(?:/)?$"},
        {"page": "/api/auth/users/[id]", "regex": "^/api/auth/users/([^/]+?)(?:/)?$"},
    ],
    "rewrites": {"afterFiles": [{"source": f"{PREFIX}/api/auth/old", "regex": f"^{PREFIX}/api/auth/old(?:/)?$"}]},
}
AUTH = {"DRAFTERD_BASE_PATH": PREFIX, "NEXTAUTH_URL": f"http://localhost:8080{PREFIX}/api/auth"}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The Node.js that drafts run on."""
    return Toolchain.find(tmp_path_factory.mktemp("toolchain")).node


@pytest.fixture
def talk(tmp_path, node):
    """Runs an expression inside a server that has loaded the module; `PORT` in it is the server's."""
    (tmp_path / ".next").mkdir()
    (tmp_path / ".next" / "routes-manifest.json").write_text(json.dumps(ROUTES))

    def run(expression, **environment):
        port = str(free_port())
        settings = {
            "PATH": os.environ["PATH"],
            "NODE_OPTIONS": f'--require "{preload_path()}"',
            "PORT": port,
            "DRAFTERD_PREFIX": PREFIX,
            **{name: value.replace("PORT", port) for name, value in environment.items()},
        }
        asked = f"async () => {expression.replace('PORT', port)}"
        result = subprocess.run(
            [node, "-e", TALK, asked],
            env=settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert result.stderr == ""
        return json.loads(result.stdout.replace(port, "PORT"))

    return run


def arrived(talk, paths, **environment):
    """Under which addresses requests to the server's own address reach the app."""
    ask = f"Promise.all({json.dumps(paths)}.map((path) => got('http://127.0.0.1:PORT' + path)))"
    return [seen["url"] for seen in talk(ask, **environment)]


def test_what_lacks_the_prefix_arrives_with_it_where_the_app_was_built_for_it(talk):
    asked = ["/", "/api/x?y=1", "/api/draft/demolition", PREFIX, f"{PREFIX}?x", f"{PREFIX}/x"]
    homed = [f"{PREFIX}/", f"{PREFIX}/api/x?y=1", f"{PREFIX}/api/draft/demolition", *asked[3:]]
    assert arrived(talk, asked, DRAFTERD_BASE_PATH=PREFIX) == homed
    assert arrived(talk, asked) == asked, "the prefix is taken off on the way"
    assert arrived(talk, asked, DRAFTERD_BASE_PATH="/shop") == asked, "its author's own base path"
    assert arrived(talk, asked, DRAFTERD_PREFIX="", DRAFTERD_BASE_PATH="") == asked


def test_what_is_asked_below_the_routes_of_the_sign_in_is_the_apps(talk):
    auth = f"{PREFIX}/api/auth"
    moved = {"/api/x?y=1": "/api/x?y=1", "/api/auth/register": "/api/auth/register", "/signing": "/signing"}
    kept = ["", "/", "/signin", "/signin/google?x", "/callback/credentials", "/session", "/_log", "/error?error=x"]
    kept += ["/register", "/register/", "/register?x=/api", "/users/7", "/old"]
    assert arrived(talk, [f"{auth}{tail}" for tail in kept], **AUTH) == [f"{auth}{tail}" for tail in kept]
    found = arrived(talk, [f"{auth}{tail}" for tail in moved], **AUTH)
    assert found == [f"{PREFIX}{tail}" for tail in moved.values()]
    plain = {**AUTH, "NEXTAUTH_URL": f"http://localhost:8080{PREFIX}"}
    assert arrived(talk, [f"{auth}/api/x"], **plain) == [f"{auth}/api/x"]


def test_without_a_list_of_routes_the_apps_own_are_found_still(talk, tmp_path):
    (tmp_path / ".next" / "routes-manifest.json").write_text("{")
    assert arrived(talk, [f"{PREFIX}/api/auth/api/x"], **AUTH) == [f"{PREFIX}/api/x"]


def test_a_server_behind_the_one_in_front_gets_what_it_is_sent(talk):
    ask = (
        "new Promise((done) => { const inner = http.createServer((q, r) => r.end(JSON.stringify({url: q.url})));"
        " inner.listen(0, '127.0.0.1', async () => {"
        " done(await got(`http://127.0.0.1:${inner.address().port}/x`)); inner.close(); inner.closeAllConnections(); }); })"
    )
    assert talk(ask, DRAFTERD_BASE_PATH=PREFIX) == {"url": "/x"}


def test_a_browser_is_told_the_pages_own_address(talk):
    ask = f"got('http://127.0.0.1:PORT{PREFIX}/api/auth/verify?token=1', {{headers: {{accept: 'text/html,*/*'}}}})"
    assert talk(ask, **AUTH) == {"status": 307, "location": f"{PREFIX}/verify?token=1"}


def test_the_port_that_an_app_was_written_for_is_its_own(talk):
    send = "{method: 'POST', body: 'hello'}"
    for host in ("localhost", "127.0.0.1"):
        seen = talk(f"got('http://{host}:3000/api/x', {send})", DRAFTERD_BASE_PATH=PREFIX)
        assert (seen["url"], seen["sent"]) == (f"{PREFIX}/api/x", "hello")
    assert talk("got_by_http('http://localhost:3000/api/x')")["url"] == "/api/x"
    assert talk("reached({host: 'localhost', port: 3000})") == "port PORT"
    assert talk("reached({host: '127.0.0.1', port: 1})") == "port 1", "other ports are other servers"


def test_who_does_not_listen_on_the_given_port_means_the_other_one(node):
    code = "const s=require('net').connect(3000,'127.0.0.1',()=>{console.log(s.remotePort);s.destroy()});s.on('error',(e)=>console.log(e.port))"
    settings = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{preload_path()}"', "PORT": str(free_port())}
    result = subprocess.run([node, "-e", code], env=settings, capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == "3000"


def test_names_below_localhost_are_this_machine(talk):
    assert talk("got('http://shop.localhost:PORT/x')")["host"] == "shop.localhost:PORT"


@pytest.mark.parametrize("way", ["got", "got_by_http"])
def test_a_stray_request_of_the_server_says_where_it_comes_from(talk, way):
    public = {"NEXTAUTH_URL": f"http://127.0.0.1:PORT{PREFIX}"}
    home = f"http://127.0.0.1:PORT{PREFIX}/"
    assert talk(f"{way}('http://127.0.0.1:PORT/api/x')", **public)["referer"] == home
    assert talk(f"{way}('http://127.0.0.1:PORT/api/draft/other/x')", **public)["referer"] == ""
    assert talk(f"{way}('http://localhost:PORT/api/x')", **public)["referer"] == "", "another origin"
    assert talk(f"{way}('http://127.0.0.1:PORT/api/x')", **public, DRAFTERD_PREFIX="")["referer"] == ""

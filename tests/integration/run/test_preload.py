"""The module that Node servers load first, in a real Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest

from drafterd.run.spec import preload_path

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

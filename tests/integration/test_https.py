"""A whole drafterd on https with a certificate of its own, behind each proxy: what the draft, its visitor and a browser's cookie see."""

import asyncio
import json
import re

import aiohttp
import pytest

from drafterd.route import certificate
from tests.server import Server

pytestmark = pytest.mark.timeout(180)

SHOWING = """
const http = require('http'), crypto = require('crypto');
const server = http.createServer((q, r) => {
  if (q.url.endsWith('/moves')) {
    r.writeHead(302, { Location: `${process.env.NEXTAUTH_URL}/landed` });
    return r.end();
  }
  const { NEXTAUTH_URL, AUTH_URL } = process.env;
  r.end(JSON.stringify({ NEXTAUTH_URL, AUTH_URL, url: q.url, proto: q.headers['x-forwarded-proto'] }));
});
server.on('upgrade', (q, socket) => {
  const key = q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = crypto.createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
    `Sec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`);
  const word = q.headers['x-forwarded-proto'];
  socket.write(Buffer.concat([Buffer.from([0x81, word.length]), Buffer.from(word)]));
});
server.listen(process.env.PORT, process.env.HOSTNAME);
"""
DRAFT = {"package.json": json.dumps({"name": "shown", "scripts": {"start": "node server.js"}}), "server.js": SHOWING}
BROWSER = {"Accept": "text/html"}


@pytest.fixture(params=["traefik", "nginx"])
async def server(tmp_path, request):
    pem = tmp_path / "mine" / "localhost.pem"
    certificate.ensure(pem, host="localhost")
    made = Server(tmp_path, drafts_config={"hosted": {"address": "host"}})
    plain = int(made.proxy.rpartition(":")[2]) + 4
    made.public, made.proxy = (address.replace("http:", "https:") for address in (made.public, made.proxy))
    made.config["public_url"] = made.public
    made.config["proxy"] |= {
        "kind": request.param,
        "tls": {"certificate": str(pem), "key": str(pem), "plain": f"127.0.0.1:{plain}"},
    }
    made.drafts.mkdir(parents=True)
    for draft in ("shown", "hosted"):
        made.drop(draft, DRAFT)
    async with made:
        yield made


async def visit(server, path, **options):
    """As somebody who trusts a certificate that nobody has signed."""
    return await server.visit(path, ssl=False, **options)


async def test_everything_is_https(server):
    reports = await asyncio.gather(*(server.until(draft, "ready") for draft in ("shown", "hosted")))
    port = server.public.rpartition(":")[2]
    by_path, by_host = f"{server.public}/api/draft/shown", f"https://hosted.localhost:{port}"
    assert [report["url"].rstrip("/") for report in reports] == [by_path, by_host]

    # What the draft's server is told.
    status, text, _ = await visit(server, "/api/draft/shown/x")
    seen = json.loads(text)
    assert (status, seen["proto"], seen["url"]) == (200, "https", "/x")
    assert seen["NEXTAUTH_URL"].startswith(by_path)
    assert seen["AUTH_URL"].startswith(server.public)
    seen = json.loads((await visit(server, "/x", headers={"Host": f"hosted.localhost:{port}"}))[1])
    assert (seen["proto"], seen["NEXTAUTH_URL"], seen["AUTH_URL"]) == ("https", by_host, by_host)

    # Where visitors are sent.
    status, _, headers = await visit(server, "/api/draft/shown/moves")
    assert (status, headers["Location"]) == (302, f"{by_path}/landed")
    status, _, headers = await visit(server, "/api/draft/hosted/x?a=b")
    assert (status, headers["Location"]) == (302, f"{by_host}/x?a=b")
    assert (await visit(server, "/api/draft/shown"))[2]["Location"] == "/api/draft/shown/"
    plain = server.config["proxy"]["tls"]["plain"]
    for path, host in (("/api/draft/shown/x?a=b", "localhost"), ("/x?a=b", "hosted.localhost")):
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://{plain}{path}", headers={"Host": host}, allow_redirects=False) as answer,
        ):
            assert (answer.status in (301, 308), answer.headers["Location"]) == (True, f"https://{host}:{port}{path}")

    # A web socket.
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.proxy.replace('https:', 'wss:')}/api/draft/shown/socket", ssl=False) as socket,
    ):
        # Traefik tells the draft so, nginx says https.
        assert (await asyncio.wait_for(socket.receive(), 20)).data in ("wss", "https")

    await only_over_https_does_the_cookie_go(server, by_host)


async def only_over_https_does_the_cookie_go(server, by_host):
    """The cookie of somebody who was let in, by password and by link."""
    host = {"Host": by_host.removeprefix("https://")}
    for draft, base, headers in (("shown", "/api/draft/shown", {}), ("hosted", "", host)):
        wish = {"protected": True, "password": "correct horse"}
        assert (await server.call("PATCH", f"/api/v1/drafts/{draft}/access", json=wish))[0] == 200
        form = {"password": "correct horse", "to": "/x"}
        status, _, answer = await visit(
            server, f"{base}/_drafterd/enter", method="POST", data=form, headers={**BROWSER, **headers}
        )
        assert (status, answer["Location"]) == (303, f"{base}/x")
        assert re.search(r"; Secure(;|$)", answer["Set-Cookie"])
        status, made = await server.call("POST", f"/api/v1/drafts/{draft}/shares", json={"seconds": 600})
        assert (status, made["url"].startswith("https://")) == (201, True)
        path = re.sub(r"^https://[^/]+", "", made["url"])
        _, _, answer = await visit(server, path, headers={**BROWSER, **headers})
        assert re.search(r"; Secure(;|$)", answer["Set-Cookie"])
        cookie = answer["Set-Cookie"].partition(";")[0]
        status, text, _ = await visit(server, f"{base}/x", headers={"Cookie": cookie, **headers})
        assert (status, json.loads(text)["proto"]) == (200, "https")

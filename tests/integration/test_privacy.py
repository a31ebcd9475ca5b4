"""Protected drafts behind a real Traefik and a real nginx: who gets in, what the draft's server sees, what a kill leaves."""

import asyncio
import json
import re
import stat

import pytest

from tests.builders import eventually
from tests.server import Server

ECHO = {
    "package.json": json.dumps({"name": "echo", "scripts": {"start": "node server.js"}}),
    "server.js": (
        "const http = require('http');\n"
        "http.createServer((q, r) => { r.setHeader('X-Robots-Tag', 'all');"
        " r.end(JSON.stringify({url: q.url, method: q.method, headers: q.headers})); })"
        ".listen(process.env.PORT, process.env.HOSTNAME);\n"
    ),
}
PAGE = {"index.html": "<h1>made of files</h1>"}
HOME = "/api/draft/secret/"
BROWSER = {"Accept": "text/html"}
COOKIE = "drafterd_access"


@pytest.fixture(params=["traefik", "nginx"])
async def server(tmp_path, request):
    config = {"drafts_config": {"shown": {"noindex": False}, "hosted": {"address": "host"}}}
    made = Server(tmp_path, **config)
    made.config["proxy"]["kind"] = request.param
    made.drafts.mkdir(parents=True)
    for name, files in {"secret": ECHO, "hosted": ECHO, "shown": ECHO, "open": PAGE, "files": PAGE}.items():
        made.drop(name, files)
    async with made:
        yield made


async def enter(server, draft, password, *, to="/", host=None):
    """What the sign-in form answers, and the cookie it gives."""
    headers = {**BROWSER, **({"Host": host} if host else {})}
    path = f"{'' if host else f'/api/draft/{draft}'}/_drafterd/enter"
    form = {"password": password, "to": to}
    status, text, answer = await server.visit(path, method="POST", data=form, headers=headers)
    value = re.match(rf"{COOKIE}=([^;]+)", answer.get("Set-Cookie", ""))
    return status, text, answer, value[1] if value else ""


async def protect(server, draft, **wish):
    status, found = await server.call("PATCH", f"/api/v1/drafts/{draft}/access", json={"protected": True, **wish})
    assert status == 200, found

    async def enforced():
        return (await server.call("GET", f"/api/v1/drafts/{draft}/access"))[1]["enforced"]

    await eventually(enforced)


async def test_only_those_who_were_let_in_get_in(server):
    await asyncio.gather(*(server.until(draft, "ready") for draft in ("secret", "hosted", "shown", "open", "files")))

    # Search engines are told to keep away from every draft, but where the operator wants them.
    for draft, word in {"secret": "noindex", "open": "noindex", "shown": "all"}.items():
        status, _, headers = await server.visit(f"/api/draft/{draft}/")
        assert (status, headers["X-Robots-Tag"]) == (200, word)

    await protect(server, "secret", password="correct horse")
    await protect(server, "files", password="another horse")

    # Without a cookie: a page for people, a problem for programs; nothing of the draft.
    status, text, headers = await server.visit(f"{HOME}deep?x=1", headers=BROWSER)
    assert (status, headers["Cache-Control"], headers["X-Robots-Tag"]) == (401, "no-store", "noindex")
    assert 'name="to" value="/deep?x=1"' in text
    assert "Set-Cookie" not in headers
    status, text, headers = await server.visit(HOME)
    assert (status, json.loads(text)["code"]) == (401, "not-let-in")
    for path in (f"{HOME}_drafterd/events", "/api/draft/files/", "/api/draft/files/index.html", "/api/draft/secret"):
        status, text, _ = await server.visit(path, headers=BROWSER)
        assert (status, "made of files" in text) == (401, False), path
    assert (await server.visit(HOME, method="POST", data=b"x" * 300_000))[0] == 401
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert (await server.visit(HOME, headers={**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}))[0] == 401

    # A wrong password, another draft's cookie, a forged one.
    assert (await enter(server, "secret", "wrong horse"))[0] == 401
    _, _, _, other = await enter(server, "files", "another horse")
    assert other
    for value in (other, "99999999999.AAAA", other.replace(".", "x")):
        assert (await server.visit(HOME, headers={"Cookie": f"{COOKIE}={value}"}))[0] == 401

    # The right one: back to where the visitor wanted to go, with a cookie for this draft alone.
    status, _, headers, cookie = await enter(server, "secret", "correct horse", to="/deep?x=1")
    assert (status, headers["Location"]) == (303, "/api/draft/secret/deep?x=1")
    assert "Path=/api/draft/secret;" in headers["Set-Cookie"]
    assert all(word in headers["Set-Cookie"] for word in ("HttpOnly", "SameSite=Lax", "Max-Age="))
    given = {"Cookie": f"a=1; {COOKIE}={cookie}; b=2"}
    status, text, headers = await server.visit(f"{HOME}deep?x=1", headers=given)
    assert status == 200
    seen = json.loads(text)["headers"]
    assert seen["cookie"] == "a=1; b=2", "ours is not the draft's business"
    assert headers["X-Robots-Tag"] == "noindex"
    status, text, _ = await server.visit(HOME, headers={"Cookie": f"{COOKIE}={cookie}"}, method="POST", data=b"{}")
    assert (status, "cookie" in json.loads(text)["headers"]) == (200, False)

    # A link lets in without the password, until it is taken back.
    status, made = await server.call("POST", "/api/v1/drafts/secret/shares", json={"seconds": 600})
    assert status == 201
    path = made["url"].removeprefix(server.public)
    status, _, headers = await server.visit(path, headers=BROWSER)
    assert (status, headers["Location"]) == (303, HOME)
    linked = {"Cookie": headers["Set-Cookie"].partition(";")[0]}
    assert (await server.visit(HOME, headers=linked))[0] == 200
    assert (await server.visit(path.replace("/secret/", "/files/"), headers=BROWSER))[0] == 401

    # While the daemon is dead nobody gets in, and nobody meets a bare error; what needs no daemon is served.
    await server.kill()

    async def stood_in():
        return (await server.visit(HOME, headers=linked))[0] == 503

    await eventually(stood_in)
    for where in (HOME, "/api/draft/secret", f"{HOME}deep?x=1", "/api/draft/files/", "/api/draft/nobody/"):
        status, text, headers = await server.visit(where, headers={**BROWSER, **linked})
        assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "3", "no-store"), where
        assert "Back in a moment" in text
        status, text, headers = await server.visit(where, method="POST", data=b"x" * 300_000, headers=given)
        assert (status, json.loads(text)["code"]) == (503, "daemon-away"), where
    assert (await server.visit("/api/draft/shown/"))[0] == 200

    # All of it outlives that sudden death; what is on disk is for the daemon alone.
    await server.start()
    await server.until("secret", "ready")
    assert (await server.visit(HOME))[0] == 401
    assert (await server.visit(HOME, headers=linked))[0] == 200
    kept = server.state / "access" / "secret.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    for secret in (b"correct horse", cookie.encode(), path.rpartition("/")[2].encode()):
        assert not any(
            secret in file.read_bytes() for file in (*server.state.rglob("*.json"), server.root / "output.log")
        )

    assert (await server.call("DELETE", "/api/v1/drafts/secret/shares"))[0] == 204
    assert (await server.visit(HOME, headers=linked))[0] == 401
    assert (await server.visit(path, headers=BROWSER))[0] == 401

    # On a host of its own.
    await protect(server, "hosted", password="third horse!")
    host = "hosted.localhost"
    assert (await server.visit("/x", headers={"Host": host}))[0] == 401
    status, _, headers, cookie = await enter(server, "hosted", "third horse!", to="//evil.example/", host=host)
    assert (status, headers["Location"]) == (303, "/")
    assert "Path=/;" in headers["Set-Cookie"]
    assert "Domain" not in headers["Set-Cookie"]
    status, text, _ = await server.visit("/x", headers={"Host": host, "Cookie": f"{COOKIE}={cookie}"})
    assert (status, json.loads(text)["url"]) == (200, "/x")

    # Paused, and its page is not for everybody either; open again, and everybody gets in.
    await server.call("POST", "/api/v1/drafts/secret/stop")
    await server.until("secret", "paused")
    assert (await server.visit(HOME, headers=BROWSER))[0] == 401
    await server.call("POST", "/api/v1/drafts/secret/start")
    await server.until("secret", "ready")
    await server.call("PATCH", "/api/v1/drafts/secret/access", json={"protected": False})

    async def opened():
        return (await server.visit(HOME))[0] == 200

    await eventually(opened)

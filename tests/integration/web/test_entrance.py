"""The way into protected drafts, as the edge answers it. Through a proxy: test_privacy.py."""

import json
import re
import time

import pytest

from drafterd.domain.attempts import FREE
from drafterd.domain.model import AddressKind, Goal, Intent
from drafterd.domain.names import DraftId
from drafterd.domain.protection import Purpose, signed
from drafterd.web.entrance import inside
from tests.builders import a_build
from tests.integration.web.test_edge import BROWSER, live, static
from tests.integration.web.world import a_world

HELLO = DraftId("hello")
HOME = "/api/draft/hello/"
PASSWORD = "correct horse"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def protected(world):
    live(world, "hello")
    await world.gate.protect(HELLO, PASSWORD)
    return world


async def get(world, path, *, method="GET", body=None, host="localhost:8080", **headers):
    given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with world.http.request(
        method, f"{world.edge}{path}", headers=given, data=body, allow_redirects=False
    ) as answer:
        return answer, await answer.text()


async def enter(world, password=PASSWORD, *, to="/", path=f"{HOME}_drafterd/enter", **headers):
    return await get(world, path, method="POST", body={"password": password, "to": to}, **{**BROWSER, **headers})


def cookie_of(answer):
    return answer.headers["Set-Cookie"].partition(";")[0]


def session(world, ends=2_000_000_000, draft=HELLO):
    return f"drafterd_access={signed(world.gate._protections.get(HELLO), Purpose.SESSION, draft, ends)}"


async def test_the_proxy_is_told_yes_with_the_drafts_own_cookies(protected):
    cookie = f'a=1; {session(protected)}; odd="x y"; b'
    answer, text = await get(protected, "/_drafterd/auth?draft=hello", Cookie=cookie)
    assert (answer.status, text, answer.headers["Cookie"]) == (204, "", 'a=1; odd="x y"; b')
    answer, _ = await get(protected, "/_drafterd/auth?draft=hello", Cookie=session(protected))
    assert (answer.status, "Cookie" in answer.headers) == (204, False)
    answer, _ = await get(protected, "/_drafterd/auth?draft=open", Cookie="a=1")
    assert (answer.status, answer.headers["Cookie"]) == (204, "a=1"), "everybody may visit that one"


async def test_the_proxy_is_told_no_with_the_page_that_visitors_get(protected):
    forwarded = {"X_Forwarded_Method": "GET", "X_Forwarded_Uri": f"{HOME}a?b=%20c", "X_Forwarded_Host": "localhost"}
    answer, text = await get(protected, "/_drafterd/auth?draft=hello", **BROWSER, **forwarded)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Cookie realm="hello"'
    assert 'action="/api/draft/hello/_drafterd/enter"' in text
    assert 'name="to" value="/a?b=%20c"' in text
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    answer, text = await get(
        protected, "/_drafterd/auth?draft=hello", **BROWSER, **{**forwarded, "X_Forwarded_Method": "POST"}
    )
    assert 'name="to" value="/"' in text, "a form is not sent twice"
    answer, text = await get(protected, "/_drafterd/auth?draft=hello", **forwarded)
    assert answer.content_type == "application/problem+json"
    assert json.loads(text)["code"] == "not-let-in"


@pytest.mark.parametrize("query", ["", "?draft=", "?draft=../hello", "?draft=a%20b"])
async def test_the_proxy_has_to_name_a_draft(protected, query):
    assert (await get(protected, f"/_drafterd/auth{query}"))[0].status == 404


async def test_cookies_that_let_nobody_in(protected):
    await protected.gate.protect(DraftId("other"), "another horse")
    other = signed(protected.gate._protections.get(DraftId("other")), Purpose.SESSION, DraftId("other"), 2_000_000_000)
    share = protected.gate.share(HELLO, 600)[0].rpartition("/")[2]
    for value in ("", "x", f"drafterd_access={other}", f"drafterd_access={share}", "drafterd_access=1.x"):
        assert (await get(protected, HOME, Cookie=value))[0].status == 401, value
    assert (await get(protected, HOME, Cookie=session(protected, ends=int(time.time()) - 1)))[0].status == 401
    twice = f"drafterd_access=tossed; {session(protected)}"
    assert (await get(protected, HOME, Cookie=twice))[0].status == 503, "let in: the draft itself is elsewhere"
    odd = f"{session(protected)}; other=\udcff"
    assert (await get(protected, "/_drafterd/auth?draft=hello", Cookie=odd))[0].status == 204


async def test_a_draft_that_is_not_there_yet_can_be_protected(world):
    await world.gate.protect(HELLO, PASSWORD)
    answer, text = await get(world, HOME, **BROWSER)
    assert answer.status == 401
    assert "There is no draft" not in text


@pytest.mark.parametrize("changes", [{"intent": Intent(goal=Goal.PAUSE)}, {"builds": (a_build(1),)}, {}])
async def test_no_page_and_no_event_tells_of_a_protected_draft(world, changes):
    world.put("hello", **changes)
    await world.gate.protect(HELLO, PASSWORD)
    for path in (HOME, f"{HOME}_drafterd/events", "/api/draft/hello", f"{HOME}a/b"):
        answer, _ = await get(world, path, **BROWSER)
        assert (answer.status, "X-Draft-State" in answer.headers) == (401, False)
    answer, text = await get(world, f"/_drafterd/fallback?status=502&url={HOME}", **BROWSER)
    assert (answer.headers["X-Draft-State"], "does not answer just now" in text) == ("ready", True)
    answer, _ = await get(world, HOME, **BROWSER, Cookie=session(world))
    assert answer.status == 503


async def test_files_are_for_those_who_were_let_in_and_for_no_shared_cache(world, tmp_path):
    files = tmp_path / "site"
    (files / "_next" / "static").mkdir(parents=True)
    (files / "index.html").write_text("files")
    (files / "_next" / "static" / "a.js").write_text("1")
    static(world, "hello", files)
    await world.gate.protect(HELLO, PASSWORD)
    assert (await get(world, HOME))[0].status == 401
    assert (await get(world, f"{HOME}_next/static/a.js"))[0].status == 401
    answer, text = await get(world, HOME, Cookie=session(world))
    assert (answer.status, text, answer.headers["Cache-Control"]) == (200, "files", "private, no-cache")
    answer, _ = await get(world, f"{HOME}_next/static/a.js", Cookie=session(world))
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


async def test_the_password_lets_in(protected):
    answer, _ = await enter(protected, to="/a?b=c")
    assert (answer.status, answer.headers["Location"]) == (303, "/api/draft/hello/a?b=c")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    cookie = answer.headers["Set-Cookie"]
    assert re.search(r"; HttpOnly; Max-Age=\d+; Path=/api/draft/hello; SameSite=Lax$", cookie), cookie
    assert (await get(protected, HOME, Cookie=cookie_of(answer)))[0].status == 503


async def test_a_cookie_goes_over_https_alone_where_visitors_come_by_it(tmp_path):
    async with a_world(tmp_path, origin="https://drafts.example.org") as world:
        await world.gate.protect(HELLO, PASSWORD)
        assert "; Secure" in (await enter(world))[0].headers["Set-Cookie"]
    async with a_world(tmp_path) as world:
        assert "; Secure" not in (await enter(world))[0].headers["Set-Cookie"]
        assert "; Secure" in (await enter(world, X_Forwarded_Proto="https"))[0].headers["Set-Cookie"]


async def test_a_wrong_password_is_said_and_slowed_down(protected):
    for _ in range(FREE):
        answer, text = await enter(protected, "wrong horse", to="/a", X_Forwarded_For="10.9.9.9, 192.0.2.1")
        assert (answer.status, "That is not the password." in text) == (401, True)
        assert 'value="/a"' in text
        assert "wrong horse" not in text
    answer, text = await enter(protected, X_Forwarded_For="192.0.2.1")
    assert (answer.status, int(answer.headers["Retry-After"])) == (429, 2), "the right one has to wait, too"
    assert "Too many tries" in text
    answer, text = await enter(protected, Accept="*/*", X_Forwarded_For="192.0.2.1")
    assert json.loads(text)["code"] == "too-many-tries"
    assert (await enter(protected, X_Forwarded_For="192.0.2.2"))[0].status == 303, "others do not"


async def test_one_customer_is_one_visitor(protected):
    for number in range(FREE):
        await enter(protected, "wrong horse", X_Forwarded_For=f"2001:db8:1:2::{number + 1}")
    assert (await enter(protected, X_Forwarded_For="2001:db8:1:2::ffff"))[0].status == 429
    assert (await enter(protected, X_Forwarded_For="2001:db8:1:3::1"))[0].status == 303


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"password", FORM),
        (b"password=" + b"x" * 9000, FORM),
        (b'{"password": "correct horse"}', "text/x"),
    ],
)
async def test_what_is_no_form_is_no_password(protected, body, kind):
    answer, _ = await get(protected, f"{HOME}_drafterd/enter", method="POST", body=body, Content_Type=kind)
    assert answer.status == 401


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/../other/",
        "/a/../../other/",
        "/%2e%2E/other",
        "/..%2fother",
        "/..%5cother",
        "/_drafterd/enter",
        "/" + "a" * 5000,
        "",
        "x",
        "/ü",
        "/a\r\nSet-Cookie: x=1",
    ],
)
def test_no_way_leads_out_of_the_draft(to):
    assert inside(to) == "/"


@pytest.mark.parametrize("to", ["/", "/a/b.c?d=e&f=//g", "/..a/.b", "/%2fa", "/a?x=../..", "/a//b"])
def test_a_way_inside_is_kept(to):
    assert inside(to) == to


async def test_a_link_lets_in_for_its_time_only(protected):
    url, ends = protected.gate.share(HELLO, 600)
    path = url.removeprefix("http://localhost:8080")
    answer, _ = await get(protected, path, **BROWSER)
    assert (answer.status, answer.headers["Location"]) == (303, HOME)
    assert answer.headers["Referrer-Policy"] == "no-referrer", "the draft must not read the link from there"
    assert int(re.findall(r"Max-Age=(\d+)", answer.headers["Set-Cookie"])[0]) <= 600
    value = cookie_of(answer).partition("=")[2]
    assert value.partition(".")[0] == str(ends), "what it gives ends with it"
    assert (await get(protected, HOME, Cookie=cookie_of(answer)))[0].status == 503
    protected.gate._clock = lambda: time.time() + 601
    assert (await get(protected, HOME, Cookie=cookie_of(answer)))[0].status == 401
    answer, text = await get(protected, path, **BROWSER)
    assert (answer.status, "expired or was taken back" in text) == (401, True)


async def test_links_alone_can_let_in(world):
    await world.gate.protect(HELLO, None)
    _, text = await get(world, HOME, **BROWSER)
    assert "<form" not in text
    assert "by the link" in text
    assert (await enter(world, ""))[0].status == 401
    url, _ = world.gate.share(HELLO, 60)
    assert (await get(world, url.removeprefix("http://localhost:8080")))[0].status == 303


async def test_an_open_draft_has_no_door(world):
    live(world, "hello")
    for path in ("_drafterd/enter", "_drafterd/share/1.x"):
        answer, _ = await get(world, HOME + path)
        assert (answer.status, answer.headers["Location"], "Set-Cookie" in answer.headers) == (303, HOME, False)
    assert (await enter(world))[0].headers["Location"] == HOME


async def test_on_a_host_of_its_own(tmp_path):
    async with a_world(tmp_path, kind=AddressKind.HOST) as world:
        live(world, "hello")
        await world.gate.protect(HELLO, PASSWORD)
        host = "hello.localhost:8080"
        answer, text = await get(world, "/a", host=host, **BROWSER)
        assert (answer.status, 'action="/_drafterd/enter"' in text) == (401, True)
        answer, _ = await enter(world, path="/_drafterd/enter", to="/a", host=host)
        assert (answer.headers["Location"], "Path=/;" in answer.headers["Set-Cookie"]) == ("/a", True)
        assert (await get(world, "/a", host=host, Cookie=cookie_of(answer)))[0].status == 503
        assert world.gate.share(HELLO, 60)[0].startswith("http://hello.localhost:8080/_drafterd/share/")
        answer, _ = await get(world, HOME)
        assert answer.status == 302, "the other address leads to the one that asks"


# The API


async def ask(world, method, what, body=None, *, draft="hello", token=True):
    async with world.http.request(
        method, f"{world.api}/api/v1/drafts/{draft}/{what}", json=body, headers=world.token if token else {}
    ) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else None


async def test_the_api_protects_and_opens(world):
    live(world, "hello")
    open_ = {"protected": False, "password": False, "configured": False, "enforced": True}
    assert await ask(world, "GET", "access") == (200, open_)
    status, found = await ask(world, "PATCH", "access", {"protected": True, "password": PASSWORD})
    assert (status, found) == (200, {**open_, "protected": True, "password": True, "enforced": False})
    assert (await ask(world, "PATCH", "access", {"protected": True}))[1]["password"], "it stays as it is"
    assert (await enter(world))[0].status == 303
    assert not (await ask(world, "PATCH", "access", {"protected": True, "password": None}))[1]["password"]
    assert await ask(world, "PATCH", "access", {"protected": False}) == (200, open_)


async def test_the_api_shares_and_revokes(protected):
    status, made = await ask(protected, "POST", "shares", {"seconds": 60})
    assert status == 201
    assert made["url"].startswith("http://localhost:8080/api/draft/hello/_drafterd/share/")
    assert await ask(protected, "DELETE", "shares") == (204, None)
    assert (await get(protected, made["url"].removeprefix("http://localhost:8080")))[0].status == 401
    assert (await ask(protected, "POST", "shares"))[0] == 201, "a week without a word"


async def test_what_the_api_refuses(world):
    assert (await ask(world, "POST", "shares"))[0] == 409
    assert (await ask(world, "DELETE", "shares"))[0] == 409
    for body in ({}, {"protected": "yes"}, {"protected": True, "password": "short"}, {"protected": True, "x": 1}):
        assert (await ask(world, "PATCH", "access", body))[0] == 422, body
    assert (await ask(world, "PATCH", "access"))[0] == 422
    for seconds in (0, -1, 400 * 86_400, 1.5):
        assert (await ask(world, "POST", "shares", {"seconds": seconds}))[0] == 422
    for method, what in (("GET", "access"), ("PATCH", "access"), ("POST", "shares"), ("DELETE", "shares")):
        assert (await ask(world, method, what, token=False))[0] == 401
    assert (await ask(world, "GET", "access", draft="a b"))[0] == 404

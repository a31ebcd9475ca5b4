import base64
import dataclasses
import hashlib
import json
import re
import time
from pathlib import Path

import pytest
from yarl import URL

from drafterd.domain.model import AddressKind, BuildStatus, Edit, Goal, Intent, Mend, Presence, Problem
from drafterd.domain.names import DraftId, release_id
from drafterd.domain.repair import Repair
from tests.builders import (
    a_build,
    a_live_view,
    a_record,
    a_release,
    a_source,
    a_target,
    eventually,
)
from tests.integration.web.test_api import next_event
from tests.integration.web.world import a_world

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FAILED = Problem(
    code="build-failed",
    summary="Module not found",
    where="app/page.tsx:3",
    hint="add the file",
    step="build",
    tail=("</pre><script>alert(1)</script>", "the very last line"),
    proposals=("add the file <b>button.tsx</b>",),
    excerpt=("  2 | import a", "> 3 | import b from './<script>'"),
)
TRIED = Repair(code="webpack", step="build", summary="built with <i>webpack</i>", reason="ERROR: <u>no</u>")


async def get(world, path, *, host="localhost:8080", method="GET", **headers):
    response = await world.http.request(
        method,
        URL(world.edge + path, encoded=True),
        headers={"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}},
        allow_redirects=False,
    )
    return response, await response.text()


def live(world, name):
    world.views[DraftId(name)] = dataclasses.replace(a_live_view(), draft=DraftId(name))


def static(world, name, root, *, fallback=""):
    release = dataclasses.replace(a_release(1, argv=(), path=str(root), fallback=fallback), draft=DraftId(name))
    world.put(
        name,
        builds=(a_build(1),),
        releases=(release,),
        current=release_id(1),
        target=dataclasses.replace(a_target(1), address=None),
        confirmed=dataclasses.replace(a_target(1), address=None),
    )


SHAPES = [
    ({"source": a_source(settled=False), "fix": None, "key": None}, "settling", 503),
    ({"builds": (a_build(1, status=BuildStatus.QUEUED),)}, "queued", 503),
    ({"builds": (a_build(1, status=BuildStatus.RUNNING, step="install", started=1.0),)}, "building", 503),
    ({"builds": (a_build(1),), "releases": (a_release(1),)}, "starting", 503),
    ({"builds": (a_build(1, status=BuildStatus.FAILED, problem=FAILED),)}, "failed", 503),
    ({"intent": Intent(goal=Goal.PAUSE)}, "paused", 503),
    ({"source": a_source(presence=Presence.GONE), "builds": (a_build(1),)}, "removing", 404),
]


@pytest.mark.parametrize(("changes", "state", "status"), SHAPES, ids=[shape[1] for shape in SHAPES])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_state_tells_the_truth(world, changes, state, status, method):
    world.put("hello", **changes)
    for path in ("/api/draft/hello", "/api/draft/hello/deep/page?x=1"):
        page, text = await get(world, path, method=method, **BROWSER)
        program, document = await get(world, path, method=method, Accept="application/json")
        for response in (page, program):
            assert response.status == status
            assert int(response.headers["Retry-After"]) >= 1
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Robots-Tag"] == "noindex"
            assert response.headers["X-Draft-State"] == state
        assert page.content_type == "text/html"
        assert "hello" in text
        assert program.content_type == "application/problem+json"
        assert json.loads(document)["state"] == state


async def test_a_page_refreshes_without_a_script(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.QUEUED),))
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    assert '<noscript><meta http-equiv="refresh"' in text


async def test_an_unknown_draft_and_an_unknown_address_list_nothing(world):
    world.put("private-thing")
    for path in ("/api/draft/nobody", "/", "/elsewhere", "/api/draft/", "/api/draft/a%20b", "/api/draft/%2e%2e/x"):
        response, text = await get(world, path, **BROWSER)
        assert response.status == 404
        assert "private-thing" not in text
        response, text = await get(world, path)
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        assert "private-thing" not in text


async def test_the_failed_page_says_what_and_hands_it_on(world):
    edit = Edit(file="<s>package.json</s>", rule="scripts", before="", after="x", reason="a start script was added")
    failed = a_build(1, status=BuildStatus.FAILED, problem=FAILED, repairs=(TRIED,))
    world.put("hello", builds=(failed,), fix=a_record(edits=(edit,)))
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    for wanted in (
        "Module not found",
        "app/page.tsx:3",
        "add the file",
        "the very last line",
        "<textarea",
        "Whoever wrote it can mend it",
        "add the file &lt;b&gt;button.tsx",
        "&gt; 3 | import b",
        "built with &lt;i&gt;webpack",
        "ERROR: &lt;u&gt;no",
        "a start script was added",
    ):
        assert wanted in text
    for hostile in ("<script>alert", "<b>button", "<i>webpack", "<u>no", "<s>package", "'./<script>'"):
        assert hostile not in text
    assert "&lt;script&gt;alert" in text


async def test_programs_are_told_the_same_of_a_failure(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.FAILED, problem=FAILED, repairs=(TRIED,)),))
    _, text = await get(world, "/api/draft/hello")
    document = json.loads(text)
    assert (document["code"], document["hint"]) == ("build-failed", "add the file")
    assert document["problem"]["tail"][-1] == "the very last line"
    assert document["problem"]["excerpt"][-1].startswith("> 3")
    assert document["proposals"] == ["add the file <b>button.tsx</b>"]
    assert [repair["code"] for repair in document["repairs"]] == ["webpack"]


async def test_a_stranger_is_told_what_failed_and_no_line_of_it(world):
    failed = a_build(1, status=BuildStatus.FAILED, problem=FAILED, repairs=(TRIED,))
    world.put("hello", builds=(failed,))
    for headers in (BROWSER, {"Accept": "application/json"}):
        _, text = await get(world, "/api/draft/hello", X_Forwarded_For="192.0.2.7", **headers)
        assert "Module not found" in text
        assert "webpack" in text
        for line in ("the very last line", "import b", "ERROR:"):
            assert line not in text


async def test_a_failure_that_is_not_the_drafts_is_not_handed_to_its_author(world):
    problem = dataclasses.replace(FAILED, mend=Mend.MACHINE, retry_at=time.time() + 60)
    world.put("hello", builds=(a_build(1, status=BuildStatus.FAILED, problem=problem),))
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    assert "the machine is at fault" in text
    assert "tried again by itself" in text
    assert "<textarea" not in text


async def test_the_waiting_page_says_when_a_repair_is_being_tried(world):
    running = a_build(1, status=BuildStatus.RUNNING, step="build", started=time.time(), repairs=(TRIED,))
    world.put("hello", builds=(running,))
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    assert "A repair is being tried" in text
    assert "built with &lt;i&gt;webpack" in text
    world.put("hello", builds=(dataclasses.replace(running, repairs=()),))
    _, text = await get(world, "/api/draft/hello", **BROWSER)
    assert "repair" not in text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("details", "forwarded", "host", "shown"),
    [
        ("local", "127.0.0.1", "localhost:8080", True),
        ("local", None, "localhost:8080", True),
        ("local", "192.0.2.7", "localhost:8080", False),
        ("local", "127.0.0.1, 192.0.2.7", "localhost:8080", False),
        ("local", "127.0.0.1", "evil.example", False),
        ("off", "127.0.0.1", "localhost:8080", False),
        ("all", "192.0.2.7", "localhost:8080", True),
    ],
)
async def test_lines_of_logs_are_for_those_who_may_see_them(tmp_path, details, forwarded, host, shown):
    async with a_world(tmp_path, details=details) as world:
        world.put("hello", builds=(a_build(1, status=BuildStatus.FAILED, problem=FAILED),))
        headers = {"X_Forwarded_For": forwarded} if forwarded else {}
        for accept in (BROWSER["Accept"], "application/json"):
            _, text = await get(world, "/api/draft/hello", host=host, Accept=accept, **headers)
            assert ("the very last line" in text) is shown
            assert "Module not found" in text


async def test_the_token_shows_the_lines_to_a_stranger(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.FAILED, problem=FAILED),))
    _, text = await get(world, "/api/draft/hello", X_Forwarded_For="192.0.2.7", **world.token)
    assert "the very last line" in text


async def test_the_policy_fits_the_page(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.QUEUED),))
    response, text = await get(world, "/api/draft/hello", **BROWSER)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    parts = re.findall(r"<(?:style|script type=\"module\")>(.*?)</(?:style|script)>", text, re.DOTALL)
    assert len(parts) == 3
    for part in parts:
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("kind", "host", "path", "target"),
    [
        (
            AddressKind.PATH,
            "hello.localhost:8080",
            "/a/b?c=%0d%0a",
            "http://localhost:8080/api/draft/hello/a/b?c=%0d%0a",
        ),
        (AddressKind.PATH, "hello.localhost:8080", "/", "http://localhost:8080/api/draft/hello/"),
        (AddressKind.HOST, "localhost:8080", "/api/draft/hello/a?b", "http://hello.localhost:8080/a?b"),
        (AddressKind.HOST, "localhost:8080", "/api/draft/hello", "http://hello.localhost:8080/"),
        (AddressKind.HOST, "localhost:8080", "/api/draft/hello//evil", "http://hello.localhost:8080//evil"),
    ],
)
async def test_the_other_address_leads_to_the_primary_one(tmp_path, kind, host, path, target):
    async with a_world(tmp_path, kind=kind) as world:
        live(world, "hello")
        for method, status in (("GET", 302), ("HEAD", 302), ("POST", 307), ("DELETE", 307)):
            response, _ = await get(world, path, host=host, method=method)
            assert response.status == status
            assert response.headers["Location"] == target


@pytest.mark.parametrize(
    ("path", "referer", "target"),
    [
        ("/logo.png?v=1", "http://localhost:8080/api/draft/hello/page", "/api/draft/hello/logo.png?v=1"),
        ("/api/items", "http://localhost:8080/api/draft/hello", "/api/draft/hello/api/items"),
        ("//evil.example/x", "http://localhost:8080/api/draft/hello/", "/api/draft/hello//evil.example/x"),
    ],
)
async def test_a_stray_request_comes_home(world, path, referer, target):
    live(world, "hello")
    for method, status in (("GET", 302), ("POST", 307), ("PUT", 307)):
        response, _ = await get(world, path, method=method, Referer=referer)
        assert (response.status, response.headers["Location"]) == (status, target)


@pytest.mark.parametrize(
    ("path", "referer"),
    [
        ("/logo.png", "http://localhost:8080/api/draft/hell/page"),
        ("/logo.png", "http://localhost:8080/api/draft/hello2/"),
        ("/logo.png", "http://localhost:8080/other"),
        ("/api/draft/nobody/x", "http://localhost:8080/api/draft/hello/"),
    ],
)
async def test_a_stray_request_goes_to_no_other_draft(world, path, referer):
    live(world, "hello")
    response, _ = await get(world, path, Referer=referer)
    assert response.status == 404


async def test_a_ready_draft_that_the_proxy_does_not_know_yet(world):
    live(world, "hello")
    response, text = await get(world, "/api/draft/hello/x", **BROWSER)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert 'data-refresh="1"' in text
    assert 'data-events=""' in text
    response, text = await get(world, "/api/draft/hello/x")
    assert (response.status, json.loads(text)["code"]) == (503, "draft-not-reached")


async def test_what_the_proxy_shows_for_a_server_that_is_down(world):
    live(world, "hello")
    for url in ("/api/draft/hello/a?b=c", "http://localhost:8080/api/draft/hello/a"):
        response = await world.http.get(
            f"{world.edge}/_drafterd/fallback", params={"status": "502", "url": url}, headers=BROWSER
        )
        assert response.status == 503
        assert "hello does not answer just now" in await response.text()
    for url in ("", "/", "http://[", "//", "/api/draft/..", "javascript:alert(1)"):
        response = await world.http.get(f"{world.edge}/_drafterd/fallback", params={"url": url}, headers=BROWSER)
        assert response.status == 404


async def test_the_waiting_page_lives_and_turns_into_the_draft(world):
    building = a_build(1, status=BuildStatus.RUNNING, step="install", started=time.time())
    world.put("hello", builds=(building,))
    path = world.doors.log_path("hello", 1)
    path.write_text("2026-11-23T01:00:00.000Z first\n")
    url = f"{world.edge}/api/draft/hello/_drafterd/events"
    async with world.http.get(url, headers={"Host": "localhost:8080"}) as response:
        assert response.status == 200
        events = [await next_event(response) for _ in range(3)]
        assert {event["event"] for event in events} == {"live", "clear", "log"}
        shown = {event["event"]: event["data"] for event in events}
        assert json.loads(shown["log"])["html"].endswith("<span>first</span></div>")
        assert "Install dependencies" in shown["live"]
        world.put("hello", builds=(dataclasses.replace(building, step="build", steps={"install": 2.0}),))
        event = await next_event(response)
        assert event["event"] == "live"
        assert "2.0 s" in event["data"]
        live(world, "hello")
        world.control.changed(DraftId("hello"))
        event = await next_event(response)
        if event["event"] == "ended":  # of the log; either may come first
            event = await next_event(response)
        assert (event["event"], event["data"]) == ("reload", '"ready"')
    await eventually(lambda: not world.control._subscribers)


async def test_a_stranger_hears_no_lines(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, started=time.time()),))
    world.doors.log_path("hello", 1).write_text("secret line\n")
    headers = {"Host": "localhost:8080", "X-Forwarded-For": "192.0.2.7"}
    async with world.http.get(f"{world.edge}/api/draft/hello/_drafterd/events", headers=headers) as response:
        assert (await next_event(response))["event"] == "live"
        live(world, "hello")
        world.control.changed(DraftId("hello"))
        assert (await next_event(response))["event"] == "reload"


async def test_an_unknown_draft_is_awaited(world):
    async with world.http.get(
        f"{world.edge}/api/draft/later/_drafterd/events", headers={"Host": "localhost:8080"}
    ) as response:
        await eventually(lambda: world.control._subscribers)
        world.put("later")
        assert (await next_event(response))["event"] == "reload"


async def test_a_draft_on_its_own_host_owns_every_path(tmp_path):
    async with a_world(tmp_path, kind=AddressKind.HOST) as world:
        world.put("hello", builds=(a_build(1, status=BuildStatus.QUEUED),))
        world.put("other", intent=Intent(goal=Goal.PAUSE))
        response, _ = await get(world, "/api/draft/other/x", host="hello.localhost:8080")
        assert response.headers["X-Draft-State"] == "queued"
        response, _ = await get(world, "/", host="nobody.localhost:8080")
        assert (response.status, response.headers["X-Draft-State"]) == (404, "unknown")


# Static drafts


@pytest.fixture
def site(tmp_path):
    root = tmp_path / "site"
    (root / "docs").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "_next/static").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".well-known").mkdir()
    (root / "index.html").write_text("<h1>home</h1>")
    (root / "about.html").write_text("about")
    (root / "docs/index.html").write_text("docs")
    (root / "app.js").write_text("let a = 'ä'")
    (root / "_next/static/x.js").write_text("1")
    (root / "404.html").write_text("own 404")
    (root / ".env").write_text("SECRET")
    (root / ".git/config").write_text("SECRET")
    (root / ".well-known/x.txt").write_text("well")
    (root / "a b ü.txt").write_text("spaced")
    (tmp_path / "outside.txt").write_text("SECRET")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "linked").symlink_to(tmp_path)
    (root / "big.bin").write_bytes(bytes(range(256)) * 4)
    return root


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", (200, "<h1>home</h1>", "text/html")),
        ("/index.html", (200, "<h1>home</h1>", "text/html")),
        ("/about", (200, "about", "text/html")),
        ("/docs/", (200, "docs", "text/html")),
        ("/app.js", (200, "let a = 'ä'", "text/javascript")),
        ("/a%20b%20%C3%BC.txt", (200, "spaced", "text/plain")),
        ("/.well-known/x.txt", (200, "well", "text/plain")),
        ("/missing", (404, "own 404", "text/html")),
    ],
)
async def test_files_are_served(world, site, path, answer):
    static(world, "hello", site)
    response, text = await get(world, f"/api/draft/hello{path}", **BROWSER)
    assert (response.status, text, response.content_type) == answer
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/link.txt",
        "/linked/outside.txt",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/docs/..%2f..%2foutside.txt",
        "/%2e%2e%2foutside.txt",
        "/docs/../../outside.txt",
        "//etc/passwd",
        "/etc%2fpasswd",
        "/app.js%00.html",
        "/%ff",
        "/empty/",
        "/empty",
        "/app.js/x",
        "/" + "a/" * 100,
        "/" + "a" * 300,
    ],
)
async def test_nothing_else_is(world, site, path):
    static(world, "hello", site)
    (site / "404.html").unlink()
    url = URL(f"{world.edge}/api/draft/hello{path}", encoded=True)
    async with world.http.get(url, headers={"Host": "localhost:8080"}, allow_redirects=False) as response:
        assert response.status == 404
        assert "SECRET" not in await response.text()


async def test_a_folder_gets_its_slash(world, site):
    static(world, "hello", site)
    for path, target in (("", "/"), ("?a=1", "/?a=1"), ("/docs", "/docs/"), ("/docs?x=%0a", "/docs/?x=%0a")):
        response, _ = await get(world, f"/api/draft/hello{path}")
        assert (response.status, response.headers["Location"]) == (302, f"/api/draft/hello{target}")


async def test_ranges_tags_and_caching(world, site):
    static(world, "hello", site)
    response = await world.http.get(
        f"{world.edge}/api/draft/hello/big.bin", headers={"Host": "localhost:8080", "Range": "bytes=10-19"}
    )
    assert (response.status, await response.read()) == (206, bytes(range(10, 20)))
    assert response.headers["Content-Range"] == "bytes 10-19/1024"
    response, _ = await get(world, "/api/draft/hello/")
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Last-Modified" in response.headers
    tag = response.headers["ETag"]
    response, text = await get(world, "/api/draft/hello/", If_None_Match=tag)
    assert (response.status, text) == (304, "")
    for asked in ({"If_Range": '"another version"', "Range": "bytes=0-3"}, {"Range": "bytes=0-0,2-2"}):
        response, text = await get(world, "/api/draft/hello/", **asked)
        assert (response.status, text) == (200, "<h1>home</h1>"), "no piece of another version, nor of several"
    response, _ = await get(world, "/api/draft/hello/_next/static/x.js")
    assert "immutable" in response.headers["Cache-Control"]
    response, text = await get(world, "/api/draft/hello/", method="HEAD")
    assert (response.status, response.headers["Content-Length"], text) == (200, "13", "")


async def test_files_can_only_be_read(world, site):
    static(world, "hello", site)
    response, _ = await get(world, "/api/draft/hello/", method="POST")
    assert response.status == 405
    assert response.headers["Allow"] == "GET,HEAD"


async def test_a_fallback_page_answers_for_pages_only(world, site):
    static(world, "hello", site, fallback="index.html")
    response, text = await get(world, "/api/draft/hello/deep/route", **BROWSER)
    assert (response.status, text) == (200, "<h1>home</h1>")
    response, _ = await get(world, "/api/draft/hello/chunk-1.js")
    assert response.status == 404


async def test_a_static_draft_on_its_own_host(tmp_path, site):
    async with a_world(tmp_path, kind=AddressKind.HOST) as world:
        static(world, "Hello_1", site)
        host = world.control.draft(DraftId("Hello_1")).url.split("/")[2]
        response, text = await get(world, "/about", host=host)
        assert (response.status, text) == (200, "about")
        response, _ = await get(world, "/docs", host=host)
        assert response.headers["Location"] == "/docs/"
        response, _ = await get(world, "//docs", host=host)
        assert response.status == 404


async def test_a_slow_visitor_of_a_deep_file_holds_few_descriptors(world, site):
    deep = site.joinpath(*"abcdefghijklmnopqrstuvwxyz")
    deep.mkdir(parents=True)
    with (deep / "big.bin").open("wb") as file:
        file.truncate(50_000_000)
    static(world, "hello", site)
    before = descriptors()
    url = f"{world.edge}/api/draft/hello/{'/'.join('abcdefghijklmnopqrstuvwxyz')}/big.bin"
    async with world.http.get(url, headers={"Host": "localhost:8080"}) as answer:
        assert answer.status == 200
        await answer.content.read(10)
        assert descriptors() - before < 10


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))

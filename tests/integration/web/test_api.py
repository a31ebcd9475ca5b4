import asyncio
import dataclasses
import json
import re
import time

import aiohttp
import pytest

from drafterd.domain.model import BuildStatus, Edit, Kind, Problem, Recipe
from drafterd.domain.repair import Repair
from tests.builders import a_build, a_live_view, a_record, a_source, an_instance, eventually

HTML = {"Accept": "text/html"}
REPAIR = Repair(code="webpack", step="build", summary="built with webpack", reason="ERROR: no")


async def problem(response):
    assert response.content_type == "application/problem+json"
    found = json.loads(await response.text())
    assert {"type", "title", "status", "detail", "code", "hint"} <= found.keys()
    assert found["status"] == response.status
    return found


async def test_a_draft_has_the_shape_that_programs_rely_on(world):
    failed = Problem(
        code="build-failed",
        summary="no",
        where="app/page.tsx:3",
        step="build",
        since=5.0,
        tail=("a",),
        proposals=("add it",),
        excerpt=("> 3 | x",),
    )
    ended = a_build(7, status=BuildStatus.FAILED, started=10.0, finished=46.0, steps={"build": 16}, problem=failed)
    world.put("hello", builds=(dataclasses.replace(ended, repairs=(REPAIR,)),))
    async with world.http.get(f"{world.api}/api/v1/drafts/hello", headers=world.token) as response:
        found = await response.json()
    assert found == {
        "id": "hello",
        "state": "failed",
        "serving": None,
        "work": "none",
        "problem": {
            "code": "build-failed",
            "summary": "no",
            "where": "app/page.tsx:3",
            "hint": "",
            "mend": "draft",
            "step": "build",
            "since": "1970-01-01T00:00:05Z",
            "retry_at": None,
            "tail": ["a"],
            "proposals": ["add it"],
            "excerpt": ["> 3 | x"],
        },
        "url": "http://localhost:8080/api/draft/hello",
        "urls": ["http://localhost:8080/api/draft/hello", "http://hello.localhost:8080/"],
        "port": 3001,
        "protected": False,
        "source": {"digest": "d1", "settled_at": None},
        "build": {
            "number": 7,
            "status": "failed",
            "step": "",
            "seconds": 36.0,
            "steps": {"build": 16.0},
            "repairs": [{"code": "webpack", "step": "build", "summary": "built with webpack", "reason": "ERROR: no"}],
        },
        "repairs": [],
        "edits": 0,
        "instance": None,
        "last_request": None,
        "pinned": None,
        "releases": [],
        "expires_at": None,
        "kept": [],
    }


async def test_without_the_token_lines_of_logs_are_left_out(world):
    failed = Problem(code="x", summary="no", tail=("a secret",), excerpt=("> 1 | a secret",))
    repair = dataclasses.replace(REPAIR, reason="a secret")
    tried = a_build(2, status=BuildStatus.FAILED, problem=failed, repairs=(repair,))
    live = a_live_view(builds=(tried, a_build(1, repairs=(repair,))))
    fields = {field: getattr(live, field) for field in live.__slots__ if field != "draft"}
    world.put("hello", **fields)
    for path in ("/api/v1/drafts", "/api/v1/drafts/hello", "/", "/drafts/hello"):
        async with world.http.get(world.api + path) as response:
            assert response.status == 200
            assert "a secret" not in await response.text()


async def test_what_it_serves_is_told_with_its_repairs_and_its_kind(world):
    newer = a_build(2, status=BuildStatus.FAILED, problem=Problem(code="x", summary="no"))
    live = a_live_view(
        builds=(newer, a_build(1, repairs=(REPAIR,))),
        fix=a_record(
            edits=(Edit(file="package.json", rule="scripts", before="", after="x", reason="added"),),
            recipe=Recipe(kind=Kind.NEXT, why="next", framework="Next.js", manager="pnpm@9.1.0"),
        ),
    )
    world.put("hello", **{field: getattr(live, field) for field in live.__slots__ if field != "draft"})
    async with world.http.get(f"{world.api}/api/v1/drafts/hello", headers=world.token) as response:
        found = await response.json()
    assert (found["state"], [repair["code"] for repair in found["repairs"]], found["edits"]) == (
        "ready",
        ["webpack"],
        1,
    )
    assert found["build"]["repairs"] == []
    async with world.http.get(f"{world.api}/api/v1/drafts/hello/fixes", headers=world.token) as response:
        fixes = await response.json()
    assert (fixes["kind"], fixes["framework"], fixes["manager"]) == ("nextjs", "Next.js", "pnpm@9.1.0")
    async with world.http.get(f"{world.api}/drafts/hello", headers=world.token) as response:
        assert "Live with 1 repair" in await response.text()
    async with world.http.get(world.api, headers=world.token) as response:
        text = await response.text()
    assert "live with 1 repair" in text
    assert "built with webpack" in text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/v1/drafts/hello"),
        ("POST", "/api/v1/drafts/hello/builds"),
        ("POST", "/api/v1/drafts/hello/stop"),
        ("POST", "/api/v1/scan"),
        ("GET", "/api/v1/drafts/hello/builds"),
        ("GET", "/api/v1/drafts/hello/builds/1"),
        ("GET", "/api/v1/drafts/hello/builds/1/log"),
        ("GET", "/api/v1/drafts/hello/log"),
        ("GET", "/api/v1/drafts/hello/fixes"),
        ("GET", "/api/v1/routes"),
        ("GET", "/api/v1/queue"),
    ],
)
async def test_what_needs_the_token_is_refused_without_it(world, method, path):
    world.put("hello", builds=(a_build(1),))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "drafterd=99999999999.0"}):
        async with world.http.request(method, world.api + path, headers=headers) as response:
            assert response.status == 401
            assert (await problem(response))["code"] == "token-needed"
            assert "Bearer" in response.headers["WWW-Authenticate"]
    assert world.doors.intents == []
    assert world.doors.scans == 0


async def test_a_proxy_in_front_is_not_the_loopback(world):
    async with world.http.get(f"{world.api}/api/v1/drafts", headers={"X-Forwarded-For": "127.0.0.1"}) as response:
        assert response.status == 401


async def test_a_strange_host_name_is_refused_everywhere(world):
    for path in ("/livez", "/", "/api/v1/drafts", "/nothing", "/_drafterd/static/drafterd.css"):
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", ""):
            async with world.http.get(world.api + path, headers={"Host": host, **world.token}) as response:
                assert response.status == 421
                assert (await problem(response))["code"] == "host-not-allowed"


async def test_the_unix_socket_needs_no_token(world):
    assert world.socket.stat().st_mode & 0o777 == 0o660
    connector = aiohttp.UnixConnector(path=str(world.socket))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post("http://anything/api/v1/scan") as response,
    ):
        assert response.status == 202
    assert world.doors.scans == 1


async def test_the_code_becomes_a_cookie_that_no_draft_receives(world):
    code = world.access.new_code()
    async with world.http.get(f"{world.api}/?code={code}", allow_redirects=False) as response:
        assert response.status == 303
        cookies = response.headers.getall("Set-Cookie")
    assert [cookie.split("; ")[1] for cookie in cookies] == ["Path=/drafts", "Path=/api/v1"]
    assert all("HttpOnly" in cookie and "SameSite=Strict" in cookie for cookie in cookies)
    cookie = {"Cookie": cookies[0].partition(";")[0]}
    async with world.http.get(f"{world.api}/api/v1/queue", headers=cookie) as response:
        assert response.status == 200
    async with world.http.get(f"{world.api}/?code={code}", headers=HTML) as response:
        assert response.status == 401

    for origin, status in ((None, 403), ("http://evil.example", 403), ("null", 403), (world.api, 202)):
        headers = cookie if origin is None else {**cookie, "Origin": origin}
        async with world.http.post(f"{world.api}/api/v1/scan", headers=headers) as response:
            assert response.status == status
    assert world.doors.scans == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/api/v1/nothing", 404, "not-found"),
        ("PUT", "/api/v1/drafts", 405, "method-not-allowed"),
        ("GET", "/api/v1/drafts/nobody", 404, "not-found"),
        ("GET", "/api/v1/drafts/a%20b", 404, "bad-name"),
        ("GET", "/api/v1/drafts/..%2f..%2fetc", 404, "bad-name"),
        ("GET", "/api/v1/drafts/hello/builds/99", 404, "not-found"),
        ("GET", "/api/v1/drafts/hello/builds/0", 404, "not-found"),
        ("GET", "/api/v1/drafts/hello/builds/1/log", 404, "not-found"),
        ("GET", "/api/v1/drafts/hello/log", 404, "not-found"),
        ("GET", "/api/v1/drafts?colour=red", 422, "wrong-values"),
        ("GET", "/api/v1/drafts?limit=many", 422, "wrong-values"),
        ("GET", "/api/v1/drafts?limit=0", 422, "wrong-values"),
        ("GET", "/api/v1/drafts?limit=1&limit=2", 422, "wrong-values"),
        ("GET", "/api/v1/drafts?state=happy", 422, "wrong-values"),
        ("GET", "/api/v1/drafts?cursor=x", 422, "wrong-values"),
        ("GET", "/api/v1/drafts/hello?wait=ready&timeout=nan", 422, "wrong-values"),
        ("GET", "/api/v1/drafts/hello?timeout=1e9", 422, "wrong-values"),
        ("DELETE", "/api/v1/drafts/hello?purge=all", 422, "wrong-values"),
        ("POST", "/api/v1/drafts/hello/builds/1/cancel", 409, "wrong-state"),
        ("GET", "/_drafterd/static/..%2fstatus.html", 404, "not-found"),
        ("GET", "/_drafterd/static/status.html", 404, "not-found"),
    ],
)
async def test_every_error_is_a_problem_document(world, method, path, status, code):
    world.put("hello", builds=(a_build(1),))
    async with world.http.request(method, world.api + path, headers=world.token) as response:
        assert response.status == status
        assert (await problem(response))["code"] == code


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"clean": true}', "application/json", 202),
        (b'{"clean": "true"}', "application/json", 422),
        (b'{"clean": 1}', "application/json", 422),
        (b'{"clear": true}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"clean": true}', "text/plain", 415),
        (b"clean=true", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 202),
        (b" " * 70_000, "application/json", 413),
    ],
)
async def test_a_body_is_strict(world, body, kind, status):
    world.put("hello", builds=(a_build(1),))
    headers = {**world.token, "Content-Type": kind}
    async with world.http.post(f"{world.api}/api/v1/drafts/hello/builds", data=body, headers=headers) as response:
        assert response.status == status
        if status != 202:
            await problem(response)


async def test_a_build_is_asked_for_and_cancelled(world):
    world.put("hello", builds=(a_build(1),))
    async with world.http.post(
        f"{world.api}/api/v1/drafts/hello/builds", json={"clean": True}, headers=world.token
    ) as response:
        assert response.status == 202
        where = response.headers["Location"]
        assert (await response.json())["clean"] is True
    assert where == "/api/v1/drafts/hello/builds/2"
    async with world.http.get(f"{world.api}/api/v1/queue", headers=world.token) as response:
        assert [row["position"] for row in (await response.json())["items"]] == [1]
    async with world.http.post(f"{world.api}{where}/cancel", headers=world.token) as response:
        assert (response.status, (await response.json())["status"]) == (202, "cancelled")
    async with world.http.get(f"{world.api}/api/v1/drafts/hello/builds", headers=world.token) as response:
        assert [row["number"] for row in (await response.json())["items"]] == [2, 1]


async def test_stop_and_start_say_whether_something_changed(world):
    world.put("hello")
    answers = []
    for verb in ("stop", "stop", "start", "start"):
        async with world.http.post(f"{world.api}/api/v1/drafts/hello/{verb}", headers=world.token) as response:
            answers.append((response.status, (await response.json())["state"] == "paused"))
    assert answers == [(202, True), (200, True), (202, False), (200, False)]


async def test_a_draft_is_removed_with_its_folder_only_when_told(world):
    folder = world.state / "drafts-in" / "hello"
    folder.mkdir(parents=True)
    world.put("hello")
    async with world.http.delete(f"{world.api}/api/v1/drafts/hello", headers=world.token) as response:
        assert response.status == 202
    assert folder.exists()
    world.put("hello")
    async with world.http.delete(f"{world.api}/api/v1/drafts/hello?purge=source", headers=world.token) as response:
        assert response.status == 202
    assert not folder.exists()


async def test_the_list_is_cached_by_its_tag(world):
    world.put("hello", source=a_source(settled=False), fix=None, key=None)
    async with world.http.get(f"{world.api}/api/v1/drafts") as response:
        tag = response.headers["ETag"]
    async with world.http.get(f"{world.api}/api/v1/drafts", headers={"If-None-Match": tag}) as response:
        assert response.status == 304
    world.put("other")
    async with world.http.get(f"{world.api}/api/v1/drafts", headers={"If-None-Match": tag}) as response:
        assert response.status == 200


async def test_a_long_poll_ends_with_the_state(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.QUEUED),))

    async def ask(seconds):
        url = f"{world.api}/api/v1/drafts/hello?wait=building&timeout={seconds}"
        async with world.http.get(url) as response:
            return (await response.json())["state"]

    began = time.monotonic()
    assert await ask(0.2) == "queued"
    assert time.monotonic() - began < 5

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ask(60))
        await eventually(lambda: len(world.control._subscribers) == 1)
        world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, started=time.time()),))
    assert asked.result() == "building"


async def test_probes(world):
    async with world.http.get(f"{world.api}/readyz?verbose") as response:
        assert response.status == 200
        assert {check["name"] for check in (await response.json())["checks"]} == {"runtime", "proxy", "first-pass"}
    world.doors.up = False
    for path, status in (("/livez", 200), ("/readyz", 503), ("/healthz", 503)):
        async with world.http.get(world.api + path) as response:
            assert response.status == status
    async with world.http.get(f"{world.api}/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "drafterd_ports_free 998.0" in await response.text()


async def test_the_fixes_are_told(world):
    edit = Edit(file="package.json", rule="scripts", before="a", after="b", reason="why")
    world.put("hello", fix=a_record(edits=(edit,)))
    async with world.http.get(f"{world.api}/api/v1/drafts/hello/fixes", headers=world.token) as response:
        found = await response.json()
    assert found["edits"][0] == {
        "rule": "scripts",
        "file": "package.json",
        "before": "a",
        "after": "b",
        "reason": "why",
        "applied": True,
    }


async def test_a_build_log_as_text(world):
    world.put("hello", builds=(a_build(1),))
    world.doors.log_path("hello", 1).write_text("".join(f"line {n}\n" for n in range(100)))
    url = f"{world.api}/api/v1/drafts/hello/builds/1/log"
    async with world.http.get(url, headers=world.token) as response:
        assert (await response.text()).count("\n") == 100
        assert response.content_type == "text/plain"
    async with world.http.get(f"{url}?tail=2", headers=world.token) as response:
        assert await response.text() == "line 98\nline 99\n"
    async with world.http.get(url, headers={**world.token, "Range": "bytes=0-5"}) as response:
        assert (response.status, await response.text()) == (206, "line 0")


async def test_a_build_log_live_and_resumed(world):
    running = a_build(1, status=BuildStatus.RUNNING, started=time.time())
    world.put("hello", builds=(running,))
    path = world.doors.log_path("hello", 1)
    path.write_text("one\ntwo\n")
    headers = {**world.token, "Accept": "text/event-stream"}
    url = f"{world.api}/api/v1/drafts/hello/builds/1/log"
    async with world.http.get(url, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        assert await next_event(response) == {"id": "4", "data": "one"}
        assert await next_event(response) == {"id": "8", "data": "two"}
    async with world.http.get(url, headers={**headers, "Last-Event-ID": "4"}) as response:
        assert await next_event(response) == {"id": "8", "data": "two"}
        with path.open("a") as file:
            file.write("\x1b[31mthree\x1b[0m <b>\n")
        assert (await next_event(response))["data"] == "\x1b[31mthree\x1b[0m <b>"
        world.put("hello", builds=(a_build(1),))
        assert await next_event(response) == {"event": "end", "data": "succeeded"}
    async with world.http.get(url, headers={**headers, "Last-Event-ID": "-4"}) as response:
        assert response.status == 422


NOW = "2026-11-24T03:30:00.500Z"


async def test_each_line_of_a_build_log_with_its_time_and_step(world):
    running = a_build(1, status=BuildStatus.RUNNING, started=time.time())
    world.put("hello", builds=(running,))
    world.doors.log_path("hello", 1).write_text(
        f"{NOW} == build\n{NOW} \x1b[31mError: a\x1b[0m\x1b[2J\n{NOW} -- ours\n{NOW} fine\n"
    )
    url = f"{world.api}/api/v1/drafts/hello/builds/1/log"
    wanted = [
        {"time": NOW, "step": "build", "kind": kind, "text": text, "error": False}
        for kind, text in (
            ("step", "build"),
            ("output", "\x1b[31mError: a\x1b[0m"),
            ("note", "ours"),
            ("output", "fine"),
        )
    ]
    for query, number in (("", 4), ("&tail=2", 2)):
        async with world.http.get(f"{url}?format=json{query}", headers=world.token) as response:
            assert response.content_type == "application/x-ndjson"
            assert [json.loads(line) async for line in response.content] == wanted[-number:]
    async with world.http.get(f"{url}?errors=1", headers=world.token) as response:
        assert await response.text() == f"{NOW} \x1b[31mError: a\x1b[0m\n"
    headers = {**world.token, "Accept": "text/event-stream"}
    async with world.http.get(f"{url}?format=json", headers=headers) as response:
        assert [json.loads((await next_event(response))["data"]) for _ in range(4)] == wanted
    async with world.http.get(f"{url}?format=xml", headers=world.token) as response:
        assert response.status == 422


async def test_the_first_error_of_a_build_with_the_lines_around_it(world):
    problem = Problem(code="build-failed", summary="Error: boom", where="app/page.tsx:3", step="build")
    world.put("hello", builds=(a_build(1, status=BuildStatus.FAILED, problem=problem),))
    lines = ["== build", *(f"line {n}" for n in range(30)), "Error: boom", *(f"line {n}" for n in range(30))]
    world.doors.log_path("hello", 1).write_text("".join(f"{NOW} {line}\n" for line in lines))
    url = f"{world.api}/api/v1/drafts/hello/builds/1/log?errors=1"
    async with world.http.get(url, headers=world.token) as response:
        shown = (await response.text()).splitlines()
    assert (len(shown), shown[9], shown[10]) == (21, f"{NOW} line 29", f"> {NOW} Error: boom")
    async with world.http.get(f"{url}&format=json", headers=world.token) as response:
        found = [json.loads(line) async for line in response.content]
    assert [line["text"] for line in found if line["error"]] == ["Error: boom"]


async def test_what_a_server_prints_is_shown_with_stars_for_its_secrets(world):
    live = a_live_view(instances=(an_instance(1, pid=42),))
    world.put("hello", **{field: getattr(live, field) for field in live.__slots__ if field != "draft"})
    world.doors.secrets = {"KEY": "open-sesame-1"}
    path = world.state / f"{an_instance(1).id}-0.log"
    path.write_bytes(b"one open-sesame-1\n\x1b[2Jtwo\x07 \x1b[31mred\x1b[0m\nthree open-ses")
    stars = b"one *************\n?[2Jtwo? \x1b[31mred\x1b[0m\nthree ********"
    url = f"{world.api}/api/v1/drafts/hello/log"
    async with world.http.get(url, headers=world.token) as response:
        assert (response.status, await response.read()) == (200, stars)
    for given, begin, end in (("bytes=8-", 8, None), ("bytes=6-9", 6, 10), ("bytes=-9", len(stars) - 9, None)):
        async with world.http.get(url, headers={**world.token, "Range": given}) as response:
            assert (response.status, await response.read()) == (206, stars[begin:end])
            assert response.headers["Content-Range"].startswith(f"bytes {begin}-")
    async with world.http.get(url, headers={**world.token, "Range": f"bytes={len(stars)}-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(stars)}")
    async with world.http.head(url, headers=world.token) as response:
        assert (response.status, response.content_length) == (200, len(stars))
    async with world.http.get(f"{url}?tail=2", headers=world.token) as response:
        assert await response.text() == "two\ufffd \x1b[31mred\x1b[0m\nthree [KEY]\n"


async def test_the_page_of_a_draft_hears_the_log_of_its_builds(world):
    running = a_build(1, status=BuildStatus.RUNNING, step="build", started=1795491000.0, steps={"install": 2.0})
    world.put("hello", builds=(running,))
    path = world.doors.log_path("hello", 1)
    path.write_text(f"{NOW} == install\n{NOW} added <b>\n")
    url = f"{world.api}/drafts/hello/log"
    async with world.http.get(url) as response:
        assert response.status == 401
    async with world.http.get(url, headers=world.token) as response:
        first = [await next_event(response) for _ in range(3)]
        assert [event["event"] for event in first] == ["clear", "step", "log"]
        place = first[2]["id"]
        assert place == f"1-{path.stat().st_size}"
        assert "<span>added &lt;b&gt;</span>" in json.loads(first[2]["data"])["html"]
    async with world.http.get(url, params={"log": place}, headers=world.token) as response:
        with path.open("a") as file:
            file.write(f"{NOW} == build\n{NOW} more\n")
        step = json.loads((await next_event(response))["data"])
        assert step == {"step": "build", "label": "Build", "took": "2.0 s"}
        log = await next_event(response)
        assert json.loads(log["data"])["html"].count("<div") == 1
        world.put("hello", builds=(dataclasses.replace(running, status=BuildStatus.CANCELLED),))
        ended = await next_event(response)
        assert (ended["event"], json.loads(ended["data"])["state"]) == ("ended", "ended")
    headers = {**world.token, "Last-Event-ID": log["id"]}
    async with world.http.get(url, params={"log": place}, headers=headers) as response:
        assert (await next_event(response))["event"] == "ended"


async def test_a_flood_is_cut_short_on_pages(world):
    world.put("hello", builds=(a_build(1, status=BuildStatus.RUNNING, step="build", started=1795491000.0),))
    path = world.doors.log_path("hello", 1)
    path.write_text(f"{NOW} == build\n" + "".join(f"{NOW} {number}\n" for number in range(3000)))
    url = f"{world.api}/drafts/hello/log"
    async with world.http.get(url, params={"log": "1-0"}, headers=world.token) as response:
        assert (await next_event(response))["event"] == "step"
        html = json.loads((await next_event(response))["data"])["html"]
    assert re.search(r"\d{3} lines are not shown here", html)
    assert html.count("<div") == 501


async def next_event(response):
    """The next event of a stream, pings left out."""
    found: dict[str, str] = {}
    while True:
        line = (await response.content.readline()).decode()
        assert line, "the stream has ended"
        line = line.rstrip("\r\n")
        if not line and found:
            return found
        name, colon, value = line.partition(": ")
        if colon and name:
            found[name] = f"{found[name]}\n{value}" if name in found else value


async def test_the_openapi_document_names_every_route(world):
    async with world.http.get(f"{world.api}/openapi.json") as response:
        document = await response.json()
    assert document["openapi"] == "3.1.0"
    text = json.dumps(document)
    wanted = set(text.split('"#/components/schemas/')[1:])
    assert {name.partition('"')[0] for name in wanted} <= document["components"]["schemas"].keys()
    world.put("hello", builds=(a_build(1, status=BuildStatus.QUEUED),))
    for path, verbs in document["paths"].items():
        url = world.api + path.replace("{id}", "hello").replace("{number}", "1")
        if "get" in verbs and path != "/openapi.json":
            async with world.http.get(url, headers=world.token) as response:
                codes = {int(code) for code in verbs["get"]["responses"]}
                assert response.status in codes, path


async def test_the_pages_carry_their_walls(world):
    world.put("hello")
    for path in ("/", "/drafts/hello", "/drafts/nobody"):
        async with world.http.get(world.api + path, headers=HTML) as response:
            assert response.content_type == "text/html"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "<script>" not in await response.text()


async def test_the_status_page_tells_of_folders_that_cannot_be_taken(world):
    world.doors.rejects = {"<img src=x>": Problem(code="bad-name", summary="no", hint="rename it")}
    async with world.http.get(f"{world.api}/") as response:
        text = await response.text()
    assert "&lt;img src=x&gt;" in text
    assert "rename it" in text
    assert "not isolated" in text


async def test_the_status_page_hears_of_changes(world):
    async with world.http.get(f"{world.api}/drafts/_drafterd/events") as response:
        assert await next_event(response) == {"event": "changed", "data": "[]"}
        world.put("hello")
        assert await next_event(response) == {"event": "changed", "data": '["hello"]'}

"""What both proxies owe to visitors, to drafts and to the daemon: one contract, a real Traefik and a real nginx."""

import asyncio
import contextlib
import os
import re
import resource
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from yarl import URL

from drafterd.domain import names
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, RouteTable, Target, host_of, table_of
from drafterd.route import certificate as own_certificate
from tests.builders import eventually
from tests.integration.route.conftest import LET_IN, World, echo_answer, echoing, free_address, opened, serving

D1 = DraftId("d1")


def at(address: Address | None, draft: str = "") -> Target:
    """Built for its path."""
    return Target(address=address, base_path=f"/api/draft/{draft}")


async def test_a_path_leads_to_its_draft_and_to_no_other(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("ten")) as ten:
        await world.publish(d1=at(one), d10=at(ten))
        for path in ("/api/draft/d1", "/api/draft/d1/", "/api/draft/d1/a?b=c"):
            assert (await world.seen(path))["by"] == "one"
        assert (await world.seen("/api/draft/d10/a"))["by"] == "ten"
        assert (await world.seen("/api/draft/d100"))["by"] == "edge"
        assert (await world.seen("/api/draft/d"))["by"] == "edge"


async def test_names_that_differ_in_case_alone_are_different_drafts(world: World) -> None:
    async with serving(echoing("small")) as small, serving(echoing("capital")) as capital:
        await world.publish(shop=at(small), Shop=at(capital), d1=at(small), Own=at(capital))
        assert who(await world.seen("/api/draft/shop/x")) == "small"
        assert who(await world.seen("/api/draft/Shop/x")) == "capital"
        assert who(await world.seen("/api/draft/Own")) == "capital"
        for path in ("SHOP", "sHop/x", "D1", "D1/x", "own"):
            assert who(await world.seen(f"/api/draft/{path}")) == "edge", path
        await world.publish(Shop=at(capital))
        assert who(await world.seen("/api/draft/Shop")) == "capital"
        assert who(await world.seen("/api/draft/shop")) == "edge"


async def test_nothing_is_taken_off_the_path_of_a_draft_with_a_base_path(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=at(one))
        assert (await world.seen("/api/draft/d1/a%2Fb%20c?x=%2F"))["path"] == "/api/draft/d1/a%2Fb%20c?x=%2F"


async def test_the_prefix_is_taken_off_for_a_draft_without_a_base_path(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=Target(address=one, strip="/api/draft/d1"))
        assert (await world.seen("/api/draft/d1/a/b?c=d"))["path"] == "/a/b?c=d"
        seen = await world.seen("/api/draft/d1/", headers={"X-Forwarded-Prefix": "/elsewhere"})
        assert seen["path"] == "/"
        assert seen["headers"]["x-forwarded-prefix"] == "/api/draft/d1"


async def test_a_stripped_draft_gets_its_final_slash(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=Target(address=one, strip="/api/draft/d1"))
        async with world.ask("/api/draft/d1?a=b") as response:
            assert (response.status, response.headers["Location"]) == (302, "/api/draft/d1/?a=b")
            assert response.headers["X-Robots-Tag"] == "noindex"
        async with world.ask("/api/draft/d1", method="POST", data=b"x") as response:
            assert (response.status, response.headers["Location"]) == (307, "/api/draft/d1/")
            assert response.headers["X-Robots-Tag"] == "noindex"


async def test_a_host_leads_to_its_draft_whatever_the_path(world: World) -> None:
    shop = DraftId("My_Shop")
    async with serving(echoing("shop")) as server, serving(echoing("other")) as other:
        await world.publish(My_Shop=Target(address=server, kind=AddressKind.HOST), other=at(other))
        host = host_of(shop, "localhost")
        for path in ("/", "/api/draft/other/", "/_next/image?url=%2Fa.png", "/about"):
            assert who(await world.seen(path, host=host)) == "shop"
        assert who(await world.seen("/api/draft/My_Shop/")) == "edge", "the other address: the daemon redirects"


def two_with_one_host() -> tuple[str, str]:
    """Names that a label cannot show differ in a hash: where that is short enough, two share it."""
    found: dict[str, str] = {}
    for number in range(1_000):
        name = "".join(c.upper() if number >> place & 1 else c for place, c in enumerate("abcdefghijklmnopqrst"))
        host = host_of(DraftId(name), "localhost")
        if host in found:
            return min(name, found[host]), max(name, found[host])
        found[host] = name
    raise AssertionError("no two")


async def test_of_two_drafts_with_one_host_the_first_has_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_HASH_LENGTH", 2)
    first, second = two_with_one_host()
    host = host_of(DraftId(first), "localhost")
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        hosted = {
            first: Target(address=one, kind=AddressKind.HOST),
            second: Target(address=two, kind=AddressKind.HOST),
        }
        table = await world.publish(**hosted, other=at(two))
        assert await world.proxy.observe() == table
        for _ in range(5):
            assert who(await world.seen("/", host=host)) == "one"
        assert who(await world.seen("/api/draft/other")) == "two"
        await world.publish(**{second: hosted[second]})
        assert who(await world.seen("/", host=host)) == "two"


async def test_a_draft_never_shows_up_inside_a_host(world: World) -> None:
    """Else its pages would have the origin of the draft whose host it is."""
    async with serving(echoing("evil")) as evil:
        await world.publish(evil=at(evil))
        assert who(await world.seen("/api/draft/evil/", host="sleeping.localhost")) == "edge"
        assert who(await world.seen("/api/draft/evil/", host="anything.example")) == "evil"


async def test_a_static_draft_is_answered_by_the_daemon_and_shows_as_a_route(world: World) -> None:
    await world.publish(page=at(None), site=Target(address=None, kind=AddressKind.HOST))
    assert (await world.seen("/api/draft/page/a.css"))["path"] == "/api/draft/page/a.css"
    assert who(await world.seen("/a.css", host="site.localhost")) == "edge"


async def test_all_else_reaches_the_daemon_whole(world: World) -> None:
    seen = await world.seen("/api/draft/asleep/form?x=1", method="POST", data=b"name=me")
    assert (seen["by"], seen["method"], seen["path"], seen["body"]) == (
        "edge",
        "POST",
        "/api/draft/asleep/form?x=1",
        "name=me",
    )
    assert who(await world.seen("/")) == "edge"
    assert (await world.seen("/", host="asleep.localhost"))["headers"]["host"].startswith("asleep.localhost")


async def test_a_stray_request_reaches_the_daemon_with_its_referer(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=at(one))
        referer = world.url("/api/draft/d1/page")
        seen = await world.seen("/api/x", method="POST", data=b"{}", headers={"Referer": referer})
        assert (seen["by"], seen["path"], seen["headers"]["referer"]) == ("edge", "/api/x", referer)
        assert who(await world.seen("/api/draft/d1/x", headers={"Referer": referer})) == "one"


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("url=%2Fphoto.png&w=64&q=75", "url=%2Fapi%2Fdraft%2Fd1%2Fphoto.png&w=64&q=75"),
        ("url=/photo.png&w=64", "url=%2Fapi%2Fdraft%2Fd1%2Fphoto.png&w=64"),
        ("w=64&url=%2Fa%2Fb.png", "w=64&url=%2Fapi%2Fdraft%2Fd1%2Fa%2Fb.png"),
    ],
)
async def test_next_image_is_sent_to_the_prefixed_picture(world: World, asked: str, location: str) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=at(one))
        async with world.ask(f"/api/draft/d1/_next/image?{asked}") as response:
            assert (response.status, response.headers["Location"]) == (302, f"/api/draft/d1/_next/image?{location}")
            assert response.headers["X-Robots-Tag"] == "noindex"
        assert who(await world.seen(f"/api/draft/d1/_next/image?{location}")) == "one", "no second redirect"


async def test_next_image_leaves_other_pictures_alone(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=at(one))
        for url in ("https%3A%2F%2Fcdn.example%2Fa.png", "%2F%2Fcdn.example%2Fa.png", "%2Fapi%2Fdraft%2Fd1%2Fa.png"):
            assert who(await world.seen(f"/api/draft/d1/_next/image?url={url}&w=64")) == "one"


@pytest.mark.parametrize("strip", ["", "/api/draft/d1"])
async def test_a_dead_server_gets_the_daemons_page_with_503(world: World, strip: str) -> None:
    await world.publish(d1=Target(address=free_address(), strip=strip))
    async with world.ask("/api/draft/d1/some/page?q=1", headers={"Accept": "application/json"}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"
        seen = await response.json()
    assert seen["by"] == "edge"
    asked = URL(seen["path"], encoded=True)
    assert (asked.path, asked.query["status"]) == ("/_drafterd/fallback", "502")
    assert "/api/draft/d1/" in asked.query["url"], "the daemon must learn whose server it is"
    assert seen["headers"]["accept"] == "application/json"


async def test_a_dead_server_on_its_host_gets_the_daemons_page_too(world: World) -> None:
    await world.publish(d1=Target(address=free_address(), kind=AddressKind.HOST))
    async with world.ask("/page", method="POST", data=b"x", host="d1.localhost") as response:
        assert response.status == 503
        seen = await response.json()
    assert seen["headers"]["host"].startswith("d1.localhost")
    assert URL(seen["path"], encoded=True).query["url"].endswith("/page")


async def test_page_events_reach_the_daemon_even_while_a_server_is_routed(world: World) -> None:
    await world.publish(d1=at(free_address()), d2=Target(address=free_address(), kind=AddressKind.HOST))
    assert (await world.seen("/api/draft/d1/_drafterd/events"))["path"] == "/api/draft/d1/_drafterd/events"
    assert who(await world.seen("/_drafterd/events", host="d2.localhost")) == "edge"


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_a_drafts_own_errors_pass(world: World, status: int) -> None:
    async def failing(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="my own error page")

    async with serving(failing) as server:
        await world.publish(d1=at(server))
        async with world.ask("/api/draft/d1") as response:
            assert (response.status, await response.text()) == (status, "my own error page")


@pytest.mark.parametrize("status", [502, 504])
async def test_a_drafts_own_502_or_504_passes_nginx_and_has_the_daemons_page_under_traefik(
    world: World, status: int
) -> None:
    """Traefik cannot tell them from its own."""

    async def failing(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="my own error page")

    async with serving(failing) as server:
        await world.publish(d1=at(server), d2=Target(address=server, kind=AddressKind.HOST))
        for path, host in (("/api/draft/d1/x", "localhost"), ("/x", "d2.localhost")):
            async with world.ask(path, host=host) as response:
                if world.kind == "nginx":
                    assert (response.status, await response.text()) == (status, "my own error page")
                else:
                    assert response.status == 503
                    asked = URL((await response.json())["path"], encoded=True)
                    assert (asked.path, asked.query["status"]) == ("/_drafterd/fallback", str(status))


async def test_what_visitors_say_about_themselves_is_dropped(world: World) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "bank.example",
        "X-Forwarded-Prefix": "/elsewhere",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Server": "evil.example",
        "Forwarded": "for=6.6.6.6;host=bank.example;proto=gopher",
        "X-Real-Ip": "6.6.6.6",
        **{f"X_Forwarded_{name}": "6.6.6.6" for name in ("For", "Host", "Port", "Proto", "Server", "Prefix")},
        "X-Middleware-Subrequest": "middleware:middleware:middleware:middleware:middleware",
    }
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        await world.publish(d1=at(one), d2=Target(address=two, kind=AddressKind.HOST))
        for path, host in (("/api/draft/d1", "localhost"), ("/", "d2.localhost")):
            seen = (await world.seen(path, host=host, headers=lies))["headers"]
            assert seen["x-forwarded-for"] == "127.0.0.1"
            assert seen["x-real-ip"] == "127.0.0.1"
            assert seen["x-forwarded-host"] == f"{host}:{world.listen.port}"
            assert seen["x-forwarded-proto"] == "http"
            assert "x-forwarded-prefix" not in seen
            assert "x-middleware-subrequest" not in seen
            assert "forwarded" not in seen
            assert seen["x-forwarded-port"] == str(world.listen.port)
            said = " ".join(f"{name}: {value}" for name, value in seen.items())
            assert not [lie for lie in ("x_", "6.6.6.6", "bank.example", "evil", "gopher", "else") if lie in said]


async def test_answers_on_the_shared_origin_are_tamed(world: World) -> None:
    headers = {"Referrer-Policy": "no-referrer", "Service-Worker-Allowed": "/", "Clear-Site-Data": '"*"'}

    async def handler(request: web.Request) -> web.StreamResponse:
        return echo_answer(request, "one", b"", **headers)

    async with serving(handler) as server:
        await world.publish(d1=at(server), d2=Target(address=server, kind=AddressKind.HOST))
        async with world.ask("/api/draft/d1") as response:
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert "Service-Worker-Allowed" not in response.headers
            assert "Clear-Site-Data" not in response.headers
        async with world.ask("/", host="d2.localhost") as response:
            assert {name: response.headers[name] for name in headers} == headers, "an origin of its own is its own"


WAYS = {
    "open": ("/api/draft/open", "localhost"),
    "hosted": ("", "hosted.localhost"),
    "shut": ("/api/draft/shut", "localhost"),
    "hosted-shut": ("", "hosted-shut.localhost"),
}
"""The addresses of four drafts, and hosts: by path and by host, for everybody and for those who were let in."""


async def publish_each_way(world: World, server: Address) -> RouteTable:
    return await world.publish(
        open=at(server),
        hosted=Target(address=server, kind=AddressKind.HOST),
        shut=Target(address=server, protected=True),
        hosted__shut=Target(address=server, kind=AddressKind.HOST, protected=True),
    )


async def test_a_protected_draft_is_for_those_who_were_let_in(each_world: World) -> None:
    world = each_world
    async with serving(echoing("one")) as server:
        await publish_each_way(world, server)
        for draft, (prefix, host) in WAYS.items():
            seen = await world.seen(f"{prefix}/x", host=host, headers=LET_IN)
            assert (seen["by"], "theme=dark" in seen["headers"]["cookie"]) == ("one", True), draft
            async with world.ask(f"{prefix}/x", host=host, headers={"Cookie": "theme=dark"}) as response:
                shut = draft.endswith("shut")
                assert ("one" in await response.text()) is not shut, draft
            assert not shut or "drafterd_access" not in seen["headers"]["cookie"]


async def talk(world: World, draft: str) -> aiohttp.ClientWebSocketResponse:
    """An open web socket to a draft."""
    prefix, host = WAYS[draft]
    headers = {"Host": f"{host}:{world.listen.port}", **LET_IN}
    return await world.visitor.ws_connect(world.url(f"{prefix}/ws"), headers=headers, ssl=False)


async def answering_sockets(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"{request.path}: {message.data}")
    return socket


async def test_web_sockets_pass(each_world: World) -> None:
    async with serving(answering_sockets) as server:
        await publish_each_way(each_world, server)
        for draft, (prefix, _) in WAYS.items():
            async with await talk(each_world, draft) as socket:
                await socket.send_str("hello")
                assert await socket.receive_str(timeout=5) == f"{prefix}/ws: hello"


class Events:
    """A server of event streams; the second event is sent when that is wanted."""

    def __init__(self) -> None:
        self.more = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: first\n\n")
        await self.more.wait()
        await stream.write(b"data: second\n\n")
        return stream


async def test_event_streams_are_not_held_back(each_world: World) -> None:
    events = Events()
    async with serving(events.serve) as server:
        await publish_each_way(each_world, server)
        for prefix, host in WAYS.values():
            events.more.clear()
            async with each_world.ask(f"{prefix}/events", host=host, headers=LET_IN) as response:
                assert await asyncio.wait_for(response.content.readany(), 5) == b"data: first\n\n"
                events.more.set()
                assert await asyncio.wait_for(response.content.readany(), 5) == b"data: second\n\n"


async def test_streams_are_held_while_the_route_of_their_draft_changes(each_world: World) -> None:
    events = Events()
    async with (
        serving(answering_sockets) as sockets,
        serving(events.serve) as server,
        serving(echoing("two")) as two,
    ):
        await publish_each_way(each_world, sockets)
        talks = {draft: await talk(each_world, draft) for draft in WAYS}
        await publish_each_way(each_world, server)
        async with contextlib.AsyncExitStack() as held:
            streams = [
                await held.enter_async_context(each_world.ask(f"{prefix}/events", host=host, headers=LET_IN))
                for prefix, host in WAYS.values()
            ]
            for stream in streams:
                assert await asyncio.wait_for(stream.content.readany(), 5) == b"data: first\n\n"
            await publish_each_way(each_world, two)
            events.more.set()
            for stream in streams:
                assert await asyncio.wait_for(stream.content.readany(), 5) == b"data: second\n\n"
        for draft, socket in talks.items():
            prefix, host = WAYS[draft]
            await socket.send_str("still there?")
            assert await socket.receive_str(timeout=5) == f"{prefix}/ws: still there?"
            await socket.close()
            assert who(await each_world.seen(f"{prefix}/x", host=host, headers=LET_IN)) == "two"


async def test_a_large_body_reaches_the_server_while_it_is_being_sent(each_world: World) -> None:
    arrived = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        size = len(await request.content.readany())
        arrived.set()
        async for part in request.content.iter_any():
            size += len(part)
        return web.Response(text=str(size))

    async def body() -> AsyncIterator[bytes]:
        yield bytes(1_000_000)
        await asyncio.wait_for(arrived.wait(), 10)
        for _ in range(9):
            yield bytes(1_000_000)

    async with serving(handler) as server:
        await publish_each_way(each_world, server)
        for prefix, host in WAYS.values():
            arrived.clear()
            async with each_world.ask(f"{prefix}/x", host=host, method="POST", data=body(), headers=LET_IN) as response:
                assert await response.text() == "10000000"


async def test_a_large_answer_reaches_the_visitor_while_it_is_being_made(world: World) -> None:
    more = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "20000000"})
        await answer.prepare(request)
        await answer.write(bytes(1_000_000))
        await more.wait()
        for _ in range(19):
            await answer.write(bytes(1_000_000))
        return answer

    async with serving(handler) as server:
        await world.publish(d1=at(server))
        async with world.ask("/api/draft/d1") as response:
            size = len(await asyncio.wait_for(response.content.readexactly(1_000_000), 10))
            more.set()
            assert size + len(await response.content.read()) == 20_000_000


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
async def test_a_server_that_hangs_gets_the_daemons_page(tmp_path: Path, kind: str) -> None:
    hung = asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        await hung.wait()
        return web.Response()

    async with opened(tmp_path, kind, response_timeout=1.0) as world, serving(handler) as server:
        await world.publish(d1=at(server))
        try:
            async with world.ask("/api/draft/d1/slow", headers={"Accept": "text/html,*/*"}) as response:
                assert response.status == 503
                asked = URL((await response.json())["path"], encoded=True)
        finally:
            hung.set()
        assert (asked.path, asked.query["status"]) == ("/_drafterd/fallback", "504")


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
async def test_an_answer_that_pauses_is_not_cut(tmp_path: Path, kind: str) -> None:
    """As the answer of a language model, asked for by `fetch`."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"Well, ")
        await asyncio.sleep(2.5)  # the very thing: longer than an answer may take to begin
        await answer.write(b"yes.")
        return answer

    async with opened(tmp_path, kind, response_timeout=1.0) as world, serving(handler) as server:
        await world.publish(d1=at(server), d2=Target(address=server, kind=AddressKind.HOST))
        for path, host in (("/api/draft/d1/api/chat", "localhost"), ("/api/chat", "d2.localhost")):
            async with world.ask(path, host=host, method="POST", json={"messages": []}) as response:
                assert await response.text() == "Well, yes."


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
async def test_https_with_a_given_certificate(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind, https=True) as world, serving(echoing("one")) as one:
        await world.publish(d1=at(one), d2=Target(address=one, kind=AddressKind.HOST))
        for path, host in (("/api/draft/d1/x", "localhost"), ("/x", "d2.localhost")):
            seen = await world.seen(path, host=host, headers={"X-Forwarded-Proto": "http"})
            assert seen["headers"]["x-forwarded-proto"] == "https"
            assert seen["headers"]["x-forwarded-host"] == f"{host}:{world.listen.port}"
        assert world.tls is not None
        plain = f"http://{world.tls.plain}/api/draft/d1/x?a=b"
        async with world.visitor.get(plain, headers={"Host": "localhost"}, allow_redirects=False) as response:
            assert response.status in (301, 308)
            assert response.headers["Location"] == f"https://localhost:{world.listen.port}/api/draft/d1/x?a=b"


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind, https=True) as world, serving(echoing("one")) as one:
        table = await world.publish(d1=at(one))
        before = await world.certificate()
        own = world.settings.certificate
        own.unlink()
        assert own_certificate.ensure(own, host="localhost")
        await world.proxy.publish(table)
        after = await world.certificate()
        assert after != before
        assert after == x509.load_pem_x509_certificate(own.read_bytes())
        tomorrow = time.time() + 86_400
        os.utime(own, (tomorrow, tomorrow))
        await world.proxy.publish(table)  # once more, as the file was touched
        for _ in range(2):
            written = world.routes_file.stat().st_mtime_ns
            await world.proxy.publish(table)
            assert world.routes_file.stat().st_mtime_ns == written, "not for ever"


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
async def test_https_that_ends_before_the_proxy(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind, scheme="https") as world, serving(echoing("one")) as one:
        await world.publish(d1=at(one), d2=Target(address=one, kind=AddressKind.HOST))
        for path, host in (("/api/draft/d1", "localhost"), ("/", "d2.localhost")):
            assert (await world.seen(path, host=host))["headers"]["x-forwarded-proto"] == "https"


async def test_hundreds_of_drafts(world: World) -> None:
    async with serving(echoing("one")) as one:
        many = {f"d{number}": Target(address=one, base_path=f"/{'x' * 100}") for number in range(300)}
        table = await world.publish(**many)
        assert await world.proxy.observe() == table
        assert who(await world.seen("/api/draft/d299")) == "one"


async def test_a_change_is_live_soon_after_its_confirmation(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        for address, name in [(one, "one"), (two, "two")] * 5:
            began = time.monotonic()
            await world.publish(d1=at(address))
            assert who(await world.seen("/api/draft/d1")) == name, "confirmed means live"
            assert time.monotonic() - began < 2.0, "no throttle of seconds"


async def test_prepared_files_let_the_proxy_start_with_the_daemons_pages(world: World) -> None:
    assert await world.proxy.observe() == RouteTable()
    assert (await world.seen("/"))["by"] == "edge"
    before = world.routes_file.read_bytes()
    world.proxy.prepare()
    assert world.routes_file.read_bytes() == before, "a second start changes nothing"
    assert [path.name for path in world.routes_file.parent.iterdir()] == [world.routes_file.name]


async def test_the_last_draft_can_go(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=Target(address=one))
        assert (await world.seen("/api/draft/d1"))["by"] == "one"
        await world.publish()
        assert (await world.seen("/api/draft/d1"))["by"] == "edge"


async def test_an_equal_table_is_verified_without_a_write(world: World) -> None:
    table = await world.publish(d1=Target(address=free_address()))
    written = world.routes_file.stat().st_mtime_ns
    await world.proxy.publish(table)
    assert world.routes_file.stat().st_mtime_ns == written


async def test_an_id_that_is_none_never_reaches_the_file(world: World) -> None:
    before = world.routes_file.read_bytes()
    for name in ("a`) || Path(`/", "a b", "{{env `HOME`}}", "../x", "a\n"):
        with pytest.raises(Exception, match="cannot be used"):
            await world.proxy.publish(RouteTable(routes=(Route(draft=DraftId(name), target=Target(address=None)),)))
    with pytest.raises(ProxyRejected):
        await world.proxy.publish(table_of({D1: Target(address=Address("a`b", 1))}))
    assert world.routes_file.read_bytes() == before


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond a few bytes: the same error path as a full disk, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_said_and_the_old_routes_stay(world: World) -> None:
    async with serving(echoing("one")) as one:
        table = await world.publish(d1=Target(address=one))
        with full_disk(), pytest.raises(ProxyRejected, match="cannot be written"):
            await world.publish(d1=Target(address=one), d2=Target(address=one))
        assert [path.name for path in world.routes_file.parent.iterdir()] == [world.routes_file.name]
        assert await world.proxy.observe() == table
        assert (await world.seen("/api/draft/d1"))["by"] == "one"
        await world.publish(d1=Target(address=one), d2=Target(address=one))
        assert (await world.seen("/api/draft/d2"))["by"] == "one"


async def test_a_table_that_is_refused_leaves_the_old_routes_and_the_next_one_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = world.adapter(confirm_timeout=1.0)
    whole = proxy._text_of

    def broken(table: RouteTable, mark: str) -> str:
        text = whole(table, mark)
        return text[:-9] if table.target(DraftId("d2")) else text

    try:
        async with serving(echoing("one")) as one:
            table = await world.publish(d1=Target(address=one))
            wanted = table_of({D1: Target(address=one), DraftId("d2"): Target(address=one)})
            monkeypatch.setattr(proxy, "_text_of", broken)
            with pytest.raises(ProxyRejected, match=r"did not take the routes|refuses the routes") as refused:
                await proxy.publish(wanted)
            assert refused.value.retryable
            assert await world.proxy.observe() == table, "what was refused is not what the proxy has"
            assert (await world.seen("/api/draft/d1"))["by"] == "one"
            await world.proxy.publish(wanted)
            assert (await world.seen("/api/draft/d2"))["by"] == "one"
    finally:
        await proxy.close()


async def test_the_proxy_gone_and_back(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        table = await world.publish(d1=Target(address=one))
        await world.stop(signal.SIGKILL)
        began = time.monotonic()
        if world.kind == "nginx":
            await world.proxy.publish(table)
            assert (await world.seen("/api/draft/d1"))["by"] == "one", "its workers go on until the next one starts"
        else:
            assert not await world.proxy.alive()
            with pytest.raises(ProxyRejected, match="does not answer"):
                await world.proxy.publish(table)
        with pytest.raises(ProxyRejected, match="does not answer"):
            await world.publish(d1=Target(address=two))
        assert time.monotonic() - began < 8, "a dead proxy must not hold the daemon up"
        await world.start()
        await world.publish(d1=Target(address=two))
        assert (await world.seen("/api/draft/d1"))["by"] == "two"


async def test_a_proxy_that_is_restarted_in_order_has_its_routes_at_once(world: World) -> None:
    """Before anybody tells it: it reads what lies there."""
    async with serving(echoing("one")) as one:
        table = await world.publish(d1=at(one), d2=Target(address=one, kind=AddressKind.HOST))
        before = world.routes_file.read_bytes()
        await world.stop(signal.SIGTERM)
        assert not await world.proxy.alive(), "with all its workers"
        await world.start()

        async def routed() -> bool:
            return who(await world.seen("/api/draft/d1")) == who(await world.seen("/", host="d2.localhost")) == "one"

        await eventually(routed)
        await world.proxy.publish(table)
        assert world.routes_file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "# empty\n", "{not json", "[]", '# x\n{"http": []}\n', "# x\nnull\n"])
async def test_a_spoilt_file_is_nothing_handed_over_and_is_put_right(world: World, text: str) -> None:
    async with serving(echoing("one")) as one:
        table = await world.publish(d1=Target(address=one))
        world.routes_file.write_text(text)
        assert await world.proxy.observe() == RouteTable()
        await world.proxy.publish(table)
        assert await world.proxy.observe() == table
        assert (await world.seen("/api/draft/d1"))["by"] == "one"


async def test_a_hand_edited_route_is_not_taken_for_ours(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        table = await world.publish(d1=Target(address=one), d2=Target(address=one))
        world.edit_by_hand(one, two)
        await eventually(lambda: reaches(world, "/api/draft/d1", "two"))
        assert [route.draft for route in (await world.proxy.observe()).routes] == []
        await world.proxy.publish(table)
        assert who(await world.seen("/api/draft/d1")) == "one"


async def reaches(world: World, path: str, by: str) -> bool:
    async with world.ask(path) as response:  # a file that is being written may be read
        return response.status == 200 and who(await response.json()) == by


class Caller:
    """Asks by POST over bare connections: a library that asks again by itself would hide what is lost."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.answered = 0
        self.resets = 0
        """Kept connections that were closed before a byte of the answer: who had them idle may do so."""
        self.lost: list[str] = []

    async def call(self, until: asyncio.Event, *, keep: bool) -> None:
        at = self._world.listen
        while not until.is_set():
            reader, writer = await asyncio.open_connection(at.host, at.port)
            asked = 0
            while not until.is_set() and (keep or not asked):
                status = await self._post(reader, writer)
                if status == "200":
                    self.answered += 1
                elif status == "reset" and asked:
                    self.resets += 1
                    break
                else:
                    self.lost.append(f"{status} at request {asked} of a connection")
                    break
                asked += 1
            writer.close()

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        head, _body = b"", b""
        try:
            writer.write(b"POST /api/draft/d1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\na=b&")
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            await reader.readexactly(int(length[1]))
        except asyncio.IncompleteReadError as error:
            return "half an answer" if head or error.partial else "reset"
        except ConnectionError:
            return "half an answer" if head else "reset"
        return head.split()[1].decode()


async def test_no_request_is_lost_while_routes_change(world: World) -> None:
    """But for what nginx's reload means: it closes the connections that are idle at that moment."""
    caller, done, changes = Caller(world), asyncio.Event(), {"traefik": 50, "nginx": 15}[world.kind]
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        await world.publish(d1=Target(address=one))
        async with asyncio.TaskGroup() as visitors:
            for number in range(4):
                visitors.create_task(caller.call(done, keep=number % 2 == 0))
            for number in range(changes):
                others = {f"x{n}": Target(address=two) for n in range(number % 7)}
                await world.publish(d1=Target(address=(one, two)[number % 2]), **others)
            done.set()
    assert caller.answered > 50
    assert caller.lost == []
    # Each reload closes each of the two kept connections, and the next one too if another old worker has taken it.
    assert caller.resets <= {"traefik": 0, "nginx": 4 * changes}[world.kind]


def who(seen: dict[str, object]) -> object:
    """Who answered."""
    return seen["by"]

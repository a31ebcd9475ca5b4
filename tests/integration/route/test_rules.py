"""Who answers at which address, seen by a visitor of a real Traefik."""

import asyncio
import io
import time

import aiohttp
import pytest
from aiohttp import web

from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Target, host_of
from tests.integration.route.conftest import World, echo_answer, echoing, free_address, serving


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
        async with world.ask("/api/draft/d1", method="POST", data=b"x") as response:
            assert (response.status, response.headers["Location"]) == (307, "/api/draft/d1/")


async def test_a_host_leads_to_its_draft_whatever_the_path(world: World) -> None:
    shop = DraftId("My_Shop")
    async with serving(echoing("shop")) as server, serving(echoing("other")) as other:
        await world.publish(My_Shop=Target(address=server, kind=AddressKind.HOST), other=at(other))
        host = host_of(shop, "localhost")
        for path in ("/", "/api/draft/other/", "/_next/image?url=%2Fa.png", "/about"):
            assert who(await world.seen(path, host=host)) == "shop"
        assert who(await world.seen("/api/draft/My_Shop/")) == "edge", "the other address: the daemon redirects"


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
    async with world.visitor.get(f"http://{world.dashboard}/api/http/routers") as response:
        shown = {router["name"]: router["status"] for router in await response.json()}
    assert shown["draft-page@file"] == shown["draft-site@file"] == "enabled"


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
    async with world.visitor.get(f"http://{world.dashboard}/api/http/routers/stray@file") as response:
        assert (await response.json())["status"] == "enabled"


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
    assert seen["path"].startswith("/_drafterd/fallback?status=502&url=")
    assert "%2Fapi%2Fdraft%2Fd1%2F" in seen["path"], "the daemon must learn whose server it is"
    assert seen["headers"]["accept"] == "application/json"


async def test_a_dead_server_on_its_host_gets_the_daemons_page_too(world: World) -> None:
    await world.publish(d1=Target(address=free_address(), kind=AddressKind.HOST))
    async with world.ask("/page", method="POST", data=b"x", host="d1.localhost") as response:
        assert response.status == 503
        seen = await response.json()
    assert seen["headers"]["host"].startswith("d1.localhost")
    assert "%2Fpage" in seen["path"]


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


async def test_what_visitors_say_about_themselves_is_dropped(world: World) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "bank.example",
        "X-Forwarded-Prefix": "/elsewhere",
        "X-Real-Ip": "6.6.6.6",
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


async def test_web_sockets_pass(world: World) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{request.path}: {message.data}")
        return socket

    async with serving(handler) as server:
        await world.publish(d1=at(server))
        async with world.visitor.ws_connect(world.url("/api/draft/d1/ws")) as socket:
            await socket.send_str("hello")
            assert await socket.receive_str(timeout=5) == "/api/draft/d1/ws: hello"


async def test_event_streams_are_not_held_back(world: World) -> None:
    more = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: first\n\n")
        await more.wait()
        await stream.write(b"data: second\n\n")
        return stream

    async with serving(handler) as server:
        await world.publish(d1=at(server))
        async with world.ask("/api/draft/d1/events") as response:
            assert await asyncio.wait_for(response.content.readany(), 5) == b"data: first\n\n"
            more.set()
            assert await asyncio.wait_for(response.content.readany(), 5) == b"data: second\n\n"


async def test_a_large_body_passes(world: World) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(await request.read())))

    async with serving(handler) as server:
        await world.publish(d1=at(server))
        async with world.ask("/api/draft/d1", method="POST", data=io.BytesIO(bytes(20_000_000))) as response:
            assert await response.text() == "20000000"


async def test_a_change_is_live_soon_after_its_confirmation(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        for address, name in [(one, "one"), (two, "two")] * 5:
            began = time.monotonic()
            await world.publish(d1=at(address))
            assert who(await world.seen("/api/draft/d1")) == name, "confirmed means live"
            assert time.monotonic() - began < 2.0, "no throttle of seconds"


async def test_metrics_know_each_drafts_service(world: World) -> None:
    async with serving(echoing("one")) as one:
        await world.publish(d1=at(one))
        await world.seen("/api/draft/d1")
        async with aiohttp.ClientSession() as session, session.get(f"http://{world.dashboard}/metrics") as response:
            text = await response.text()
    assert 'traefik_service_requests_total{code="200",method="GET",protocol="http",service="draft-d1@file"} 1' in text
    assert "traefik_router_requests_total" not in text


def who(seen: dict[str, object]) -> object:
    """Who answered."""
    return seen["by"]

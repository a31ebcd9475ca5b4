"""The adapter against a real Traefik: taken, refused, gone, back."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import RouteTable, Target, table_of
from drafterd.route import traefik as module
from drafterd.route.record import mark_in
from drafterd.route.routes_file import text_of
from drafterd.route.table import RouteSettings, table_router
from drafterd.route.traefik import TraefikProxy
from tests.builders import eventually
from tests.integration.route.conftest import World, echoing, opened, serving

D1 = DraftId("d1")


async def test_text_of_drafts_and_folders_is_no_syntax(tmp_path: Path) -> None:
    base_path = '\u2028http: {routers: {}}\n\u0085tls: {{ env "HOME" }} "'
    async with opened(tmp_path / 'a: {{ fail "b" }} #\u2028ü😀') as world, serving(echoing("one")) as one:
        table = await world.publish(d1=Target(address=one, base_path=base_path))
        assert await world.proxy.observe() == table
        assert (await world.seen("/api/draft/d1"))["by"] == "one"


async def test_a_published_table_shows_in_traefiks_api_and_is_read_back(traefik: World) -> None:
    async with serving(echoing("one")) as one:
        table = await traefik.publish(
            d1=Target(address=one, base_path="/api/draft/d1"),
            own=Target(address=one, base_path="/own/base"),
            page=Target(address=None),
            shop=Target(address=one, kind=AddressKind.HOST),
            strip=Target(address=one, strip="/api/draft/strip"),
        )
    assert await traefik.proxy.observe() == table
    async with traefik.visitor.get(f"http://{traefik.dashboard}/api/http/routers") as response:
        routers = {router["name"]: router["status"] for router in await response.json()}
    confirming = [name for name in routers if name.startswith("table-")]
    assert confirming == [f"{table_router(table, mark_in(traefik.routes_file.read_text()))}@file"]
    assert set(routers.values()) == {"enabled"}


async def test_a_router_that_traefik_faults_is_refused_and_the_old_routes_stay(
    traefik: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(echoing("one")) as one:
        table = await traefik.publish(d1=Target(address=one))

        def broken(table: RouteTable, settings: RouteSettings, mark: str, *, layered: bool) -> str:
            text = text_of(table, settings, mark, layered=layered)
            return text.replace("Path(`/api/draft/d2`)", "Path(`/api/draft/d2`) &&& (") if "d2" in text else text

        monkeypatch.setattr(module, "text_of", broken)
        with pytest.raises(ProxyRejected, match="draft-d2@file") as refused:
            await traefik.publish(d1=Target(address=one), d2=Target(address=one))
        assert refused.value.retryable
        assert await traefik.proxy.observe() == table, "what was refused is not what the proxy has"
        assert (await traefik.seen("/api/draft/d1"))["by"] == "one"
        monkeypatch.undo()
        again = TraefikProxy(
            routes_file=traefik.routes_file, settings=traefik.settings, api=f"http://{traefik.dashboard}"
        )
        try:
            await again.publish(table_of({D1: Target(address=one), DraftId("d2"): Target(address=one)}))
        finally:
            await again.close()
        assert (await traefik.seen("/api/draft/d2"))["by"] == "one"


async def test_the_dashboard_shows_static_drafts_and_the_way_home(traefik: World) -> None:
    await traefik.publish(page=Target(address=None), site=Target(address=None, kind=AddressKind.HOST))
    async with traefik.visitor.get(f"http://{traefik.dashboard}/api/http/routers") as response:
        shown = {router["name"]: router["status"] for router in await response.json()}
    assert shown["draft-page@file"] == shown["draft-site@file"] == shown["stray@file"] == "enabled"


async def test_metrics_know_each_drafts_service(traefik: World) -> None:
    async with serving(echoing("one")) as one:
        await traefik.publish(d1=Target(address=one))
        await traefik.seen("/api/draft/d1")
        async with aiohttp.ClientSession() as session, session.get(f"http://{traefik.dashboard}/metrics") as response:
            text = await response.text()
    assert 'traefik_service_requests_total{code="200",method="GET",protocol="http",service="draft-d1@file"} 1' in text
    assert "traefik_router_requests_total" not in text


async def test_many_drafts_are_found_in_layers(traefik: World) -> None:
    """Every visitor gets where they would get without, and the dashboard names each draft."""
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        many: dict[str, Target] = {f"d{number}": Target(address=one) for number in range(150)}
        named = {
            "d": Target(address=two),
            "e1": Target(address=two, strip="/api/draft/e1"),
            "page": Target(address=None),
            "own": Target(address=two, kind=AddressKind.HOST),
        }
        table = await traefik.publish(**many, **named)
        assert await traefik.proxy.observe() == table
        assert '"parentRefs":["bucket-d1@file"]' in traefik.routes_file.read_text()
        for path, by in {"d1": "one", "d1/x": "one", "d14": "one", "d149/": "one", "d": "two", "d/14": "two"}.items():
            assert (await traefik.seen(f"/api/draft/{path}"))["by"] == by, path
        # Nobody's, though it begins like many; and what is the daemon's inside of a draft.
        for path in ("d1499", "d14x/", "d1490/form", "dd", "page/x", "d149/_drafterd/events"):
            assert (await traefik.seen(f"/api/draft/{path}", method="POST", data=b"a=b"))["body"] == "a=b", path
            assert (await traefik.seen(f"/api/draft/{path}"))["by"] == "edge", path
        assert (await traefik.seen("/api/draft/e1/x"))["path"] == "/x"
        assert (await traefik.seen("/api/draft/d14/", host="own.localhost"))["by"] == "two"
        async with traefik.ask("/api/draft/d14/_next/image?url=%2Fa.png") as response:
            assert response.status == 302
        async with traefik.visitor.get(f"http://{traefik.dashboard}/api/http/routers?per_page=1000") as response:
            shown = {router["name"]: router["status"] for router in await response.json()}
        assert shown["draft-d149@file"] == "enabled"
        assert set(shown.values()) == {"enabled"}
        # Few again, and many again.
        await traefik.publish(d1=Target(address=two))
        assert (await traefik.seen("/api/draft/d1"))["by"] == "two"
        assert (await traefik.seen("/api/draft/d149"))["by"] == "edge"
        await traefik.publish(**many)
        assert (await traefik.seen("/api/draft/d149"))["by"] == "one"


async def test_a_daemon_that_comes_back_leaves_the_layers_as_they_are(traefik: World) -> None:
    async with serving(echoing("one")) as one:
        table = await traefik.publish(**{f"d{number}": Target(address=one) for number in range(100)})
        before = traefik.routes_file.read_bytes()
        again = traefik.adapter()
        again.prepare()
        try:
            assert await again.observe() == table
            await again.publish(table)
        finally:
            await again.close()
        assert traefik.routes_file.read_bytes() == before


async def test_a_traefik_that_is_only_just_starting_gets_layers_too(traefik: World) -> None:
    await traefik.stop()
    async with serving(echoing("one")) as one, asyncio.TaskGroup() as tasks:
        many = {f"d{number}": Target(address=one) for number in range(100)}
        waits = tasks.create_task(traefik.publish(**many))
        await eventually(lambda: "draft-d99" in traefik.routes_file.read_text())
        assert "parentRefs" not in traefik.routes_file.read_text(), "nobody said that it knows the word"
        await traefik.start()
        await waits
        assert "parentRefs" in traefik.routes_file.read_text()


async def test_an_older_traefik_gets_no_layers(traefik: World) -> None:
    """A server in its place, which says that it is older; the file is all that counts."""

    async def older(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/version":
            return web.json_response({"Version": "3.5.4", "Codename": "chabichou"})
        return web.json_response({"http": {"routers": {"errors": 0}}})

    async with serving(echoing("one")) as one, serving(older) as api:
        many = table_of({DraftId(f"d{number}"): Target(address=one) for number in range(100)})
        await traefik.proxy.publish(many)
        assert "parentRefs" in traefik.routes_file.read_text()
        other = TraefikProxy(routes_file=traefik.routes_file, settings=traefik.settings, api=f"http://{api}")
        other.prepare()
        try:
            await other.publish(many)
        finally:
            await other.close()
        assert "parentRefs" not in traefik.routes_file.read_text()

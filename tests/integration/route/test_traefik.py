"""The adapter against a real Traefik: taken, refused, gone, back."""

import asyncio
import contextlib
import json
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, RouteTable, Target, table_of
from drafterd.route import traefik as module
from drafterd.route.routes_file import mark_in, text_of
from drafterd.route.table import RouteSettings, table_router
from drafterd.route.traefik import TraefikProxy
from tests.integration.route.conftest import World, echoing, free_address, opened, serving

D1 = DraftId("d1")


async def test_prepared_files_let_traefik_start_with_the_daemons_pages(world: World) -> None:
    assert await world.proxy.observe() == RouteTable()
    assert (await world.seen("/"))["by"] == "edge"
    assert world.settings.certificate.stat().st_mode & 0o777 == 0o600
    before = world.routes_file.read_bytes()
    world.proxy.prepare()
    assert world.routes_file.read_bytes() == before, "a second start changes nothing"
    assert [path.name for path in world.routes_file.parent.iterdir()] == ["drafts.yml"]


async def test_text_of_drafts_and_folders_is_no_syntax(tmp_path: Path) -> None:
    base_path = '\u2028http: {routers: {}}\n\u0085tls: {{ env "HOME" }} "'
    async with opened(tmp_path / 'a: {{ fail "b" }} #\u2028ü😀') as world, serving(echoing("one")) as one:
        table = await world.publish(d1=Target(address=one, base_path=base_path))
        assert await world.proxy.observe() == table
        assert (await world.seen("/api/draft/d1"))["by"] == "one"


async def test_a_published_table_shows_in_traefiks_api_and_is_read_back(world: World) -> None:
    async with serving(echoing("one")) as one:
        table = await world.publish(
            d1=Target(address=one, base_path="/api/draft/d1"),
            own=Target(address=one, base_path="/own/base"),
            page=Target(address=None),
            shop=Target(address=one, kind=AddressKind.HOST),
            strip=Target(address=one, strip="/api/draft/strip"),
        )
    assert await world.proxy.observe() == table
    async with world.visitor.get(f"http://{world.dashboard}/api/http/routers") as response:
        routers = {router["name"]: router["status"] for router in await response.json()}
    confirming = [name for name in routers if name.startswith("table-")]
    assert confirming == [f"{table_router(table, mark_in(world.routes_file.read_text()))}@file"]
    assert set(routers.values()) == {"enabled"}


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


async def test_a_router_that_traefik_faults_is_refused_and_the_old_routes_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(echoing("one")) as one:
        table = await world.publish(d1=Target(address=one))

        def broken(table: RouteTable, settings: RouteSettings, mark: str) -> str:
            text = text_of(table, settings, mark)
            return text.replace("Path(`/api/draft/d2`)", "Path(`/api/draft/d2`) &&& (") if "d2" in text else text

        monkeypatch.setattr(module, "text_of", broken)
        with pytest.raises(ProxyRejected, match="draft-d2@file") as refused:
            await world.publish(d1=Target(address=one), d2=Target(address=one))
        assert refused.value.retryable
        assert await world.proxy.observe() == table, "what was refused is not what the proxy has"
        assert (await world.seen("/api/draft/d1"))["by"] == "one"
        monkeypatch.undo()
        again = TraefikProxy(routes_file=world.routes_file, settings=world.settings, api=f"http://{world.dashboard}")
        try:
            await again.publish(table_of({D1: Target(address=one), DraftId("d2"): Target(address=one)}))
        finally:
            await again.close()
        assert (await world.seen("/api/draft/d2"))["by"] == "one"


async def test_a_file_that_traefik_cannot_read_is_refused_and_the_old_routes_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = TraefikProxy(
        routes_file=world.routes_file, settings=world.settings, api=f"http://{world.dashboard}", confirm_timeout=0.5
    )
    try:
        async with serving(echoing("one")) as one:
            table = await world.publish(d1=Target(address=one))

            def broken(table: RouteTable, settings: RouteSettings, mark: str) -> str:
                text = text_of(table, settings, mark)
                return text[:-9] if "draft-d2" in text else text

            monkeypatch.setattr(module, "text_of", broken)
            with pytest.raises(ProxyRejected, match="did not take the routes"):
                await proxy.publish(table_of({D1: Target(address=one), DraftId("d2"): Target(address=one)}))
            assert await proxy.observe() == table
            assert (await world.seen("/api/draft/d1"))["by"] == "one"
    finally:
        await proxy.close()


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
        assert [path.name for path in world.routes_file.parent.iterdir()] == ["drafts.yml"]
        assert await world.proxy.observe() == table
        assert (await world.seen("/api/draft/d1"))["by"] == "one"
        await world.publish(d1=Target(address=one), d2=Target(address=one))
        assert (await world.seen("/api/draft/d2"))["by"] == "one"


async def test_traefik_gone_and_back(world: World) -> None:
    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        table = await world.publish(d1=Target(address=one))
        await world.stop_traefik(signal.SIGKILL)
        assert not await world.proxy.alive()
        began = time.monotonic()
        with pytest.raises(ProxyRejected, match="does not answer"):
            await world.proxy.publish(table)
        with pytest.raises(ProxyRejected, match="does not answer"):
            await world.publish(d1=Target(address=two))
        assert time.monotonic() - began < 8, "a dead proxy must not hold the daemon up"
        await world.start_traefik()
        await world.publish(d1=Target(address=two))
        assert (await world.seen("/api/draft/d1"))["by"] == "two"


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
        record, body = world.routes_file.read_text().split("\n", 1)
        configuration = json.loads(body)
        configuration["http"]["services"]["draft-d1"]["loadBalancer"]["servers"][0]["url"] = f"http://{two}"
        world.routes_file.write_text(f"{record}\n{json.dumps(configuration)}")
        assert [route.draft for route in (await world.proxy.observe()).routes] == ["d2"]
        await world.proxy.publish(table)
        assert (await world.seen("/api/draft/d1"))["by"] == "one"


async def test_no_request_is_lost_while_routes_change(world: World) -> None:
    lost: list[str] = []
    answered = 0
    done = asyncio.Event()

    async def visit() -> None:
        nonlocal answered
        while not done.is_set():
            try:
                async with world.ask("/api/draft/d1") as response:
                    answered += 1
                    if response.status != 200:
                        lost.append(str(response.status))
            except aiohttp.ClientError as error:
                lost.append(repr(error))

    async with serving(echoing("one")) as one, serving(echoing("two")) as two:
        await world.publish(d1=Target(address=one))
        async with asyncio.TaskGroup() as visitors:
            for _ in range(4):
                visitors.create_task(visit())
            for number in range(50):
                others = {f"x{n}": Target(address=two) for n in range(number % 7)}
                await world.publish(d1=Target(address=(one, two)[number % 2]), **others)
            done.set()
    assert answered > 50
    assert lost == []

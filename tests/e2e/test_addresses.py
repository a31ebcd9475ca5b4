"""A Next.js draft that is written for the root of a host works whole at the address it is built for.

One build for each version, router and address. `addresses.py` has the checks, and one test here shows
that they bite.
"""

import json
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.e2e.addresses import Place, faults_of, lame_proxy, make, typed
from tests.server import Server, node_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200)]

BUILD_TIME = 900
FIRST = "app16"
NAMES = (
    *(f"{router}{version}{at}" for version in ("16", "14") for router in ("app", "pages") for at in ("", "-host")),
    "pages13",  # one whose server keeps others behind it
)
DRAFTS = [pytest.param(name, marks=() if name == FIRST else pytest.mark.matrix) for name in NAMES]
HOSTS = {name: {"address": "host"} for name in NAMES if name.endswith("-host")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    own = {name: {"address": "host"} for name in ("one", "two")}
    async with Server(tmp_path_factory.mktemp("addresses"), drafts_config={**HOSTS, **own}) as server:
        yield server


async def place_of(server, draft):
    """Where the draft is; it is built by the first test that asks."""
    router, version = draft.removesuffix("-host")[:-2], draft.removesuffix("-host")[-2:]
    folder = server.drafts / draft
    if not folder.exists():
        make(folder, router=router, version=version)
    report = await server.until(draft, "ready", "failed", within=BUILD_TIME)
    assert report["state"] == "ready", report["problem"]
    return Place(url=report["url"].rstrip("/"), router=router)


async def asked(server, place, path, **options):
    """A request as a program sends it, without following redirects."""
    return await server.visit(f"{place.base}{path}", headers={"Host": urlsplit(place.url).netloc}, **options)


@pytest.mark.parametrize("draft", DRAFTS)
async def test_pages_work_whole(server, browser, draft):
    place = await place_of(server, draft)
    assert await faults_of(browser, place) == []


@pytest.mark.parametrize("draft", DRAFTS)
async def test_redirects_stay_inside_and_name_no_inner_address(server, draft):
    place = await place_of(server, draft)
    report = await server.draft(draft)
    for path, tail in typed(place.router):
        status, _, headers = await asked(server, place, path)
        if path == "/middleware/rewrite":
            assert status == 200, path
            continue
        location = headers["Location"]
        assert status in {302, 303, 307, 308}, path
        assert location.removeprefix(f"http://{urlsplit(place.url).netloc}") == f"{place.base}{tail}", path
        assert str(report["port"]) not in location


@pytest.mark.parametrize("draft", DRAFTS)
async def test_the_server_reaches_its_own_app(server, draft):
    place = await place_of(server, draft)
    status, text, _ = await asked(server, place, "/api/self")
    assert (status, json.loads(text)) == (200, [{"by": "literal"}, {"by": "url"}, {"length": 100_000}])
    status, text, _ = await asked(server, place, "/own")
    assert status == 200
    assert "<h1>page</h1>" in text


@pytest.mark.parametrize("draft", DRAFTS)
async def test_the_other_address_leads_to_this_one(server, browser, draft):
    place = await place_of(server, draft)
    _, other = (await server.draft(draft))["urls"]
    async with browser.visit() as visit:
        await visit.open(f"{other.rstrip('/')}/about?by=other")
        assert visit.page.url == f"{place.url}/about?by=other"
        assert visit.faults == []
    parts = urlsplit(other)
    host = {"Host": parts.netloc}
    status, _, headers = await server.visit(f"{parts.path.rstrip('/')}/api/echo", method="POST", headers=host)
    assert (status, headers["Location"]) == (307, f"{place.url}/api/echo")


@pytest.mark.matrix
async def test_the_checks_bite(server, browser):
    """The same draft through proxies that do less: every stray request is a fault, and a lost prefix is a dead page."""
    place = await place_of(server, FIRST)
    async with lame_proxy(place.url, prefix=place.base, keeps=True) as url:
        faults = await faults_of(browser, Place(url=url, router=place.router), patience=1500)
    failed = {fault.partition(":")[0] for fault in faults}
    assert {"_pictures", "_metadata", "_fetches", "_links", "_forms"} <= failed
    assert "_hydration" not in failed, "what Next.js itself asks for needs nothing of the proxy"
    async with lame_proxy(place.url, prefix="/elsewhere", keeps=False) as url:
        faults = await faults_of(browser, Place(url=url, router=place.router), patience=1500)
    assert {"_hydration", "_pictures", "_links"} <= {fault.partition(":")[0] for fault in faults}


async def test_a_stray_request_comes_home_to_its_own_draft_only(server):
    server.drop("a", node_server("I am a"))
    server.drop("ab", node_server("I am ab"))
    for draft in ("a", "ab"):
        await server.until(draft, "ready", within=60)
    for draft in ("a", "ab"):
        for tail in ("", "/", "/page", "?query"):
            referer = {"Referer": f"{server.public}/api/draft/{draft}{tail}"}
            for method, status in (("GET", 302), ("POST", 307)):
                found, _, headers = await server.visit("/api/x?y=1", method=method, headers=referer)
                assert (found, headers["Location"]) == (status, f"/api/draft/{draft}/api/x?y=1")
    status, _, _ = await server.visit("/api/x", headers={"Referer": f"{server.public}/api/draft/abc/"})
    assert status == 404


async def test_drafts_on_hosts_of_their_own_share_nothing(server, browser):
    for draft in ("one", "two"):
        server.drop(draft, {"index.html": "<!doctype html><link rel=icon href='data:,'><h1>mine</h1>"})
    urls = [(await server.until(draft, "ready", within=60))["url"] for draft in ("one", "two")]
    async with browser.visit() as visit:
        await visit.open(urls[0])
        await visit.page.evaluate(
            "localStorage.setItem('mine', 'yes'); document.cookie = 'mine=yes; path=/';"
            " document.cookie = 'all=yes; path=/; domain=localhost'"
        )
        seen = "[localStorage.getItem('mine'), document.cookie]"
        assert await visit.page.evaluate(seen) == ["yes", "mine=yes"]
        await visit.open(urls[1])
        assert await visit.page.evaluate(seen) == [None, ""]

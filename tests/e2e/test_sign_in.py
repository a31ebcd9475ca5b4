"""Drafts that sign people in, with next-auth 4 and with Auth.js 5: the guard is closed, and the way through it whole."""

import json
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.server import FIXTURES, Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200), pytest.mark.matrix]

BUILD_TIME = 900
DRAFTS = ("auth4", "auth4-host", "auth5", "auth5-host")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    hosts = {f"{draft}-host": {"address": "host"} for draft in ("auth4", "auth5")}
    async with Server(tmp_path_factory.mktemp("sign-in"), drafts_config=hosts) as server:
        yield server


async def address_of(server, draft):
    """The draft's address without a slash; it is built by the first test that asks."""
    if not (server.drafts / draft).exists():
        server.drop_copy(draft, FIXTURES / draft[:5])
    report = await server.until(draft, "ready", "failed", within=BUILD_TIME)
    assert report["state"] == "ready", report["problem"]
    return report["url"].rstrip("/")


async def asked(server, url, **options):
    """A request as a program sends it, without following redirects."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return await server.visit(path, headers={"Host": parts.netloc, **options.pop("headers", {})}, **options)


async def shows(visit, selector, text):
    await visit.page.wait_for_selector(f"{selector}:text-is('{text}')")


async def enters(visit, url, *, by="#enter"):
    await visit.open(url)
    await shows(visit, "#who", "unauthenticated")
    await visit.page.click(by)
    await shows(visit, "#member", "Ada")
    assert visit.page.url == f"{url}/members"


async def is_refused(visit, url):
    await visit.open(f"{url}/members")
    assert visit.page.url.startswith(f"{url}/api/auth/signin?callbackUrl=")
    assert await visit.page.locator("#member").count() == 0


@pytest.mark.parametrize("draft", DRAFTS)
async def test_without_signing_in_the_guard_is_closed(server, draft):
    url = await address_of(server, draft)
    for path in ("/members", "/members/", "/members?x=1"):
        status, text, headers = await asked(server, f"{url}{path}")
        assert status in {302, 303, 307, 308}, path
        assert 'id="member"' not in text, path
        place = urlsplit(url)
        assert headers["Location"].removeprefix(f"http://{place.netloc}").startswith(f"{place.path}/"), path
    for cookie in ("next-auth.session-token=x", "authjs.session-token=x"):
        status, text, _ = await asked(server, f"{url}/members", headers={"Cookie": cookie})
        assert status in {302, 303, 307}, cookie
        assert 'id="member"' not in text, cookie


@pytest.mark.parametrize("draft", DRAFTS)
async def test_signing_in_lasts_until_signing_out(server, browser, draft):
    url = await address_of(server, draft)
    async with browser.visit() as visit:
        await is_refused(visit, url)
        await enters(visit, url)
        await visit.page.reload(wait_until="networkidle")
        await shows(visit, "#member", "Ada")
        await visit.open(url)
        await shows(visit, "#who", "Ada")
        await visit.page.click("#leave")
        await shows(visit, "#who", "unauthenticated")
        await is_refused(visit, url)
        assert visit.faults == []


@pytest.mark.parametrize("draft", DRAFTS)
async def test_the_librarys_own_page_lets_in_who_knows_the_password(server, browser, draft):
    url = await address_of(server, draft)
    async with browser.visit() as visit:
        for password, heading in (("a guess", None), ("open sesame", "Ada")):
            await is_refused(visit, url)
            await visit.page.fill("input[name=name]", "Ada")
            await visit.page.fill("input[name=password]", password)
            await visit.page.click("button[type=submit]")
            if heading is None:
                await visit.page.wait_for_url("**error=CredentialsSignin**")
            else:
                await shows(visit, "#member", heading)
                assert visit.page.url == f"{url}/members"


@pytest.mark.parametrize("draft", ["auth5", "auth5-host"])
async def test_signing_in_by_server_actions(server, browser, draft):
    url = await address_of(server, draft)
    async with browser.visit() as visit:
        await enters(visit, url, by="#enter-by-action")
        await visit.page.click("#leave-by-action")
        await shows(visit, "#who", "unauthenticated")
        assert visit.page.url.rstrip("/") == url
        await is_refused(visit, url)
        assert visit.faults == []


@pytest.mark.parametrize("draft", DRAFTS)
async def test_the_server_reaches_its_own_app_beside_the_sign_in(server, browser, draft):
    """One variable names the routes of next-auth 4 and, for all others, the address of the app."""
    url = await address_of(server, draft)
    status, text, _ = await asked(server, f"{url}/api/self")
    found = json.loads(text)
    assert (status, found["answers"][:2]) == (200, [{"hello": "world"}] * 2)
    assert found["answers"][2:] in ([], [{"registered": "me"}])
    async with browser.visit() as visit:
        await visit.open(found["link"])
        await shows(visit, "h1", "Welcome")
        assert visit.page.url == f"{url}/welcome?token=1"
        assert visit.faults == []


async def test_two_drafts_of_one_visitor_keep_their_own_sessions(server, browser):
    urls = [await address_of(server, draft) for draft in ("auth4", "auth4-second")]
    async with browser.visit() as visit:
        for url in urls:
            await enters(visit, url)
        for url in urls:
            await visit.open(f"{url}/members")
            await shows(visit, "#member", "Ada")
        await visit.open(urls[0])
        await visit.page.click("#leave")
        await shows(visit, "#who", "unauthenticated")
        await is_refused(visit, urls[0])
        await visit.open(f"{urls[1]}/members")
        await shows(visit, "#member", "Ada")
        assert visit.faults == []

"""What a draft does at an address, as a browser sees it: each way by which its pages reach their own app.

A fault is a line of text; no faults: the draft is whole there.
"""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from playwright.async_api import Error

PARTS = Path(__file__).parents[1] / "fixtures" / "addresses"
VERSIONS = {
    "13": {"next": "13.4.19", "react": "18.3.1", "react-dom": "18.3.1"},
    "14": {"next": "14.2.35", "react": "18.3.1", "react-dom": "18.3.1"},
    "16": {"next": "16", "react": "19", "react-dom": "19"},
}
MEGABYTE = 1_000_000
WORD = "a+b%26c", "a%20b%26c"
"""What stands in the forms, as browsers and programs spell it in addresses."""
PATIENCE = 10_000
"""Milliseconds for one click to have its effect."""


def make(folder, *, router, version):
    """One app, written for the root of a host, with the app or the pages router."""
    shutil.copytree(PARTS / "shared", folder)
    shutil.copytree(PARTS / router, folder, dirs_exist_ok=True)
    manifest = folder / "package.json"
    package = json.loads(manifest.read_text())
    package["dependencies"] = VERSIONS[version]
    manifest.write_text(json.dumps(package, indent=2))


@dataclass(frozen=True)
class Place:
    """Where a draft is looked at: its address without a slash at the end."""

    url: str
    router: str

    @property
    def base(self):
        return urlsplit(self.url).path


async def faults_of(browser, place, *, patience=PATIENCE):
    """Every fault of the pages at a place."""
    found = []
    async with browser.visit() as visit:
        visit.page.set_default_timeout(patience)
        visit.page.set_default_navigation_timeout(30_000)
        checks = [*_CHECKS, *(_ACTIONS if place.router == "app" else ())]
        await visit.open(place.url)
        for check in checks:
            try:
                await check(visit, place)
            except (Error, AssertionError) as error:
                found.append(f"{check.__name__}: {(str(error) or repr(error)).splitlines()[0]}")
                await visit.open(place.url)
        found += visit.faults
    return found


async def _hydration(visit, _place):
    await visit.page.wait_for_selector("html[data-hydrated]", state="attached")


async def _pictures(visit, _place):
    for name in ("plain", "photo", "imported"):
        drawn = f"document.getElementById('{name}').complete && document.getElementById('{name}').naturalWidth > 0"
        assert await visit.page.evaluate(drawn), name


async def _styles(visit, place):
    loaded = await visit.page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    for name in ("background.png", "inline.png"):
        assert any(urlsplit(each).path.endswith(f"/{name}") for each in loaded), f"{name} was never asked for"


async def _metadata(visit, _place):
    asked = "rel => fetch(document.querySelector(`link[rel='${rel}']`).href).then((r) => r.status)"
    for rel in ("icon", "manifest"):
        status = await visit.page.evaluate(asked, rel)
        assert status == 200, f"{rel}: {status}"


async def _fetches(visit, _place):
    page = visit.page
    answer = "r => r.ok ? r.json() : r.status"
    got = await page.evaluate(f"fetch('/api/echo?by=page').then({answer})")
    assert got == {"by": "page"}, got
    own = await page.get_attribute("main", "data-api")
    got = await page.evaluate(f"url => fetch(url).then({answer})", f"{own}/echo?by=variable")
    assert got == {"by": "variable"}, f"{own}: {got}"
    for length in (3, MEGABYTE):
        send = (
            f"n => fetch('/api/echo', {{method: 'POST', body: JSON.stringify({{text: 'x'.repeat(n)}})}}).then({answer})"
        )
        assert await page.evaluate(send, length) == {"length": length}
    request = (
        "() => new Promise((done) => { const x = new XMLHttpRequest(); x.open('POST', '/api/echo');"
        " x.onload = () => done(x.responseText); x.send(JSON.stringify({text: 'four'})); })"
    )
    assert await page.evaluate(request) == '{"length":4}'


async def _arrives(visit, place, click, heading, *tails):
    """One click from the start page, and where it ends."""
    await visit.open(place.url)
    await visit.page.wait_for_selector("html[data-hydrated]", state="attached")
    await visit.page.click(click)
    await visit.page.wait_for_selector(f"h1:text-is('{heading}')")
    wanted = [f"{place.url}{tail}" for tail in tails]
    assert visit.page.url in wanted, f"{visit.page.url} is none of {wanted}"
    await visit.page.wait_for_load_state("networkidle")


async def _links(visit, place):
    for way in ("link", "push", "hard", "location"):
        await _arrives(visit, place, f"#{way}", "About", f"/about?by={way}")
    await visit.page.reload(wait_until="networkidle")
    await visit.page.wait_for_selector("h1:text-is('About')")
    await _arrives(visit, place, "#home", "Start", "", "/")


async def _forms(visit, place):
    await _arrives(visit, place, "#get button", "Found", *(f"/found?word={word}" for word in WORD))
    await _arrives(visit, place, "#post button", "Landed", *(f"/landed?by=form&word={word}" for word in WORD))


async def _server_actions(visit, place):
    await visit.open(place.url)
    await visit.page.wait_for_selector("html[data-hydrated]", state="attached")
    await visit.page.click("#shout")
    await visit.page.wait_for_selector("#said:text-is('HELLO')")
    await _arrives(visit, place, "#leave", "Landed", *(f"/landed?by=action&word={word}" for word in WORD))


async def _typed_addresses(visit, place):
    for path, tail in typed(place.router):
        await visit.open(f"{place.url}{path}")
        assert visit.page.url == f"{place.url}{tail}", f"{path} ended at {visit.page.url}"
        assert await visit.page.inner_text("h1") == "Landed", path


_CHECKS = (_hydration, _pictures, _styles, _metadata, _fetches, _links, _forms, _typed_addresses)
_ACTIONS = (_server_actions,)


def typed(router):
    """Addresses that redirect, and where each ends."""
    ways = ("redirect", "url", "header", *(("response", "clone") if router == "app" else ()))
    yield from ((f"/api/go/{way}", f"/landed?by={way}") for way in ways)
    yield "/gone", "/landed?by=page"
    yield "/middleware/url", "/landed?by=url"
    yield "/middleware/clone", "/landed?by=clone"
    yield "/middleware/rewrite", "/middleware/rewrite"


@asynccontextmanager
async def lame_proxy(upstream, *, prefix, keeps):
    """A proxy before another one that knows one prefix and no more: nothing that strays comes home.

    Without `keeps` it takes the prefix off before it passes a request on.
    """
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), connector=TCPConnector()) as session:

        async def answer(request):
            path = request.raw_path
            if not (path == prefix or path.startswith((f"{prefix}/", f"{prefix}?"))):
                return web.Response(status=404, text="no such address")
            target = urlsplit(upstream)
            path = path if keeps else path.removeprefix(prefix) or "/"
            headers = {**request.headers, "Host": target.netloc}
            async with session.request(
                request.method,
                f"http://127.0.0.1:{target.port}{path}",
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as got:
                kept = {
                    name: value
                    for name, value in got.headers.items()
                    if name.lower() not in {"transfer-encoding", "connection", "content-length"}
                }
                return web.Response(status=got.status, headers=kept, body=await got.read())

        runner = web.AppRunner(web.Application(client_max_size=4 * MEGABYTE))
        runner.app.router.add_route("*", "/{path:.*}", answer)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            yield f"http://localhost:{port}{prefix}"
        finally:
            await asyncio.shield(runner.cleanup())

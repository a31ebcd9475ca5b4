"""What a visitor's browser sees of a site: answers that fail, and errors on the console."""

import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    Route,
    async_playwright,
)

LINKS = 4
"""Pages that are looked at beside the first one."""
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
_LOAD = 30_000
_IDLE = 8_000
_LEAVES = re.compile(r"log-?out|sign-?out|/api/", re.IGNORECASE)
_REPEATS = re.compile(r"Failed to load resource|net::ERR_|Content Security Policy")
"""Console lines about answers, which are counted as such, and about what is not on this machine."""
_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\]|[\w-]+\.localhost)(?::\d+)?")


@dataclass
class Sight:
    """What went wrong, in a form that does not name the address.

    Attributes:
        missing: Paths that were answered with 400 or more, or not at all.
        errors: Lines of the console.
        status: Of the first page; 0 when it did not load.
        pages: How many pages were looked at.
    """

    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    status: int = 0
    pages: int = 0


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("Chromium is missing (Debian: apt-get install chromium)")
    arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


async def look(browser: Browser, url: str, *, base: str = "") -> Sight:
    """Open the first page and a few that it links to.

    Args:
        base: The site's own prefix, which is taken out of what is told.
    """
    sight = Sight()
    context = await browser.new_context()
    try:
        await context.route("**/*", _only_here)
        page = await context.new_page()
        _listen(page, sight, base)
        links = await _open(page, url, sight, referer=None)
        for link in links[:LINKS]:
            await _open(page, link, sight, referer=url)
    finally:
        await context.close()
    sight.missing = sorted(set(sight.missing))
    sight.errors = sorted(set(sight.errors))
    return sight


async def _only_here(route: Route) -> None:
    """Nothing but this machine is asked."""
    if _ORIGIN.match(route.request.url) or not route.request.url.startswith("http"):
        await route.continue_()
    else:
        await route.abort()


def _listen(page: Page, sight: Sight, base: str) -> None:
    def short(text: str) -> str:
        plain = _ORIGIN.sub("", text)
        return plain.replace(base, "") if base else plain

    def told(message: ConsoleMessage) -> None:
        if message.type == "error" and not _REPEATS.search(message.text):
            sight.errors.append(short(message.text)[:300])

    def answered(response: Response) -> None:
        if response.status >= 400 and _ORIGIN.match(response.url):
            sight.missing.append(f"{response.status} {short(response.url).partition('?')[0]}")

    def failed(request: Request) -> None:
        # A navigation ends what the page before it was loading: no fault of the site.
        if _ORIGIN.match(request.url) and "ERR_ABORTED" not in (request.failure or ""):
            sight.missing.append(f"failed {short(request.url).partition('?')[0]}")

    page.on("console", told)
    page.on("pageerror", lambda error: sight.errors.append(short(str(error))[:300]))
    page.on("response", answered)
    page.on("requestfailed", failed)


async def _open(page: Page, url: str, sight: Sight, *, referer: str | None) -> list[str]:
    """The addresses of the same site that the page links to."""
    try:
        answer = await page.goto(url, wait_until="load", timeout=_LOAD, referer=referer)
    except Error as error:
        sight.errors.append(f"the page does not load: {_ORIGIN.sub('', error.message.splitlines()[0])}"[:300])
        return []
    with contextlib.suppress(Error):
        await page.wait_for_load_state("networkidle", timeout=_IDLE)
    if not sight.pages:
        sight.status = answer.status if answer else 0
    sight.pages += 1
    with contextlib.suppress(Error):
        found = await page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href.split('#')[0])")
        here = urlsplit(page.url)
        return [
            link
            for link in dict.fromkeys(found)
            if urlsplit(link)[:2] == here[:2] and link.rstrip("/") != page.url.rstrip("/") and not _LEAVES.search(link)
        ]
    return []

"""A real browser for the end-to-end tests."""

import os
import shutil
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import async_playwright

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


class Visit:
    """A page in Chromium, and everything that went wrong on it."""

    def __init__(self, page):
        self.page = page
        self.faults = []
        page.on("console", lambda message: self._note(message.type == "error", f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"error: {error}"))
        page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status} {answer.url}"))
        page.on(
            "requestfailed", lambda request: self._note(_counts(request), f"failed: {request.url} {request.failure}")
        )

    def _note(self, happened, text):
        if happened:
            self.faults.append(text)

    async def open(self, url):
        await self.page.goto(url, wait_until="networkidle")


def _counts(request):
    """A navigation ends what the page before it was loading: no fault of the draft."""
    return "ERR_ABORTED" not in (request.failure or "")


class Browser:
    def __init__(self, chromium):
        self._chromium = chromium

    @asynccontextmanager
    async def visit(self):
        context = await self._chromium.new_context()
        try:
            yield Visit(await context.new_page())
        finally:
            await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: `make test` installs it (Debian: apt-get install chromium)"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=path, args=[*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        )
        yield Browser(chromium)
        await chromium.close()

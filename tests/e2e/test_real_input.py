"""Drop a folder, get a URL: five kinds of real input, looked at in Chromium."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio

from drafterd import resources
from drafterd.toolchain import Toolchain
from tests.server import FIXTURES, Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

NEXT = "16"
BUILD_TIME = 240


def create_next_app(toolchain, folder):
    """A fresh project of create-next-app, without the fonts that need a network, with an API route."""
    subprocess.run(
        [toolchain.npm, "exec", "--yes", f"create-next-app@{NEXT}", "--", str(folder), "--ts", "--app", "--yes",
         "--no-tailwind", "--no-eslint", "--no-src-dir", "--skip-install", "--disable-git", "--use-npm"],
        check=True, timeout=300, capture_output=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": toolchain.path, "CI": "1", "NEXT_TELEMETRY_DISABLED": "1"},
    )  # fmt: skip
    layout = folder / "app" / "layout.tsx"
    text = re.sub(r'import \{[^}]*\} from "next/font/google";\n', "", layout.read_text())
    text = re.sub(r"const \w+ = Geist\w*\(\{.*?\}\);\n", "", text, flags=re.DOTALL)
    text = re.sub(r"className=\{`\$\{geist.*?`\}", "", text)
    assert "font" not in text, text
    layout.write_text(text)
    shutil.copytree(FIXTURES / "create-next-app", folder, dirs_exist_ok=True)
    page = folder / "app" / "page.tsx"
    page.write_text('import Ask from "./ask";\n' + page.read_text().replace("</main>", "<Ask />\n      </main>"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    root = Path(tmp_path_factory.mktemp("real"))
    fresh = root / "fresh"
    create_next_app(Toolchain.find(root / "toolchain"), fresh)
    async with Server(root, drafts_config={"fresh-host": {"address": "host"}}) as server:
        server.drop_copy("node", FIXTURES / "node-server")
        server.drop_copy("files", FIXTURES / "static")
        server.drop_copy("hello", resources.folder("etc") / "sample")
        server.drop_copy("fresh", fresh)
        server.drop_copy("fresh-host", fresh)
        server.drop_copy("fourteen", FIXTURES / "next14-pages")
        yield server


async def opened(server, browser_visit, draft):
    report = await server.until(draft, "ready", "failed", within=BUILD_TIME)
    assert report["state"] == "ready", report["problem"]
    await browser_visit.open(report["url"])
    return report


async def ask(visit):
    await visit.page.click("button:has-text('ask')")
    await visit.page.wait_for_function("document.querySelector('#answer').textContent === 'hello from the api'")


async def test_the_sample_draft(server, browser):
    async with browser.visit() as visit:
        await opened(server, visit, "hello")
        assert await visit.page.locator("h1").count() == 1
        assert visit.faults == []
    _, fixes = await server.call("GET", "/api/v1/drafts/hello/fixes")
    files = {edit["file"] for edit in fixes["edits"]}
    assert {"package.json", ".env.local", ".env.example"} <= files


@pytest.mark.parametrize("draft", ["fresh", "fresh-host"])
async def test_a_fresh_create_next_app_at_both_addresses(server, browser, draft):
    async with browser.visit() as visit:
        report = await opened(server, visit, draft)
        await ask(visit)
        assert visit.faults == []
        assert visit.page.url.rstrip("/") == report["url"].rstrip("/")


async def test_pages_router_on_next_14(server, browser):
    async with browser.visit() as visit:
        report = await opened(server, visit, "fourteen")
        await ask(visit)
        assert await visit.page.evaluate("document.querySelector('#plain').naturalWidth") == 8
        await visit.page.click("#hard")
        await visit.page.wait_for_selector("h1:has-text('About')")
        assert visit.page.url == report["url"] + "/about"
        await visit.page.click("text=home")
        await visit.page.wait_for_selector("h1:has-text('Fourteen')")
        assert visit.faults == []


async def test_a_node_server_without_dependencies(server, browser):
    async with browser.visit() as visit:
        await opened(server, visit, "node")
        await visit.page.wait_for_selector("#answer:has-text('hello from the api')")
        assert visit.faults == []


async def test_a_static_folder(server, browser):
    async with browser.visit() as visit:
        report = await opened(server, visit, "files")
        assert await visit.page.inner_text("#answer") == "hello from a script"
        assert await visit.page.evaluate("document.querySelector('img').naturalWidth") == 8
        await visit.page.click("text=about")
        await visit.page.wait_for_selector("h1:has-text('About')")
        assert visit.page.url == report["url"] + "/about.html"
        assert visit.faults == []


async def test_the_other_address_redirects_to_the_primary_one(server, browser):
    async with browser.visit() as visit:
        report = await opened(server, visit, "fresh")
        primary, other = report["urls"]
        await visit.open(other)
        assert visit.page.url.rstrip("/") == primary
    async with browser.visit() as visit:
        report = await opened(server, visit, "fresh-host")
        primary, other = report["urls"]
        await visit.open(other)
        assert visit.page.url == primary


async def test_a_waiting_page_turns_into_the_draft_by_itself(server, browser):
    async with browser.visit() as visit:
        draft = "late"
        server.drop(draft, {".draft-skip": "", "index.html": "<title>Late</title><h1>Late</h1>"})
        await server.call("POST", "/api/v1/scan")
        await visit.page.goto(f"{server.public}/api/draft/{draft}/")
        (server.drafts / draft / ".draft-skip").unlink()
        await visit.page.wait_for_selector("h1:has-text('Late')", timeout=60_000)


async def test_the_routes_show_in_the_proxys_dashboard(server, browser):
    await server.until("fresh", "ready", within=BUILD_TIME)
    async with browser.visit() as visit:
        # Traefik's dashboard asks for news all the time: a network that is idle need never be seen.
        await visit.page.goto(f"{server.dashboard}/dashboard/#/http/routers", wait_until="load")
        await visit.page.wait_for_selector("text=draft-fresh", timeout=30_000)


async def test_the_status_page(server, browser):
    async with browser.visit() as visit:
        await visit.page.goto(f"{server.api}/", wait_until="load")
        await visit.page.wait_for_selector("text=node", timeout=30_000)
        assert visit.faults == []

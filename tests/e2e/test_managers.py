"""A Next.js draft of another package manager than npm, as people get it."""

import json
import os
from pathlib import Path

import pytest

from tests.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

# The build calls the manager itself, and the page takes what only a flat tree of packages has for it.
DRAFT = {
    "package.json": json.dumps(
        {
            "name": "shop",
            "packageManager": "pnpm@10",
            "scripts": {
                "preinstall": "npx --yes only-allow pnpm",
                "gen": "node gen.mjs",
                "build": "pnpm run gen && next build",
            },
            "engines": {"node": ">=18"},
            "dependencies": {"next": "16", "react": "19", "react-dom": "19"},
        }
    ),
    "gen.mjs": "import fs from 'node:fs'; fs.writeFileSync('made.json', JSON.stringify({ by: 'pnpm' }));\n",
    "made.json": "{}",
    "app/layout.jsx": (
        "export default function Layout({ children }) {\n"
        "  return <html lang='en'><head><link rel='icon' href='data:,' /></head><body>{children}</body></html>;\n}\n"
    ),
    "app/page.jsx": (
        "import made from '../made.json';\n"
        "import { unstable_now } from 'scheduler';\n"
        "export const dynamic = 'force-dynamic';\n"
        "export default function Page() {\n"
        "  return <h1>Made by {made.by} at {typeof unstable_now()}</h1>;\n}\n"
    ),
}


def linked(root):
    return [
        path
        for place, folders, names in os.walk(root)
        for path in map(Path(place).joinpath, (*folders, *names))
        if path.is_symlink()
    ]


async def test_a_draft_with_pnpm_goes_live_with_pnpm(tmp_path, browser):
    async with Server(tmp_path) as server:
        server.drop("shop", DRAFT)
        report = await server.until("shop", "ready", "failed", within=300)
        assert report["state"] == "ready", report["problem"]
        async with browser.visit() as visit:
            await visit.open(report["url"])
            assert await visit.page.inner_text("h1") == "Made by pnpm at number"
            assert visit.faults == []
        _, build = await server.call("GET", "/api/v1/drafts/shop/builds/1")
        assert build["repairs"] == []
    (app,) = tmp_path.rglob("releases/r1/app")
    assert linked(app) == []

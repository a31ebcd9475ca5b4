"""Drafts that do not install or build as they come, and go live."""

import json

import pytest

from tests.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

BROKEN = {
    "package.json": json.dumps(
        {
            "name": "broken",
            "dependencies": {
                "next": "16",
                "react": "19.0.0",
                "react-dom": "19.0.0",
                "typescript": "5",
                "@types/react": "19",
                "@types/node": "22",
                # It wants a React below 19.
                "use-sync-external-store": "1.2.0",
            },
        }
    ),
    "app/layout.tsx": (
        "export default function Layout({ children }: { children: React.ReactNode }) {\n"
        "  return <html lang='en'><head><link rel='icon' href='data:,' /></head><body>{children}</body></html>;\n}\n"
    ),
    "app/page.tsx": (
        "import clsx from 'clsx';\n"
        "const seats: number = 'four';\n"
        "export default function Page() {\n"
        "  return <h1 className={clsx('a')}>Live with {seats} seats</h1>;\n}\n"
    ),
}


async def test_three_repairs_bring_a_draft_live_and_stand_in_the_record(tmp_path, browser):
    async with Server(tmp_path) as server:
        source = server.drop("broken", BROKEN)
        report = await server.until("broken", "ready", "failed", within=300)
        assert report["state"] == "ready", report["problem"]
        async with browser.visit() as visit:
            await visit.open(report["url"])
            assert await visit.page.inner_text("h1") == "Live with four seats"
            assert visit.faults == []
        _, build = await server.call("GET", "/api/v1/drafts/broken/builds/1")
        repairs = [(repair["step"], repair["code"]) for repair in build["repairs"]]
        assert repairs == [("install", "legacy-peers"), ("build", "missing-packages"), ("build", "ignore-types")]
        assert all(repair["reason"] and repair["summary"] for repair in build["repairs"])
        # The author's source is as it was.
        assert "'four'" in (source / "app" / "page.tsx").read_text()
        assert "clsx" not in (source / "package.json").read_text()

"""Taking the fixes back, on a real daemon."""

import pytest

from tests.builders import eventually
from tests.server import Server, node_server
from tests.unit.fix.folders import snapshot

pytestmark = pytest.mark.timeout(120)


async def test_the_folder_is_its_authors_again_and_the_draft_lives_on(tmp_path):
    async with Server(tmp_path) as server:
        files = node_server("hello")
        text = files["package.json"].rstrip().removesuffix("}") + ",}"
        root = server.drop("d", {**files, "package.json": text})
        await server.until("d", "ready")
        assert (root / "package.json").read_text() != text
        status, done = await server.call("POST", "/api/v1/drafts/d/fixes/undo")
        assert (status, done["left"]) == (200, {})
        assert "package.json" in done["restored"]

        async def rebuilt():
            draft = await server.draft("d")
            return draft["serving"] == "r2" and draft["state"] == "ready"

        await eventually(rebuilt, within=60)
        assert (root / "package.json").read_text() == text
        assert not [name for name in snapshot(root) if name.startswith(".env")]
        _, told = await server.call("GET", "/api/v1/drafts/d/fixes")
        assert told["edits"]
        assert not any(edit["applied"] for edit in told["edits"])
        assert (await server.visit("/api/draft/d/"))[:2] == (200, "hello /")
        (root / "new.txt").write_text("by its author")
        await eventually(lambda: (root / "package.json").read_text() != text, within=30)

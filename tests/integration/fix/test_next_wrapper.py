"""The wrapper around the author's configuration, loaded by the real Node.js as Next.js does."""

import json
import shutil
import subprocess

import pytest

from drafterd.domain.model import Kind, Recipe
from drafterd.fix import prepare_snapshot
from tests.unit.fix.folders import folder, snapshot
from tests.unit.fix.shapes import SHAPES

NEXT = Recipe(kind=Kind.NEXT, why="", build=True, install=True, prefixed=True)
_LOAD = """
const { default: found } = await import('./next.config.mjs');
console.log(JSON.stringify(await found('phase-production-build', { defaultConfig: {} })));
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")


def load(root):
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _LOAD], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def drop(tmp_path, file, text, *, module=False, version="16.0.0"):
    return folder(
        tmp_path / "d",
        {
            "package.json": json.dumps({"type": "module"} if module else {}),
            "node_modules/next/package.json": json.dumps({"version": version}),
            **({file: text} if file else {}),
        },
    )


@pytest.mark.parametrize("shape", [name for name in SHAPES if not name.startswith("ts")])
def test_every_shape_stands_alone_below_its_prefix(tmp_path, shape):
    file, text, module, _ = SHAPES[shape]
    root = drop(tmp_path, file, text, module=module)
    prepare_snapshot(root, recipe=NEXT, base_path="/other")
    prepare_snapshot(root, recipe=NEXT, base_path="/api/draft/d")
    once = snapshot(root)
    prepare_snapshot(root, recipe=NEXT, base_path="/api/draft/d")
    assert snapshot(root) == once
    found = load(root)
    assert (found["output"], found["basePath"]) == ("standalone", "/api/draft/d")
    assert found["outputFileTracingRoot"] == str(root.resolve())
    assert found.get("reactStrictMode", shape == "empty") is True


def test_none_gets_one(tmp_path):
    root = drop(tmp_path, "", "")
    prepare_snapshot(root, recipe=NEXT, base_path="")
    assert load(root)["basePath"] == ""


def test_an_export_stays_one(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { output: 'export' }")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NEXT_EXPORT, why=""), base_path="/x")
    assert load(root)["output"] == "export"


def test_an_own_server_does_not_stand_alone(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = {}")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NEXT, why="", start=("node", "s.js")), base_path="/x")
    assert "output" not in load(root)


def test_the_authors_base_path_is_kept(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { basePath: '/docs', assetPrefix: '/docs' }")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NEXT, why="", own_base_path="/docs"), base_path="/docs")
    found = load(root)
    assert (found["basePath"], found["assetPrefix"]) == ("/docs", "/docs")


def test_a_replaced_base_path_takes_its_asset_prefix_along(tmp_path):
    root = drop(tmp_path, "next.config.js", "const p = ['/a'][0]; module.exports = { basePath: p, assetPrefix: p }")
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root)
    assert found["basePath"] == "/x"
    assert "assetPrefix" not in found


def test_another_asset_prefix_stays(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { assetPrefix: 'https://cdn.example' }")
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert load(root)["assetPrefix"] == "https://cdn.example"


def test_the_tracing_root_of_older_versions(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = {}", version="14.2.3")
    prepare_snapshot(root, recipe=NEXT, base_path="")
    assert load(root)["experimental"] == {"outputFileTracingRoot": str(root.resolve())}


def test_a_typescript_original_gets_a_typescript_wrapper(tmp_path):
    root = drop(tmp_path, *SHAPES["ts-typed"][:2])
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert (root / "next.config.draft-original.ts").read_text() == SHAPES["ts-typed"][1]
    assert "./next.config.draft-original'" in (root / "next.config.ts").read_text()


@pytest.mark.parametrize("kind", [Kind.NODE, Kind.STATIC])
def test_other_kinds_are_left_alone(tmp_path, kind):
    root = drop(tmp_path, "next.config.js", "module.exports = {}")
    before = snapshot(root)
    prepare_snapshot(root, recipe=Recipe(kind=kind, why=""), base_path="/x")
    assert snapshot(root) == before

"""The wrapper around the author's configuration, loaded by the real Node.js as Next.js does."""

import json
import os
import shutil
import subprocess

import pytest

from drafterd.domain.model import Kind, Recipe
from drafterd.fix import prepare_snapshot
from tests.unit.fix.folders import folder, snapshot
from tests.unit.fix.shapes import FOLDERS, SHAPES

NEXT = Recipe(kind=Kind.NEXT, why="", build=True, install=True, prefixed=True)
_LOAD = """
const { default: found } = await import('./' + process.env.FILE);
console.log(JSON.stringify(await found('phase-production-build', { defaultConfig: {} })));
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")


def load(root, file="next.config.mjs", **environment):
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _LOAD], cwd=root, capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": os.environ["PATH"], "FILE": file, **environment},
    )  # fmt: skip
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


WEBPACK = "module.exports = { webpack: (config) => config, output: 'standalone' }"


def test_a_configuration_for_webpack_is_not_lost_without_a_word(tmp_path):
    root = drop(tmp_path, "next.config.js", WEBPACK)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    with pytest.raises(AssertionError, match="This build is using Turbopack, with a `webpack` config"):
        load(root, TURBOPACK="auto")


@pytest.mark.parametrize(
    ("text", "version", "environment"),
    [
        (WEBPACK, "16.0.0", {}),  # built with --webpack
        (WEBPACK, "16.0.0", {"TURBOPACK": "1"}),  # the author's own choice
        (WEBPACK, "15.0.0", {"TURBOPACK": "auto"}),
        ("module.exports = { webpack: (config) => config, turbopack: {} }", "16.0.0", {"TURBOPACK": "auto"}),
    ],
)
def test_where_the_bundler_is_chosen_nothing_is_said(tmp_path, text, version, environment):
    root = drop(tmp_path, "next.config.js", text, version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert load(root, **environment)["basePath"] == "/x"


def test_none_gets_one(tmp_path):
    root = drop(tmp_path, "", "")
    prepare_snapshot(root, recipe=NEXT, base_path="")
    assert load(root)["basePath"] == ""


def test_an_export_stays_one(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { output: 'export' }")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NEXT_EXPORT, why=""), base_path="/x")
    assert load(root)["output"] == "export"


def test_an_export_that_is_to_be_a_server_becomes_one(tmp_path):
    root = drop(
        tmp_path, "next.config.js", "module.exports = { output: 'export', distDir: 'dist', trailingSlash: true }"
    )
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root)
    assert (found["output"], found["trailingSlash"]) == ("standalone", True)
    assert "distDir" not in found


def test_the_folder_of_an_export_stays(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { output: 'export', distDir: 'dist' }")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NEXT_EXPORT, why=""), base_path="/x")
    assert load(root)["distDir"] == "dist"


@pytest.mark.parametrize(("version", "asked"), [("12.1.6", True), ("12.2.0", True), ("12.3.0", None), ("13.0.0", None)])
def test_the_older_name_of_standing_alone(tmp_path, version, asked):
    root = drop(tmp_path, "next.config.js", "module.exports = {}", version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert load(root)["experimental"].get("outputStandalone") is asked


def test_what_is_of_the_author_stays(tmp_path):
    own = {
        "trailingSlash": True,
        "i18n": {"locales": ["de"], "defaultLocale": "de"},
        "turbopack": {"rules": {}},
        "experimental": {"a": 1},
        "typescript": {"tsconfigPath": "t.json"},
    }
    root = drop(tmp_path, "next.config.js", f"module.exports = {json.dumps(own)}")
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert {name: value for name, value in load(root).items() if name in own} == own


@pytest.mark.parametrize(
    ("version", "repairs", "key", "wanted"),
    [
        ("14.2.0", "ignore-types", "typescript", {"ignoreBuildErrors": True}),
        ("16.0.0", "other", "typescript", None),
        ("15.0.0", "", "eslint", {"ignoreDuringBuilds": True}),
        ("16.0.0", "", "eslint", None),
    ],
)
def test_repairs_are_asked_for_by_the_environment(tmp_path, version, repairs, key, wanted):
    root = drop(tmp_path, "next.config.js", "module.exports = {}", version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert load(root, DRAFT_REPAIRS=repairs).get(key) == wanted


@pytest.mark.parametrize("version", ["13.5.0", "16.0.0"])
def test_one_worker_is_enough_where_memory_is_short(tmp_path, version):
    root = drop(tmp_path, "next.config.js", "module.exports = { experimental: { cpus: 8, other: 1 } }", version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root, DRAFT_REPAIRS="one-worker")["experimental"]
    assert (found["cpus"], found["other"]) == (1, 1)


@pytest.mark.parametrize(
    ("version", "lean", "said", "wanted"),
    [
        ("16.4.0", "1", "", False),
        ("16.4.0", "", "", None),
        ("16.4.0", "1", "turbopackFileSystemCacheForBuild: true", True),
        ("15.0.0", "1", "", None),
    ],
)
def test_no_cache_is_written_while_others_wait_unless_the_author_wants_it(tmp_path, version, lean, said, wanted):
    root = drop(tmp_path, "next.config.js", f"module.exports = {{ experimental: {{ {said} }} }}", version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root, DRAFT_LEAN=lean)
    assert found.get("experimental", {}).get("turbopackFileSystemCacheForBuild") is wanted


@pytest.mark.parametrize(("version", "wanted"), [("13.5.0", None), ("14.2.0", False), ("15.0.0", None)])
def test_the_bail_out_is_switched_off_where_that_is_known(tmp_path, version, wanted):
    root = drop(tmp_path, "next.config.js", "module.exports = {}", version=version)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root, DRAFT_REPAIRS="ignore-types,no-suspense-bailout")
    assert found.get("experimental", {}).get("missingSuspenseWithCSRBailout") is wanted


def test_files_are_never_traced_from_above(tmp_path):
    text = "module.exports = { outputFileTracingRoot: '/', turbopack: { root: '/' }, experimental: { outputFileTracingRoot: '/' } }"
    root = drop(tmp_path, "next.config.js", text)
    prepare_snapshot(root, recipe=NEXT, base_path="")
    found = load(root)
    here = str(root.resolve())
    assert (found["outputFileTracingRoot"], found["turbopack"], found["experimental"]) == (here, {"root": here}, {})
    assert load(root, NEXT_PRIVATE_OUTPUT_TRACE_ROOT="/snapshot")["outputFileTracingRoot"] == "/snapshot"


def test_a_configuration_that_asks_for_another_one(tmp_path):
    root = drop(tmp_path, "next.config.js", FOLDERS["asks-for-another-configuration"]["next.config.js"])
    folder(root, FOLDERS["asks-for-another-configuration"])
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    once = snapshot(root)
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert snapshot(root) == once
    found = load(root, file="next.config.js")
    assert (found["basePath"], found["reactStrictMode"]) == ("/x", True)


@pytest.mark.parametrize("left", ["next.config.draft-original.js", "next.config.draft-original.ts"])
def test_an_original_that_lies_there_by_accident_counts_only_alone(tmp_path, left):
    root = drop(tmp_path, "next.config.mjs", "export default { trailingSlash: true }")
    folder(root, {left: "module.exports = { reactStrictMode: true }"})
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    found = load(root)
    assert found["trailingSlash"] is True
    assert "reactStrictMode" not in found


def test_a_build_that_was_copied_is_wrapped_once(tmp_path):
    root = drop(tmp_path, "next.config.js", "module.exports = { trailingSlash: true }")
    prepare_snapshot(root, recipe=NEXT, base_path="/old")
    copied = folder(tmp_path / "copy", snapshot(root))
    prepare_snapshot(copied, recipe=NEXT, base_path="/new")
    found = load(copied)
    assert (found["basePath"], found["trailingSlash"]) == ("/new", True)
    assert len(list(copied.glob("next.config*"))) == 2


@pytest.mark.parametrize("prefix", ["/docs", "/docs/", "/elsewhere"])
def test_a_prefix_on_this_host_gives_way(tmp_path, prefix):
    root = drop(tmp_path, "next.config.js", f"module.exports = {{ basePath: ['/docs'][0], assetPrefix: '{prefix}' }}")
    prepare_snapshot(root, recipe=NEXT, base_path="/x")
    assert "assetPrefix" not in load(root)


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

"""Every shape of a configuration through Next.js's own loader: as its author wrote it, as the fixes leave it in the
folder, and as a build's snapshot has it. Nothing is built: a load takes a tenth of a second."""

import json
import os
import shutil
import subprocess

import pytest

from drafterd.domain.model import Kind, Recipe
from drafterd.fix import FixSettings, apply, prepare_snapshot, propose
from drafterd.toolchain import Toolchain
from tests.unit.fix.folders import folder, snapshot
from tests.unit.fix.shapes import FOLDERS, SHAPES

pytestmark = pytest.mark.timeout(600)

PREFIX = "/api/draft/d"
PATIENCE = {"npm_config_fetch_timeout": "60000", "npm_config_fetch_retries": "4"}
"""Of npm with a registry that says nothing: milliseconds, and how often it asks again. It would wait five minutes."""
_LOAD = """
const load = require('next/dist/server/config').default;
const { PHASE_PRODUCTION_BUILD } = require('next/constants');
const lines = require('node:readline').createInterface({ input: process.stdin });
for (const name of ['log', 'warn', 'info', 'error']) console[name] = () => {};
let done = Promise.resolve();
lines.on('line', (folder) => (done = done.then(async () => {
  process.chdir(folder);
  let found;
  try {
    const { output, basePath, assetPrefix, distDir, reactStrictMode, trailingSlash, i18n, eslint, typescript,
      outputFileTracingRoot, experimental, env } = await load(PHASE_PRODUCTION_BUILD, folder);
    found = { output, basePath, assetPrefix, distDir, reactStrictMode, trailingSlash, i18n, env,
      lint: !eslint?.ignoreDuringBuilds, types: !typescript?.ignoreBuildErrors,
      root: outputFileTracingRoot ?? experimental?.outputFileTracingRoot };
  } catch (error) {
    found = { error: String(error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(found) + '\\n');
})));
"""


class Loader:
    """One version of Next.js."""

    def __init__(self, root, toolchain, major):
        self.root = root
        self.major = major
        self.node = toolchain.node
        (root / "package.json").write_text("{}")
        (root / "load.cjs").write_text(_LOAD)
        # The compiler is there, as it is for every draft in TypeScript.
        subprocess.run(
            [toolchain.npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"next@{major}", "typescript@5"],
            cwd=root, check=True, timeout=500, capture_output=True, stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": toolchain.path, **PATIENCE},
        )  # fmt: skip
        self.version = json.loads((root / "node_modules/next/package.json").read_text())["version"]

    def load(self, roots, **environment):
        """What each folder's configuration comes to."""
        done = subprocess.run(
            [self.node, "load.cjs"],
            cwd=self.root, input="".join(f"{root}\n" for root in roots), capture_output=True, text=True, timeout=200,
            check=False, env={"PATH": os.environ["PATH"], "NEXT_TELEMETRY_DISABLED": "1", "CI": "1", **environment},
        )  # fmt: skip
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(found) == len(roots), done.stderr
        return found

    def put(self, name, files, *, module=False):
        package = {"dependencies": {"next": self.version}, **({"type": "module"} if module else {})}
        return folder(self.root / "drafts" / name, {"package.json": json.dumps(package), **files}).resolve()


def shapes():
    for name, (file, text, module, _) in SHAPES.items():
        yield name, {file: text}, module
    for name, files in FOLDERS.items():
        yield name, {each: text for each, text in files.items() if each != "package.json"}, "package.json" in files


NAMES = [name for name, *_ in shapes()]
MAJORS = [
    pytest.param(12, marks=pytest.mark.matrix),
    pytest.param(13, marks=pytest.mark.matrix),
    14,
    pytest.param(15, marks=pytest.mark.matrix),
    16,
]
_READS_MTS = 16
# Not understood by the edit in the folder, or not read by this version at all.
_LEFT_TO_THE_WRAPPER = frozenset({
    "asks-for-another-configuration", "assigned-later", "cjs", "cjs-esmodule", "cjs-in-a-package-of-modules",
    "esm-ternary", "imports-a-module", "is-another-file", "mts", "object-assign", "ts-imports-ts",
})  # fmt: skip
NEXT = Recipe(kind=Kind.NEXT, why="", install=True, build=True, prefixed=True)


@pytest.fixture(scope="module", params=MAJORS)
def loader(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(f"next{request.param}")
    yield Loader(root, Toolchain.find(root / "toolchain"), request.param)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def loaded(loader):
    """By shape: as written, after the fixes, in a snapshot."""
    written, fixed, wrapped = [], [], []
    for name, files, module in shapes():
        written.append(loader.put(f"{name}/written", files, module=module))
        root = loader.put(f"{name}/fixed", files, module=module)
        apply(propose(root, port=3001, settings=FixSettings()))
        once = snapshot(root)
        apply(propose(root, port=3001, settings=FixSettings()))
        assert snapshot(root) == once
        fixed.append(root)
        both = folder(loader.root / "drafts" / name / "wrapped", once).resolve()
        for _ in range(2):
            prepare_snapshot(both, recipe=NEXT, base_path=PREFIX)
        wrapped.append(both)
    found = loader.load([*written, *fixed, *wrapped])
    count = len(NAMES)
    parts = (found[:count], found[count : 2 * count], found[2 * count :])
    return {name: (*(part[place] for part in parts), wrapped[place]) for place, name in enumerate(NAMES)}


@pytest.mark.parametrize("shape", NAMES)
def test_each_shape_stands_alone_below_its_prefix(loaded, shape):
    _, _, found, root = loaded[shape]
    assert "error" not in found
    assert (found["output"], found["basePath"]) == ("standalone", PREFIX)
    assert found["reactStrictMode"] is True or shape in {"empty", "none"}
    assert found["distDir"] == ".next"
    assert found["root"] == str(root)


@pytest.mark.parametrize("shape", NAMES)
def test_the_folder_loads_as_before_and_stands_alone_where_the_edit_is_understood(loader, loaded, shape):
    written, fixed, _, _ = loaded[shape]
    if "error" in written:
        return
    assert "error" not in fixed
    same = {name: value for name, value in fixed.items() if name != "output"}
    assert same == {name: value for name, value in written.items() if name != "output"}
    understood = shape not in _LEFT_TO_THE_WRAPPER or (shape == "mts" and loader.major >= _READS_MTS)
    assert fixed.get("output") == ("standalone" if understood else None)


def test_what_next_itself_cannot_load_was_tried(loader, loaded):
    """The repair by renaming or compiling is really needed."""
    broken = {name for name, (written, *_) in loaded.items() if "error" in written}
    assert {"cjs-in-module-package", "commonjs-in-a-package-of-modules", "commonjs-in-mjs"} <= broken
    assert {"ts-typed", "ts-imports-ts"} <= broken or loader.major in {12, 15, 16}

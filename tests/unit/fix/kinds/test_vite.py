"""Single-page apps of Vite: with and without scripts, and wherever they put their files."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.kinds.vite import config_in_script
from drafterd.fix.package import parse
from tests.unit.fix.kinds.looks import codes, package, seen

CONFIG = "import { defineConfig } from 'vite';\nexport default defineConfig({})\n"


@pytest.mark.parametrize(
    ("scripts", "files"),
    [
        ({}, {}),
        ({"build": "vite build"}, {}),
        ({"start": "vite", "build": "tsc && vite build"}, {}),
        ({"start": "vite preview --port 4000"}, {}),
        ({"start": "vite --host 0.0.0.0 --port 3000"}, {}),
        ({"start": "npx serve -s dist"}, {}),
        ({"start": "npm run dev", "dev": "vite"}, {}),
        ({"build": "tsc -b && vite build"}, {"vite.config.ts": CONFIG, "index.html": ""}),
    ],
)
def test_a_vite_app_is_files_with_a_fallback(tmp_path, scripts, files):
    found = seen(tmp_path, files, "vite", "react", scripts=scripts)
    recipe = found.recipe
    assert recipe is not None
    assert (recipe.kind, recipe.framework, recipe.build, recipe.start) == (Kind.STATIC, "Vite", True, ())
    assert (recipe.static_root, recipe.fallback, recipe.prefixed) == ("dist", "index.html", True)
    assert codes(found) == []


def test_the_configuration_alone_tells_it(tmp_path):
    recipe = seen(tmp_path, {"vite.config.js": CONFIG}, scripts={}).recipe
    assert recipe is not None
    assert (recipe.framework, recipe.why) == ("Vite", "vite.config.js")


@pytest.mark.parametrize(
    "start",
    [
        "node server.js",
        "NODE_ENV=production node dist/index.cjs",
        "tsx server/index.ts",
        "cross-env A=b node ./api.mjs",
    ],
)
def test_a_server_of_its_own_beside_vite_is_run(tmp_path, start):
    found = seen(tmp_path, {}, "vite", "express", scripts={"start": start, "build": "vite build"})
    assert found.recipe is not None
    assert (found.recipe.kind, found.recipe.framework, found.recipe.build) == (Kind.NODE, "Express", True)


@pytest.mark.parametrize(
    ("config", "build", "root"),
    [
        ("export default { build: { outDir: 'out' } }", "vite build", "out"),
        ("export default { build: { outDir: './out/web/' } }", "vite build", "out/web"),
        ("export default { build: { outDir: 'out' } }", "vite build --outDir elsewhere", "elsewhere"),
        ("export default { root: 'client', build: { outDir: '../site' } }", "vite build", "site"),
        ("export default { root: './client' }", "vite build", "client/dist"),
        (
            "export default { root: resolve(__dirname, 'client'), build: { outDir: resolve(__dirname, 'dist', 'public') } }",
            "vite build",
            "dist/public",
        ),
        ("export default { build: { outDir: somewhere() } }", "vite build", "dist"),
        ("export default { build: { outDir: '../../etc' } }", "vite build", "dist"),
        ("export default { build: { outDir: '/etc' } }", "vite build", "dist"),
        ("export default { build: { outDir: 'x' ", "vite build", "dist"),
        ("export default defineConfig(({ mode }) => ({ build: { outDir: 'out' } }))", "vite build", "out"),
    ],
)
def test_where_the_files_go(tmp_path, config, build, root):
    recipe = seen(tmp_path, {"vite.config.ts": config}, "vite", scripts={"build": build}).recipe
    assert recipe is not None
    assert recipe.static_root == root


def test_a_router_that_only_its_author_can_tell_the_path_is_said(tmp_path):
    assert codes(seen(tmp_path, {}, "vite", "preact-router")) == ["base-path"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("vite build --config vite.web.ts", "vite.web.ts"),
        ("tsc && vite build --mode x -c ./my.config.js", "my.config.js"),
        ("vite build", ""),
        ("vite build --config ../up.ts", ""),
        ("vite build " + "-" * 3000, ""),
    ],
)
def test_the_configuration_that_a_script_names(line, name):
    assert config_in_script(parse(package(scripts={"build": line}).encode())) == name

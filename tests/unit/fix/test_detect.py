import pytest

from drafterd.domain.model import Kind
from drafterd.fix.detect import detect
from drafterd.fix.folder import Folder
from tests.unit.fix.folders import folder

NEXT = '"dependencies":{"next":"16"}'
STANDALONE = {"next.config.mjs": "export default { output: 'export', basePath: '/docs' }"}


def found(tmp_path, files):
    return detect(Folder(folder(tmp_path / "d", files)))


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"package.json": f"{{{NEXT}}}"}, (Kind.NEXT, True, True, (), "", True)),
        ({"package.json": f"{{{NEXT}}}", **STANDALONE}, (Kind.NEXT_EXPORT, True, True, (), "out", True)),
        (
            {"package.json": f'{{"scripts":{{"start":"node server.js"}},{NEXT}}}', "server.js": ""},
            (Kind.NEXT, True, True, ("node", "server.js"), "", True),
        ),
        (
            {"package.json": f'{{"scripts":{{"start":"tsx server.ts"}},{NEXT}}}', "server.ts": ""},
            (Kind.NEXT, True, True, ("npm", "run", "start"), "", True),
        ),
        (
            {"package.json": f'{{"scripts":{{"start":"node .next/standalone/server.js"}},{NEXT}}}'},
            (Kind.NEXT, True, True, (), "", True),
        ),
        (
            {"package.json": '{"scripts":{"start":"node server.js"}}', "server.js": ""},
            (Kind.NODE, False, False, ("node", "server.js"), "", False),
        ),
        (
            {"package.json": '{"scripts":{"start":"node a.js","prestart":"x"}}', "a.js": ""},
            (Kind.NODE, False, False, ("npm", "run", "start"), "", False),
        ),
        (
            {"package.json": '{"main":"./a.js","dependencies":{"express":"5"}}', "a.js": ""},
            (Kind.NODE, True, False, ("node", "a.js"), "", False),
        ),
        (
            {
                "package.json": '{"scripts":{"build":"tsc","start":"node dist/a.js"},"devDependencies":{"typescript":"5"}}'
            },
            (Kind.NODE, True, True, ("node", "dist/a.js"), "", False),
        ),
        ({"package.json": "{}", "server.js": ""}, (Kind.NODE, False, False, ("node", "server.js"), "", False)),
        ({"index.html": ""}, (Kind.STATIC, False, False, (), "", False)),
        ({"index.html": "", "package.json": "{}"}, (Kind.STATIC, False, False, (), "", False)),
        (
            {"index.html": "", "package.json": '{"scripts":{"start":"npx serve ."}}'},
            (Kind.STATIC, False, False, (), "", False),
        ),
        (
            {
                "package.json": '{"scripts":{"start":"node s.js","build":"vite build"},"dependencies":{"vite":"7","express":"5"}}'
            },
            (Kind.NODE, True, True, ("node", "s.js"), "", False),
        ),
    ],
)
def test_kinds(tmp_path, files, wanted):
    recipe = found(tmp_path, files).recipe
    assert recipe is not None
    shape = (recipe.kind, recipe.install, recipe.build, recipe.start, recipe.static_root, recipe.prefixed)
    assert shape == wanted
    assert recipe.why


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "empty-folder"),
        ({".draft-ready": ""}, "empty-folder"),
        ({"README.md": ""}, "unknown-kind"),
        ({"package.json": "{}"}, "unknown-kind"),
        ({"package.json": '{"main":"gone.js"}'}, "unknown-kind"),
        ({"package.json": "{"}, "bad-package-json"),
        ({"app/page.tsx": ""}, "missing-package-json"),
        ({"next.config.js": ""}, "missing-package-json"),
        ({"package.json": '{"dependencies":{"expo":"55"},"scripts":{"start":"expo start"}}'}, "unsupported-kind"),
        ({"manage.py": ""}, "unsupported-kind"),
        ({"package.json": '{"workspaces":["apps/*"]}', "apps/web/package.json": f"{{{NEXT}}}"}, "workspace"),
    ],
)
def test_what_cannot_be_built_is_one_clear_problem(tmp_path, files, code):
    seen = found(tmp_path, files)
    assert seen.recipe is None
    assert seen.problem is not None
    assert seen.problem.code == code
    assert seen.problem.hint


def test_a_project_one_level_down_is_named(tmp_path):
    seen = found(tmp_path, {"my-app/package.json": "{}"})
    assert seen.problem is not None
    assert "my-app" in seen.problem.hint


def test_the_authors_base_path_is_kept(tmp_path):
    recipe = found(tmp_path, {"package.json": f"{{{NEXT}}}", **STANDALONE}).recipe
    assert recipe is not None
    assert recipe.own_base_path == "/docs"


def test_a_linked_package_json_is_not_followed(tmp_path):
    root = folder(tmp_path / "d", {"x": ""})
    outside = folder(tmp_path / "o", {"package.json": f"{{{NEXT}}}"})
    (root / "package.json").symlink_to(outside / "package.json")
    seen = detect(Folder(root))
    assert seen.problem is not None
    assert seen.problem.code == "bad-package-json"

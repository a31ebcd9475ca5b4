import json

import pytest

from drafterd.domain.model import Kind
from drafterd.fix import FixSettings, propose
from drafterd.fix.build_script import changed_for_build, prepare_scripts
from tests.unit.fix.folders import folder, snapshot


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("next lint && next build", "next build"),
        ("npx next lint --fix && next build", "next build"),
        ("next build && next export", "next build"),
        ("next build && next export -o out && cp a b", "next build && cp a b"),
        ("prisma generate && next lint && next build", "prisma generate && next build"),
        ("NODE_ENV=production next lint && next build", "next build"),
        ("npm run lint && next build", "next build"),
        ("yarn lint && next build", "next build"),
        ("pnpm run lint&&next build", "next build"),
    ],
)
def test_what_cannot_run_is_left_out(line, wanted):
    scripts = {"build": line, "lint": "next lint"}
    assert changed_for_build(scripts) == {"build": wanted}
    assert not changed_for_build({**scripts, "build": wanted})


@pytest.mark.parametrize(
    "line",
    [
        "next build",
        "prisma generate && next build",
        "next lint || true && next build",
        "next lint; next build",
        "next lint",
        "next export",
        "(next lint && x) && next build",
        "echo 'next lint && x' && next build",
        "npm run lint:css && next build",
        "npm run build && x",
        "tsc && vite build",
        "next lint && next build\\\n",
        "next lint && " + "x" * 3000,
    ],
)
def test_what_is_needed_or_not_understood_stays(line):
    assert not changed_for_build({"build": line, "lint": "next lint", "lint:css": "stylelint x"})


def test_hooks_and_scripts_behind_scripts():
    scripts = {"prebuild": "npm run check", "check": "npm run lint", "lint": "next lint", "build": "next build"}
    assert changed_for_build(scripts) == {"prebuild": "true"}
    assert not changed_for_build({"prebuild": "npm run a", "a": "npm run b", "b": "npm run a", "build": "x"})


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("tsc -b && vite build", "vite build"),
        ("tsc && vite build", "vite build"),
        ("vue-tsc --noEmit && vite build", "vite build"),
        ("tsc --noEmit && eslint . && next build", "next build"),
        ("prettier --check . && next build", "next build"),
        ("astro check && astro build", "astro build"),
        ("npm run types && next build", "next build"),
        ("npm test && vitest run && next build", "next build"),
        ("npm run compile && npm run bundle", "npm run bundle"),
        ('run-p types "bundle {@}" --', 'run-p "bundle {@}" --'),
        ("npx run-s compile lint bundle", "npx run-s lint bundle"),
        ("npm-run-all all-checks bundle", "npm-run-all bundle"),
    ],
)
def test_checks_go_when_asked(line, wanted):
    scripts = {
        "build": line,
        "types": "tsc --noEmit",
        "compile": "tsc",
        "bundle": "vite build",
        "test": "jest",
        "lint": "mylint",
        "all-checks": "run-p types test",
    }
    assert changed_for_build(scripts, checks=False) == {"build": wanted}
    assert not changed_for_build(scripts)


@pytest.mark.parametrize(
    "line",
    [
        "tsc",
        "tsc -b && cp -r views dist",
        "tsc -p server && node x",
        "prettier --write . && x",
        "run-s compile copy",
        "npm run compile && npm run copy",
    ],
)
def test_a_compiler_that_makes_the_server_stays(line):
    scripts = {"build": line, "compile": "tsc", "copy": "cp -r views dist"}
    assert not changed_for_build(scripts, checks=False)


def test_only_the_line_changes_and_twice_is_once(tmp_path):
    text = '\ufeff{\r\n\t"scripts": {"build": "next lint && next build"},\r\n\t"x": "é"\r\n}'
    root = folder(tmp_path / "d", {"package.json": text})
    for _ in range(2):
        prepare_scripts(root)
        assert snapshot(root) == {"package.json": text.replace("next lint && ", "").encode()}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"scripts":{}}', '{"scripts":{"build":3}}'])
def test_nothing_to_do(tmp_path, text):
    root = folder(tmp_path / "d", {"package.json": text})
    prepare_scripts(root)
    assert snapshot(root) == {"package.json": text.encode()}
    prepare_scripts(tmp_path / "none")


def test_it_is_told_and_the_folder_keeps_the_line(tmp_path):
    package = {"scripts": {"build": "next lint && next build"}, "dependencies": {"next": "16"}}
    found = propose(folder(tmp_path / "d", {"package.json": json.dumps(package)}), port=3001, settings=FixSettings())
    assert found.recipe is not None
    assert found.recipe.kind is Kind.NEXT
    assert [problem.where for problem in found.problems if problem.code == "build-link-dropped"] == ["package.json"]
    (change,) = [change for change in found.changes if change.file == "package.json"]
    assert b"next lint && next build" in change.new

"""Folders that are no project themselves."""

import pytest

from drafterd.fix.folder import Folder
from drafterd.fix.kinds.elsewhere import projects
from tests.unit.fix.folders import folder
from tests.unit.fix.kinds.looks import package, seen

APPS = {"apps/web/package.json": package("next"), "packages/ui/package.json": package("react")}


@pytest.mark.parametrize(
    ("rest", "files"),
    [
        ({"workspaces": ["apps/*", "packages/*"]}, APPS),
        ({"workspaces": {"packages": ["apps/*"]}, "scripts": {"start": "turbo start", "build": "turbo build"}}, APPS),
        ({"scripts": {"build": "turbo run build"}}, {**APPS, "turbo.json": "{}"}),
        ({"private": True}, {**APPS, "pnpm-workspace.yaml": "packages: []"}),
    ],
)
def test_a_workspace_names_the_folder_to_drop(tmp_path, rest, files):
    found = seen(tmp_path, files, **rest)
    assert found.problem is not None
    assert found.problem.code == "workspace"
    assert "'apps/web' (Next.js)" in found.problem.hint
    assert "ui" not in found.problem.hint


def test_a_workspace_whose_root_is_the_app_is_the_app(tmp_path):
    assert seen(tmp_path, APPS, "next", workspaces=["packages/*"]).recipe is not None


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"my-app/package.json": package("vite")}, "'my-app' (Vite): drop that one"),
        ({"client/package.json": package("vite"), "server/package.json": package("express")}, "'client' (Vite), 'server'"),
        ({"a/b/package.json": package("next")}, "'a/b' (Next.js)"),
        ({"x/index.html": "", "y/index.html": ""}, "'x', 'y'"),
        ({"x/package.json": "{"}, "'x'"),
    ],
)  # fmt: skip
def test_where_the_project_seems_to_lie(tmp_path, files, hint):
    found = seen(tmp_path, files)
    assert found.problem is not None
    assert found.problem.code == "unknown-kind"
    assert hint in found.problem.hint


@pytest.mark.parametrize(
    ("files", "dependencies", "word"),
    [
        ({"requirements.txt": "", "app.py": "", "static/index.html": ""}, (), "Python"),
        ({"index.php": ""}, (), "PHP"),
        ({"go.mod": ""}, (), "Go"),
        ({"App.tsx": ""}, ("expo", "react-native"), "Expo"),
    ],
)
def test_what_is_no_web_draft_for_node_is_named(tmp_path, files, dependencies, word):
    found = seen(tmp_path, files, *dependencies)
    assert found.problem is not None
    assert found.problem.code == "unsupported-kind"
    assert word in found.problem.summary


def test_only_projects_near_the_top_are_named(tmp_path):
    files = {f"{'x/' * depth}package.json": "{}" for depth in range(1, 6)}
    assert list(projects(Folder(folder(tmp_path / "d", files)))) == ["x", "x/x", "x/x/x"]

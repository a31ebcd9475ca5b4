"""Tools that build a folder of files."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.kinds.bundled import TOOLS
from tests.unit.fix.kinds.looks import codes, seen


@pytest.mark.parametrize("name", TOOLS)
def test_each_is_built_and_served_as_files(tmp_path, name):
    recipe = seen(tmp_path, {"public/index.html": ""}, name, scripts={"build": "ng build"}).recipe
    assert recipe is not None
    assert (recipe.kind, recipe.framework, recipe.build) == (Kind.STATIC, TOOLS[name].name, True)
    assert recipe.static_root == TOOLS[name].out


def test_create_react_app_needs_no_script_and_its_warnings_are_no_errors(tmp_path):
    recipe = seen(tmp_path, {}, "react-scripts", scripts={"start": "react-scripts start"}).recipe
    assert recipe is not None
    assert recipe.build_environment["PUBLIC_URL"] == "{base}/"
    assert recipe.build_environment["CI"] == "false"
    assert recipe.prefixed


@pytest.mark.parametrize(
    ("build", "prefixed", "arguments"),
    [("ng build", True, ("--base-href={base}/",)), ("ng build && node after.js", False, ())],
)
def test_angular_is_told_its_address_where_the_script_takes_words(tmp_path, build, prefixed, arguments):
    recipe = seen(tmp_path, {}, "@angular/cli", scripts={"build": build}).recipe
    assert recipe is not None
    assert (recipe.prefixed, recipe.build_arguments) == (prefixed, arguments)


def test_a_bundler_beside_a_server_framework_is_the_servers(tmp_path):
    files = {"src/index.js": ""}
    recipe = seen(tmp_path, files, "express", "esbuild", scripts={"build": "esbuild x"}).recipe
    assert recipe is not None
    assert recipe.kind is Kind.NODE


def test_a_router_below_a_path_is_said(tmp_path):
    build = {"build": "build"}
    assert codes(seen(tmp_path, {}, "webpack", "react-router-dom", scripts=build)) == ["base-path"]
    assert codes(seen(tmp_path / "2", {}, "react-scripts", "wouter")) == ["base-path"]
    assert codes(seen(tmp_path / "3", {}, "react-scripts", "react-router-dom")) == []

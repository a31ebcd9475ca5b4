from dataclasses import replace

import pytest

from drafterd.domain.model import Kind, Recipe
from drafterd.domain.outputs import is_public, made_folders


@pytest.mark.parametrize("name", ["NEXT_PUBLIC_URL", "VITE_API", "REACT_APP_KEY", "PUBLIC_SITE", "NUXT_PUBLIC_X"])
def test_what_tools_write_into_pages_is_public(name):
    assert is_public(name)


@pytest.mark.parametrize("name", ["DATABASE_URL", "MY_VITE_KEY", "INVITE_CODE", "REPUBLIC_ID"])
def test_anything_else_is_not(name):
    assert not is_public(name)


def a_recipe(**changes):
    return replace(Recipe(kind=Kind.STATIC, why="test", build=True, static_root="dist"), **changes)


@pytest.mark.parametrize(
    ("recipe", "folders"),
    [
        (a_recipe(), {"dist"}),
        (a_recipe(static_root="build/client"), {"build"}),
        (a_recipe(kind=Kind.NEXT_EXPORT, static_root="out"), {"out"}),
        (a_recipe(static_root="public"), set()),  # Rollup's own page lies there
        (a_recipe(build=False), set()),  # served as it is
        (a_recipe(start=("node", "dist/index.js")), set()),
        (None, set()),
    ],
)
def test_only_what_the_build_is_sure_to_make_is_no_source(recipe, folders):
    assert made_folders(recipe) == folders

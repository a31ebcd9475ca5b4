"""Folders of files, with and without an index.html at the top."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.kinds.static import PLACES
from tests.unit.fix.kinds.looks import seen


@pytest.mark.parametrize("place", PLACES)
def test_a_site_in_the_one_folder_known_for_it_is_served(tmp_path, place):
    recipe = seen(tmp_path, {f"{place}/index.html": "", "README.md": ""}).recipe
    assert recipe is not None
    assert (recipe.kind, recipe.static_root) == (Kind.STATIC, place)
    assert recipe.why == f"{place}/index.html and no package.json"


def test_the_top_wins_and_two_places_are_no_answer(tmp_path):
    recipe = seen(tmp_path, {"index.html": "", "public/index.html": ""}).recipe
    assert recipe is not None
    assert recipe.static_root == ""
    assert seen(tmp_path / "2", {"dist/index.html": "", "public/index.html": ""}).recipe is None


def test_with_a_package_that_builds_nothing(tmp_path):
    recipe = seen(tmp_path, {"public/index.html": ""}, scripts={"start": "npx http-server public"}).recipe
    assert recipe is not None
    assert recipe.static_root == "public"

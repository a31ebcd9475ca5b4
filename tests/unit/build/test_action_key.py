"""The key of server actions: one for each draft, kept, nobody else's, and given to what was built with it only."""

import base64

import pytest

from drafterd.build import action_key, release
from drafterd.build.action_key import MARK, NAME
from drafterd.build.outfit import Outfit
from drafterd.domain.model import BuildOrder, Kind, Recipe
from drafterd.domain.names import DraftId
from drafterd.layout import Layout
from tests.builders import HELLO, a_release


@pytest.fixture
def layout(tmp_path):
    return Layout(drafts=tmp_path / "in", state=tmp_path / "state", run=tmp_path, logs=tmp_path)


def an_order(draft=HELLO, kind=Kind.NEXT, **environment):
    return BuildOrder(
        draft=draft,
        key="k1",
        digest="d1",
        recipe=Recipe(kind=kind, why="test"),
        base_path="",
        strip="",
        environment=environment,
    )


def test_it_is_made_once_and_kept_as_a_secret(layout):
    given = action_key.for_build(layout, an_order())
    assert len(base64.b64decode(given[NAME], validate=True)) == 32
    assert layout.action_key(HELLO).stat().st_mode & 0o777 == 0o600
    assert action_key.for_build(layout, an_order()) == given
    assert action_key.for_build(layout, an_order(DraftId("other"))) != given


def test_the_authors_own_is_left_alone_and_other_kinds_have_none(layout):
    assert action_key.for_build(layout, an_order(**{NAME: "mine"})) == {}
    assert action_key.for_build(layout, an_order(kind=Kind.NODE)) == {}
    assert not layout.action_key(HELLO).exists()


@pytest.mark.parametrize("text", ["", "not base64!", "c2hvcnQ=", "x" * 1000])
def test_one_that_cannot_be_used_is_made_anew(layout, text):
    layout.draft(HELLO).mkdir(parents=True)
    layout.action_key(HELLO).write_text(text)
    given = action_key.for_build(layout, an_order())
    assert len(base64.b64decode(given[NAME], validate=True)) == 32


async def test_a_server_gets_the_key_that_it_was_built_with_and_no_other(layout):
    outfit = Outfit(layout, start_timeout=60.0)
    given = action_key.for_build(layout, an_order())
    with_key, without = a_release(2, environment=action_key.mark(given)), a_release(1)
    assert given[NAME] not in with_key.environment.values()
    assert await outfit.ready(with_key, None) == given
    assert await outfit.ready(without, None) == {}
    layout.action_key(HELLO).unlink()
    assert await outfit.ready(with_key, None) == {}
    assert action_key.for_build(layout, an_order()) != given
    assert await outfit.ready(with_key, None) == {}
    assert action_key.mark({}) == {}
    assert action_key.mark(given).keys() == {MARK}


def test_it_goes_with_the_draft(layout):
    action_key.for_build(layout, an_order())
    release.discard(layout, HELLO)
    assert not layout.action_key(HELLO).exists()

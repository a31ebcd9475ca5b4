"""What may be an id, and what people are told when it may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.errors import BadName
from drafterd.domain.names import (
    DraftId,
    host_label,
    instance_id,
    parse_draft_id,
    parse_instance_id,
    parse_release_id,
    release_id,
    release_number,
)

GOOD = ["hello", "A", "_x", "0", "a-b_C9", "x" * 63, "3f0c8a1e-77b1-4c57-9a53-1f9c1f0a2b3c", "V1StGXR8_Z5jdHi6B-myT"]
BAD = ["", "a b", "-x", "ünï", "x" * 64, "x" * 255, "..", ".", "a\n", "a/b", "a.b", "a`b", "${x}", "api", "_next"]


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name):
    assert parse_draft_id(name) == name


@pytest.mark.parametrize("name", BAD)
def test_bad_names_say_why_and_suggest_one_that_works(name):
    with pytest.raises(BadName) as caught:
        parse_draft_id(name)

    suggested = caught.value.hint.rpartition(" ")[2]
    assert parse_draft_id(suggested) == suggested
    assert caught.value.summary.isprintable()
    assert len(caught.value.summary) < 200


@given(st.text(max_size=80))
def test_whatever_is_accepted_is_safe_everywhere(name):
    try:
        draft = parse_draft_id(name)
    except BadName:
        return
    assert draft.isascii()
    assert not set(draft) & set(" /.\\%;`'\"{}\n\r\t\0$")
    assert 0 < len(draft) < 64


def test_releases_count():
    assert release_id(12) == "r12"
    assert release_number(parse_release_id("r12")) == 12
    for text in ("r0", "12", "r1x", "r01", "../r1"):
        with pytest.raises(BadName):
            parse_release_id(text)


def test_an_instance_name_can_be_taken_apart():
    name = instance_id(DraftId("a-r1"), release_id(2))
    assert parse_instance_id(name) == ("a-r1", "r2")


def test_host_labels_are_labels_and_differ_where_ids_differ():
    ids = ["hello", "Hello", "he_llo", "he-llo", "_x_", "___", "x" * 63, "-".join("ab" * 20)]
    labels = [host_label(DraftId(name), f"{number:016d}") for number, name in enumerate(ids)]
    assert len(set(labels)) == len(labels)
    assert labels[0] == "hello"
    assert host_label(DraftId("Shop"), "dd0e674aa0123456") != host_label(DraftId("shop-dd0e674aa0123456"), "1" * 16)
    for label in labels:
        assert label == label.lower()
        assert 0 < len(label) <= 63
        assert label[0] != "-"
        assert label[-1] != "-"
        assert "_" not in label

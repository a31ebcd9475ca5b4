"""Signatures and hashes: what lets in, and what does not."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.names import DraftId
from drafterd.domain.protection import (
    PASSWORD_MAX,
    Protection,
    Purpose,
    end_of,
    hash_password,
    is_hash,
    matches,
    signed,
)

ONE, OTHER = DraftId("one"), DraftId("other")
PROTECTION = Protection(key=b"k" * 32, password="scrypt$one")
NOW = 1000.0


def test_a_signature_lets_into_its_draft_until_its_end():
    value = signed(PROTECTION, Purpose.SESSION, ONE, 2000)
    assert end_of(PROTECTION, Purpose.SESSION, ONE, value, NOW) == 2000
    assert end_of(PROTECTION, Purpose.SESSION, ONE, value, 1999.9) == 2000
    assert end_of(PROTECTION, Purpose.SESSION, ONE, value, 2000.0) is None


def test_a_signature_is_good_for_nothing_else():
    session = signed(PROTECTION, Purpose.SESSION, ONE, 2000)
    assert end_of(PROTECTION, Purpose.SESSION, OTHER, session, NOW) is None, "another draft"
    assert end_of(PROTECTION, Purpose.SHARE, ONE, session, NOW) is None, "a link"
    assert end_of(dataclasses.replace(PROTECTION, key=b"x" * 32), Purpose.SESSION, ONE, session, NOW) is None
    assert end_of(PROTECTION, Purpose.SESSION, ONE, session.replace("2000", "3000"), NOW) is None, "a later end"


def test_a_new_password_ends_sessions_and_no_links():
    changed = dataclasses.replace(PROTECTION, password="scrypt$two")
    session, share = (signed(PROTECTION, purpose, ONE, 2000) for purpose in Purpose)
    assert end_of(changed, Purpose.SESSION, ONE, session, NOW) is None
    assert end_of(changed, Purpose.SHARE, ONE, share, NOW) == 2000


@given(st.text(max_size=80), st.sampled_from(Purpose))
def test_no_other_text_lets_in(text, purpose):
    assert end_of(PROTECTION, purpose, ONE, text, NOW) is None
    assert end_of(PROTECTION, purpose, ONE, f"2000.{text}", NOW) is None


@pytest.mark.parametrize("place", range(len("2000.") + 43))
def test_no_changed_sign_lets_in(place):
    value = signed(PROTECTION, Purpose.SHARE, ONE, 2000)
    changed = value[:place] + ("3" if value[place] != "3" else "4") + value[place + 1 :]
    assert len(value) == len("2000.") + 43
    assert end_of(PROTECTION, Purpose.SHARE, ONE, changed, NOW) is None


def test_numbers_that_only_look_like_an_end_are_none():
    for ends in ("٢٠٠٠", "-1", "1e9", "9" * 12, " 2000", ""):
        assert end_of(PROTECTION, Purpose.SHARE, ONE, f"{ends}.x", NOW) is None


def test_a_password_is_known_by_its_hash_alone():
    hashed = hash_password("correct horse ü", b"s" * 16)
    assert is_hash(hashed)
    assert "horse" not in hashed
    assert matches("correct horse ü", hashed)
    assert not matches("correct horse u", hashed)
    assert not matches("", hashed)
    assert hashed != hash_password("correct horse ü", b"t" * 16)


def test_what_is_too_long_is_not_even_tried():
    assert not matches("x" * (PASSWORD_MAX + 1), hash_password("x" * (PASSWORD_MAX + 1), b"s" * 16))


def test_no_hash_matches_nothing():
    for text in (
        "",
        "scrypt$14$8$5$$",
        "plain",
        "scrypt$30$8$5$c2Fs$aGFzaA",
        "scrypt$14$8$5$ü$ü",
        "scrypt$14$8$99$YQ$YQ",
    ):
        assert not is_hash(text)
        assert not matches("", text)


def test_secrets_do_not_show():
    assert "kkk" not in repr(PROTECTION)
    assert "scrypt" not in repr(PROTECTION)

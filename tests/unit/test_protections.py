"""Which drafts are protected, as it lies on disk."""

import json
import stat

import pytest

from drafterd.domain.errors import ConfigError, WrongState
from drafterd.domain.names import DraftId
from drafterd.domain.protection import Protection, hash_password, matches
from drafterd.files import TEMPORARY
from drafterd.protections import Protections

ONE, OTHER = DraftId("one"), DraftId("other")
HASH = hash_password("correct horse", b"s" * 16)


def of(protections: Protections, draft: DraftId) -> Protection:
    found = protections.get(draft)
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "access"


def test_nothing_is_protected_unasked(folder):
    assert Protections(folder).get(ONE) is None
    assert not folder.exists()


def test_it_is_found_again_and_readable_by_its_owner_alone(folder):
    before = Protections(folder)
    before.protect(ONE, HASH)
    before.protect(OTHER, "")
    after = Protections(folder)
    assert after.get(ONE) == before.get(ONE)
    assert of(after, ONE).password == HASH
    assert of(after, OTHER).password == ""
    assert of(after, ONE).key != of(after, OTHER).key
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_new_password_keeps_the_key_and_renewing_does_not(folder):
    kept = Protections(folder)
    kept.protect(ONE, "")
    key = of(kept, ONE).key
    kept.protect(ONE, HASH)
    assert of(kept, ONE).key == key
    kept.renew(ONE)
    assert of(kept, ONE).key != key
    assert of(kept, ONE).password == HASH
    assert Protections(folder).get(ONE) == kept.get(ONE)


def test_lifted_it_leaves_nothing(folder):
    kept = Protections(folder)
    kept.protect(ONE, HASH)
    key = of(kept, ONE).key
    kept.lift(ONE)
    kept.lift(ONE)
    assert kept.get(ONE) is None
    assert list(folder.iterdir()) == []
    kept.protect(ONE, HASH)
    assert of(kept, ONE).key != key, "old links stay ended"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": "00", "password": "", "protected": true}', "\xff"])
def test_what_cannot_be_read_lets_nobody_in(folder, text):
    Protections(folder).protect(ONE, HASH)
    (folder / "one.json").write_bytes(text.encode("latin-1"))
    found = Protections(folder).get(ONE)
    assert found is not None
    assert found.password == ""


def test_a_password_that_is_no_hash_lets_nobody_in(folder):
    Protections(folder).protect(ONE, HASH)
    facts = json.loads((folder / "one.json").read_text())
    (folder / "one.json").write_text(json.dumps({**facts, "password": "plain"}))
    assert of(Protections(folder), ONE).password == ""


def test_a_link_is_not_followed(folder, tmp_path):
    Protections(folder).protect(ONE, HASH)
    (folder / "one.json").rename(tmp_path / "elsewhere")
    (folder / "one.json").symlink_to(tmp_path / "elsewhere")
    assert of(Protections(folder), ONE).password == ""


def test_what_a_kill_left_and_what_is_not_ours_protects_nothing(folder):
    Protections(folder).protect(ONE, HASH)
    (folder / f"{TEMPORARY}two.json.1.x").write_text("{")
    (folder / "a b.json").write_text("{")
    found = Protections(folder)
    assert found.get(ONE) is not None
    assert sorted(file.name for file in folder.iterdir()) == ["a b.json", "one.json"]


def test_the_configuration_decides_where_it_says_something(folder):
    kept = Protections(folder, configured={"one": HASH}, passwords={"other": "in a file, long"})
    assert of(kept, ONE).password == HASH
    assert matches("in a file, long", of(kept, OTHER).password)
    for change in (lambda: kept.protect(ONE, HASH), lambda: kept.lift(ONE)):
        with pytest.raises(WrongState, match="configuration"):
            change()
    again = Protections(folder, configured={"one": HASH}, passwords={"other": "in a file, long"})
    assert (again.get(ONE), again.get(OTHER)) == (kept.get(ONE), kept.get(OTHER)), "sessions outlive a restart"
    again.renew(ONE)
    assert of(again, ONE).key != of(kept, ONE).key
    assert of(again, ONE).password == HASH


def test_what_the_configuration_no_longer_protects_is_open(folder):
    Protections(folder, configured={"one": HASH}).renew(ONE)
    assert Protections(folder).get(ONE) is None


def test_a_wish_lies_below_the_configuration(folder):
    Protections(folder).protect(ONE, "")
    assert of(Protections(folder, configured={"one": HASH}), ONE).password == HASH
    assert of(Protections(folder), ONE).password == ""


def test_a_folder_that_is_none_is_no_reason_to_open_drafts(folder):
    folder.write_text("")
    with pytest.raises(ConfigError):
        Protections(folder)

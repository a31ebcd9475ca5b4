"""What makes two builds equal."""

from dataclasses import replace
from typing import Any

from drafterd.domain.keys import build_key
from tests.builders import a_record

FACTS: dict[str, Any] = {"base_path": "/api/draft/a", "node": "24.1.0", "public": {}, "settings": {}}


def test_the_key_follows_what_changes_the_outcome():
    keys = {
        build_key(a_record(), **FACTS),
        build_key(a_record(digest="d2"), **FACTS),
        build_key(a_record(environment_digest="e2"), **FACTS),
        build_key(a_record(fix_version=2), **FACTS),
        build_key(a_record(), **{**FACTS, "base_path": ""}),
        build_key(a_record(), **{**FACTS, "node": "20.0.0"}),
        build_key(a_record(), **{**FACTS, "public": {"NEXT_PUBLIC_X": "1"}}),
        build_key(a_record(), **{**FACTS, "settings": {"a": "b"}}),
    }
    assert len(keys) == 8


def test_and_nothing_else():
    assert build_key(a_record(), **FACTS) == build_key(a_record(stamp="s9", edits=()), **FACTS)


def test_what_cannot_be_built_has_none():
    assert build_key(replace(a_record(), recipe=None), **FACTS) is None

"""What the measurement of many projects finds, compares and counts."""

import pytest

from bench.bare import Bare
from bench.corpus import Project, Way, draft_id, find, summed, told
from drafterd.domain.names import parse_draft_id
from tests.broken import CASES
from tests.server import FIXTURES


def test_projects_are_found_one_level_down_and_nothing_in_them(tmp_path):
    for name in ("a/package.json", "a/inner/package.json", "b/index.html", "group/c/package.json", "group/d/e/f/x.js"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "package.json").touch()
    assert sorted(find(tmp_path)) == ["a", "b", "c"]


def test_all_of_our_own_are_found():
    assert {case.name for case in CASES} <= find(FIXTURES).keys()


@pytest.mark.parametrize("name", ["plain", "With Space & Sign", "x" * 200, "äöü", "_next", "-"])
def test_every_name_becomes_an_id(name):
    for draft in (draft_id(name, 7), f"{draft_id(name, 7)}-host"):
        assert parse_draft_id(draft) == draft
    assert draft_id(name, 7) != draft_id(name, 8)


def project(*, bare=True, live=True, **changes):
    alone = Bare(installed=bare, built=bare, live=bare, missing=["404 /favicon.ico"], errors=["old"] if bare else [])
    way = {"live": live, "state": "ready" if live else "failed", "code": "" if live else "build-failed"}
    ways = {at: Way(**way, **changes) for at in ("path", "host")}
    return Project(bare=alone, ways=ways)


def test_only_what_is_worse_than_bare_counts():
    same = project(missing=["404 /favicon.ico"], errors=["old"])
    assert (same.worse("missing"), same.worse("errors")) == ([], [])
    worse = project(missing=["404 /logo.png", "404 /favicon.ico"], errors=["old", "new"])
    assert worse.worse("missing") == ["host: 404 /logo.png", "path: 404 /logo.png"]
    assert worse.told()["console_errors"] == ["host: new", "path: new"]


def test_totals():
    found = {
        "whole": project(),
        "torn": project(missing=["404 /logo.png"]),
        "mended": project(bare=False, repairs=["webpack"]),
        "lost": project(bare=False, live=False),
    }
    totals = summed(found)
    assert (totals["bare_live"], totals["bare_live_and_live"], totals["bare_live_and_whole"]) == (2, 2, 1)
    assert (totals["bare_failed"], totals["bare_failed_and_live"]) == (2, 1)
    assert (totals["failed"], totals["repairs"]) == ({"build-failed": 2}, {"webpack": 1})
    assert "missing   path: 404 /logo.png" in "\n".join(told("torn", found["torn"]))
    assert set(found["lost"].told()) == {"bare", "drafterd", "repairs", "assets_missing", "console_errors"}

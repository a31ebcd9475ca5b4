"""Which releases there are to go back to, and which may be chosen."""

from dataclasses import replace

import pytest

from drafterd.domain.errors import BadRelease, NotFound, WrongState
from drafterd.domain.model import Problem
from drafterd.domain.names import release_id
from drafterd.domain.releases import Standing, chosen, kept
from tests.builders import a_live_view, a_release, a_target, a_view, an_instance

R1, R2, R3 = map(release_id, (1, 2, 3))
PROBLEM = Problem(code="never-listened", summary="it never listened")
THREE = a_live_view(
    releases=(a_release(1, created=10.0), a_release(2, created=20.0), a_release(3, created=30.0)),
    current=R3,
    instances=(an_instance(3),),
    target=a_target(3),
    confirmed=a_target(3),
)
"""r3 serves; r1 and r2 are kept."""


def test_those_that_are_kept_are_told_newest_first():
    told = kept(replace(THREE, bad={R2: PROBLEM}))
    assert [(each.id, each.standing, each.built) for each in told] == [
        (R3, Standing.SERVING, 30.0),
        (R2, Standing.BAD, 20.0),
        (R1, Standing.GOOD, 10.0),
    ]
    assert [each.problem for each in told] == [None, PROBLEM, None]


@pytest.mark.parametrize(
    ("view", "wanted", "found"),
    [
        (THREE, None, R2),
        (replace(THREE, bad={R2: PROBLEM}), None, R1),
        (replace(THREE, current=R2), None, R1),
        (THREE, "r1", R1),
        (THREE, "r3", R3),
        (replace(THREE, current=None), None, R3),
    ],
)
def test_the_one_that_is_asked_for_else_the_newest_good_one_before(view, wanted, found):
    assert chosen(view, wanted) == found


@pytest.mark.parametrize(
    ("view", "wanted", "error", "hint"),
    [
        (THREE, "r9", NotFound, "kept are r3 (serving), r2, r1"),
        (THREE, "", NotFound, "kept are r3 (serving), r2, r1"),
        (THREE, "../r1", NotFound, "kept are r3 (serving), r2, r1"),
        (replace(THREE, bad={R1: PROBLEM}), "r1", BadRelease, "kept are r3 (serving), r2, r1 (bad)"),
        (replace(THREE, current=R1), None, WrongState, "kept are r3 (serving), r2, r1"),
        (replace(THREE, bad={R1: PROBLEM, R2: PROBLEM}), None, WrongState, "r2 (bad), r1 (bad)"),
        (a_view(), None, WrongState, "none is kept"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused_with_what_there_is(view, wanted, error, hint):
    with pytest.raises(error) as refused:
        chosen(view, wanted)
    assert hint in refused.value.hint

"""The word people see, row by row; and that a good draft is never called failed."""

from dataclasses import replace

import pytest

from drafterd.domain import state
from drafterd.domain.model import BuildStatus, Goal, InstanceStatus, Intent, Presence, Problem
from drafterd.domain.names import release_id
from drafterd.domain.plan import Rules
from drafterd.domain.routing import Target
from drafterd.domain.state import LEGAL_EDGES, State, Work
from tests.builders import a_build, a_live_view, a_record, a_release, a_source, a_view, an_instance

RULES = Rules()
PROBLEM = Problem(code="build-failed", summary="it does not build")
UNSETTLED = a_source(stamp="s2", settled=False)
TAKEN = Problem(code="fixed-port-taken", summary="it wants port 4321", where="port 4321")
FAILED = a_build(2, "k2", BuildStatus.FAILED, problem=PROBLEM)

CASES = {
    "unsettled": (a_view(source=UNSETTLED), State.SETTLING, Work.SETTLING),
    "settled, the fixes are due": (a_view(source=a_source(stamp="s2")), State.SETTLING, Work.SETTLING),
    "a build is due": (a_view(), State.QUEUED, Work.QUEUED),
    "queued": (a_view(builds=(a_build(1, status=BuildStatus.QUEUED),)), State.QUEUED, Work.QUEUED),
    "building": (a_view(builds=(a_build(1, status=BuildStatus.RUNNING),)), State.BUILDING, Work.BUILDING),
    "built, not started yet": (a_view(releases=(a_release(1),)), State.STARTING, Work.STARTING),
    "starting": (
        a_view(releases=(a_release(1),), instances=(an_instance(1, InstanceStatus.STARTING),)),
        State.STARTING,
        Work.STARTING,
    ),
    "its own port was taken, to be tried alone": (
        a_view(releases=(a_release(1),), instances=(an_instance(1, InstanceStatus.FAILED, problem=TAKEN),)),
        State.STARTING,
        Work.STARTING,
    ),
    "its own port was taken when it was alone": (
        a_view(
            releases=(a_release(1),),
            instances=(an_instance(1, InstanceStatus.FAILED, problem=TAKEN),),
            alone=frozenset({an_instance(1).id}),
        ),
        State.FAILED,
        Work.NONE,
    ),
    "ready, and its update is to be tried alone": (
        a_live_view(
            key="k2",
            releases=(a_release(1), a_release(2, "k2")),
            instances=(an_instance(1), an_instance(2, InstanceStatus.FAILED, problem=TAKEN)),
        ),
        State.READY,
        Work.STARTING,
    ),
    "restarted after a crash, its route kept": (
        a_live_view(instances=(an_instance(1, InstanceStatus.STARTING),)),
        State.STARTING,
        Work.NONE,
    ),
    "answers, not current yet": (
        a_view(releases=(a_release(1),), instances=(an_instance(1),)),
        State.STARTING,
        Work.STARTING,
    ),
    "ready": (a_live_view(), State.READY, Work.NONE),
    "answers, but the proxy does not know it yet": (a_live_view(confirmed=None), State.STARTING, Work.NONE),
    "ready, without a process": (
        a_live_view(releases=(a_release(1, argv=()),), instances=(), confirmed=Target(address=None)),
        State.READY,
        Work.NONE,
    ),
    "ready, and being edited": (a_live_view(source=UNSETTLED), State.READY, Work.SETTLING),
    "ready, and its update builds": (
        a_live_view(key="k2", builds=(a_build(2, "k2", BuildStatus.RUNNING), a_build(1))),
        State.READY,
        Work.BUILDING,
    ),
    "ready, and its update failed": (a_live_view(key="k2", builds=(FAILED, a_build(1))), State.READY, Work.NONE),
    "its process has crashed for good": (
        a_live_view(instances=(an_instance(1, InstanceStatus.FAILED, problem=PROBLEM),)),
        State.FAILED,
        Work.NONE,
    ),
    "its process is gone": (a_live_view(instances=()), State.STARTING, Work.NONE),
    "failed": (a_view(key="k2", builds=(FAILED,)), State.FAILED, Work.NONE),
    "cannot be built": (a_view(fix=a_record(recipe=None, problem=PROBLEM), key=None), State.FAILED, Work.NONE),
    "unreadable": (a_view(source=a_source(problem=PROBLEM)), State.FAILED, Work.NONE),
    "no port": (
        a_view(releases=(a_release(1),), trouble=Problem(code="ports-exhausted", summary="")),
        State.QUEUED,
        Work.STARTING,
    ),
    "paused": (a_live_view(intent=Intent(goal=Goal.PAUSE)), State.PAUSED, Work.NONE),
    "gone": (a_live_view(source=a_source(presence=Presence.GONE, gone_since=1.0)), State.REMOVING, Work.NONE),
    "missing once": (a_live_view(source=a_source(presence=Presence.MISSING)), State.READY, Work.NONE),
}


@pytest.mark.parametrize("name", CASES)
def test_state(name):
    view, expected, work = CASES[name]

    assert state.derive(view, RULES) is expected
    assert state.work(view, RULES) is work


@pytest.mark.parametrize("name", [name for name, (_, expected, _) in CASES.items() if expected is State.FAILED])
def test_what_has_failed_says_why_from_the_first_moment(name):
    assert state.problem(CASES[name][0], RULES) is not None


def test_a_failed_update_shows_its_problem_beside_the_good_release():
    view, _, _ = CASES["ready, and its update failed"]
    assert state.problem(view, RULES) == PROBLEM


def test_a_bad_release_shows_why():
    bad = a_live_view(key="k2", releases=(a_release(1), a_release(2, "k2")), bad={release_id(2): PROBLEM})
    assert state.derive(bad, RULES) is State.READY
    assert state.problem(bad, RULES) == PROBLEM


def test_a_release_that_was_gone_back_to_and_does_not_start_is_told():
    one, two = release_id(1), release_id(2)
    view = a_live_view(key="k2", releases=(a_release(1), a_release(2, "k2")), current=two, bad={one: PROBLEM})
    assert state.problem(replace(view, intent=Intent(pinned=one)), RULES) == PROBLEM
    assert state.problem(view, RULES) is None


def test_a_failed_rebuild_of_what_serves_is_told():
    view = a_live_view(builds=(replace(FAILED, key="k1"), a_build(1)))
    assert state.problem(view, RULES) == PROBLEM


def test_a_mended_draft_has_no_problem():
    assert state.problem(a_live_view(), RULES) is None
    assert state.problem(a_live_view(builds=(a_build(2), FAILED)), RULES) is None


def test_every_state_has_its_edges():
    assert set(LEGAL_EDGES) == set(State)

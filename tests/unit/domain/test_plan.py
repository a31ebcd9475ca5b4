"""A view in, actions out: every guard of the planner has a row that fails without it."""

from dataclasses import replace

import pytest

from drafterd.domain.actions import (
    Cancel,
    Condemn,
    Discard,
    Enqueue,
    Expire,
    Fix,
    Pin,
    Promote,
    Prune,
    Revive,
    Route,
    Start,
    Stop,
)
from drafterd.domain.keys import content_of
from drafterd.domain.model import Address, BuildStatus, Goal, InstanceStatus, Intent, Presence, Problem
from drafterd.domain.names import instance_id, release_id
from drafterd.domain.plan import Rules, plan
from drafterd.domain.routing import Target
from tests.builders import HELLO, a_build, a_live_view, a_record, a_release, a_source, a_target, a_view, an_instance

RULES = Rules(drain=30, keep_releases=3, keep_removed=100, restart_after=60)
NOW = 1000.0
R1, R2 = release_id(1), release_id(2)
I1, I2 = instance_id(HELLO, R1), instance_id(HELLO, R2)
PROBLEM = Problem(code="never-listened", summary="it never listened")
STARTING_2 = an_instance(2, InstanceStatus.STARTING)
STALE = a_source(stamp="s2")
"""The source has changed since the fixes ran."""

SWITCHING = a_live_view(key="k2", releases=(a_release(1), a_release(2, "k2")), builds=(a_build(2, "k2"), a_build(1)))
"""Serves r1; r2 has just been built."""

SWITCHED = replace(
    SWITCHING,
    current=R2,
    instances=(an_instance(1), an_instance(2)),
    target=a_target(2),
    routed=frozenset({Address("127.0.0.1", 3002)}),
)
"""r2 is current and routed; r1's instance is still there."""

TAKEN = Problem(code="fixed-port-taken", summary="it wants port 3001", where="port 3001")
WANTING = replace(SWITCHING, instances=(an_instance(1), an_instance(2, InstanceStatus.FAILED, problem=TAKEN)))
"""r2 wants the one port on which r1 listens."""

PINNED = Intent(pinned=R1, stamp=content_of(a_record()))
GONE_BACK = replace(
    SWITCHING,
    intent=PINNED,
    key="k1",
    releases=(a_release(1, "k0"), a_release(2)),
    builds=(a_build(2), a_build(1, "k0")),
)
"""r1 serves again instead of r2, which was made of the source as it is."""

REMOVED = Intent(goal=Goal.REMOVE, stamp="s1")
PAUSED = Intent(goal=Goal.PAUSE)
GONE = a_source(presence=Presence.GONE, gone_since=NOW - 10)

CASES = {
    # settle and fix
    "an unsettled source is waited for": (a_view(source=replace(STALE, settled=False, settles_in=1.5)), (), 1.5),
    "a settled source is fixed": (a_view(source=STALE), (Fix(),), None),
    "a new set of fixes runs again": (a_view(fix=a_record(fix_version=0)), (Fix(),), None),
    "a folder with .draft-skip is left alone": (a_view(source=replace(STALE, skip=True)), (), None),
    "an unreadable folder is left alone": (a_view(source=replace(STALE, problem=PROBLEM)), (), None),
    "a folder missing once is left alone": (a_live_view(source=replace(STALE, presence=Presence.MISSING)), (), None),
    # build
    "a fixed source is built": (a_view(), (Enqueue(key="k1"),), None),
    "a draft with a problem is not built": (a_view(fix=a_record(recipe=None, problem=PROBLEM), key=None), (), None),
    "a key that is building is not asked again": (a_view(builds=(a_build(1, status=BuildStatus.RUNNING),)), (), None),
    "a newer key supersedes": (a_view(builds=(a_build(1, "k0", BuildStatus.RUNNING),)), (Enqueue(key="k1"),), None),
    "a stale source starts no build": (
        a_view(source=replace(STALE, settled=False, settles_in=2), builds=()),
        (),
        2,
    ),
    "a failed key is not built again": (a_view(builds=(a_build(1, status=BuildStatus.FAILED),)), (), None),
    "a timed out key is not built again": (a_view(builds=(a_build(1, status=BuildStatus.TIMED_OUT),)), (), None),
    "a build for an older source is cancelled when the new key is known to fail": (
        a_view(builds=(a_build(2, "k0", BuildStatus.QUEUED), a_build(1, status=BuildStatus.FAILED))),
        (Cancel(),),
        None,
    ),
    "a failure that may pass is tried again later": (
        a_view(builds=(a_build(1, status=BuildStatus.FAILED, problem=replace(PROBLEM, retry_at=NOW + 5)),)),
        (),
        5.0,
    ),
    "and then is": (
        a_view(builds=(a_build(1, status=BuildStatus.FAILED, problem=replace(PROBLEM, retry_at=NOW)),)),
        (Enqueue(key="k1"),),
        None,
    ),
    "an operator's cancel stays": (
        a_view(builds=(a_build(1, status=BuildStatus.CANCELLED, problem=PROBLEM),)),
        (),
        None,
    ),
    "a superseded build may be asked again": (
        a_view(builds=(a_build(1, status=BuildStatus.CANCELLED),)),
        (Enqueue(key="k1"),),
        None,
    ),
    "an interrupted build is asked again": (
        a_view(builds=(a_build(1, status=BuildStatus.INTERRUPTED),)),
        (Enqueue(key="k1"),),
        None,
    ),
    "but not for ever": (
        a_view(builds=tuple(a_build(n, status=BuildStatus.INTERRUPTED) for n in (3, 2, 1))),
        (),
        None,
    ),
    "a key with a release is not built": (a_live_view(), (), None),
    "going back to it cancels what is building": (
        a_live_view(builds=(a_build(2, "k0", BuildStatus.RUNNING), a_build(1))),
        (Cancel(),),
        None,
    ),
    "an operator's rebuild of it goes on": (
        a_live_view(builds=(a_build(2, "k1", BuildStatus.RUNNING), a_build(1))),
        (),
        None,
    ),
    # prove and promote
    "a first release is started": (a_view(releases=(a_release(1),)), (Start(release=R1),), None),
    "a candidate is started beside the current one": (SWITCHING, (Start(release=R2),), None),
    "one that starts is waited for": (
        replace(SWITCHING, instances=(an_instance(1), an_instance(2, InstanceStatus.STARTING))),
        (),
        None,
    ),
    "one that answers is promoted": (
        replace(SWITCHING, instances=(an_instance(1), an_instance(2))),
        (Promote(release=R2),),
        None,
    ),
    "one that fails is condemned": (
        replace(SWITCHING, instances=(an_instance(1), an_instance(2, InstanceStatus.FAILED, problem=PROBLEM))),
        (Condemn(release=R2, problem=PROBLEM),),
        None,
    ),
    "one whose port a stranger took gets another": (
        replace(
            SWITCHING,
            instances=(
                an_instance(1),
                an_instance(2, InstanceStatus.FAILED, problem=replace(PROBLEM, code="port-taken")),
            ),
        ),
        (Stop(instance=I2),),
        None,
    ),
    "a bad release is no candidate": (replace(SWITCHING, bad={R2: PROBLEM}), (), None),
    "not even when it is pinned": (replace(SWITCHING, bad={R2: PROBLEM}, intent=replace(PINNED, pinned=R2)), (), None),
    "a static release needs no proof": (
        a_view(releases=(a_release(1, argv=()),)),
        (Promote(release=R1),),
        None,
    ),
    "a pinned release is a candidate": (
        replace(SWITCHED, intent=PINNED, instances=(an_instance(2),)),
        (Start(release=R1),),
        None,
    ),
    "a pinned one that still runs is promoted at once": (
        replace(SWITCHED, intent=PINNED),
        (Promote(release=R1),),
        None,
    ),
    "a pin lasts when files were only touched": (
        replace(GONE_BACK, source=STALE, fix=a_record(stamp="s2")),
        (),
        None,
    ),
    "a pin ends when the source changes": (
        replace(GONE_BACK, source=STALE, fix=a_record(stamp="s2", digest="d2")),
        (Pin(release=None),),
        None,
    ),
    "a pin ends when the draft's own variables change": (
        replace(GONE_BACK, source=STALE, fix=a_record(stamp="s2", environment_digest="e2")),
        (Pin(release=None),),
        None,
    ),
    "a change that was on its way does not end it": (
        replace(GONE_BACK, intent=replace(PINNED, stamp=""), fix=a_record(digest="d2")),
        (Pin(release=R1, content=content_of(a_record(digest="d2"))),),
        None,
    ),
    "what new fixes change does not end it": (
        replace(GONE_BACK, fix=a_record(fix_version=0)),
        (Pin(release=R1), Fix()),
        None,
    ),
    "it is not told twice": (
        replace(GONE_BACK, fix=a_record(fix_version=0), intent=replace(PINNED, stamp="")),
        (Fix(),),
        None,
    ),
    "a changed source is fixed before the pin is looked at": (replace(GONE_BACK, source=STALE), (Fix(),), None),
    "the newest release of a key is the candidate": (
        a_live_view(releases=(a_release(1), a_release(2))),
        (Start(release=R2),),
        None,
    ),
    # serve and route
    "a current release without an instance is started": (
        a_live_view(instances=(), routed=frozenset(), target=None),
        (Start(release=R1),),
        None,
    ),
    "a ready current release is routed": (
        a_live_view(target=None, routed=frozenset()),
        (Route(target=a_target(1)),),
        None,
    ),
    "a restart keeps its route": (a_live_view(instances=(an_instance(1, InstanceStatus.STARTING),)), (), None),
    "a start that was never routed gets none": (
        a_live_view(instances=(an_instance(1, InstanceStatus.STARTING),), routed=frozenset(), target=None),
        (),
        None,
    ),
    "a failed current loses its route at once": (
        a_live_view(instances=(an_instance(1, InstanceStatus.FAILED, since=NOW),)),
        (Route(target=None),),
        60.0,
    ),
    "and is cleared away for another try later": (
        a_live_view(
            instances=(an_instance(1, InstanceStatus.FAILED, since=NOW - 60),), routed=frozenset(), target=None
        ),
        (Stop(instance=I1),),
        None,
    ),
    "but not while a route names it": (
        a_live_view(instances=(an_instance(1, InstanceStatus.FAILED, since=NOW - 60),), target=None),
        (),
        None,
    ),
    "one that is to restart loses its route first": (
        a_live_view(restarting=frozenset({I1})),
        (Route(target=None),),
        None,
    ),
    "then it is stopped at once, and next started anew": (
        a_live_view(restarting=frozenset({I1}), target=None, routed=frozenset(), unrouted_since={I1: NOW}),
        (Stop(instance=I1),),
        None,
    ),
    "an older release serves on until the current one answers": (
        replace(
            SWITCHED,
            instances=(an_instance(1), an_instance(2, InstanceStatus.STARTING)),
            target=a_target(1),
            routed=frozenset({Address("127.0.0.1", 3001)}),
        ),
        (),
        None,
    ),
    "also while the current one has no instance": (
        replace(
            SWITCHED, instances=(an_instance(1),), target=a_target(1), routed=frozenset({Address("127.0.0.1", 3001)})
        ),
        (Start(release=R2),),
        None,
    ),
    "a static release is routed to the daemon": (
        a_live_view(releases=(a_release(1, argv=()),), instances=(), target=None),
        (Route(target=Target(address=None)),),
        None,
    ),
    # what is left behind
    "an old instance is not stopped while a route names it": (
        replace(SWITCHED, routed=frozenset({Address("127.0.0.1", 3001), Address("127.0.0.1", 3002)})),
        (),
        None,
    ),
    "it drains": (replace(SWITCHED, unrouted_since={I1: NOW - 10}), (), 20.0),
    "then it is stopped": (replace(SWITCHED, unrouted_since={I1: NOW - 30}), (Stop(instance=I1),), None),
    "one that was never routed is stopped at once": (SWITCHED, (Stop(instance=I1),), None),
    "old releases are pruned": (
        a_live_view(
            current=release_id(5),
            releases=tuple(a_release(n) for n in (1, 2, 3, 4, 5)),
            instances=(an_instance(5),),
            target=a_target(5),
            routed=frozenset({Address("127.0.0.1", 3005)}),
        ),
        (Prune(release=R2), Prune(release=R1)),
        None,
    ),
    "but neither the current one nor one that runs": (
        a_live_view(
            key="k9",
            fix=None,
            source=replace(STALE, settled=False, settles_in=1),
            current=R1,
            releases=tuple(a_release(n) for n in (1, 2, 3, 4, 5)),
            instances=(an_instance(1), an_instance(2)),
            unrouted_since={I2: NOW},
        ),
        (),
        1.0,
    ),
    # pause and removal
    "a paused draft loses its route first": (a_live_view(intent=PAUSED), (Route(target=None),), None),
    "then its instance drains": (
        a_live_view(intent=PAUSED, target=None, routed=frozenset(), unrouted_since={I1: NOW - 29}),
        (),
        1.0,
    ),
    "a paused draft is not built": (a_view(intent=PAUSED), (), None),
    "and its build is cancelled": (
        a_view(intent=PAUSED, builds=(a_build(1, status=BuildStatus.QUEUED),)),
        (Cancel(),),
        None,
    ),
    "a vanished draft loses its route": (a_live_view(source=GONE), (Route(target=None),), None),
    "what was made of it is kept a while": (a_view(source=GONE, releases=(a_release(1),)), (), 90.0),
    "then deleted": (
        a_view(source=replace(GONE, gone_since=NOW - 100), releases=(a_release(1),)),
        (Discard(),),
        None,
    ),
    "a removal by the operator does not wait": (
        a_view(intent=REMOVED, releases=(a_release(1),)),
        (Discard(),),
        None,
    ),
    # two releases that want one port
    "an older release that has the port gives way": (WANTING, (Route(target=None),), None),
    "it is stopped once no route names it": (
        replace(WANTING, target=None, confirmed=None, routed=frozenset()),
        (Stop(instance=I1),),
        None,
    ),
    "then the newer one is started alone": (
        replace(WANTING, target=None, routed=frozenset(), instances=WANTING.instances[1:]),
        (Start(release=R2, alone=True),),
        None,
    ),
    "the older one is not started beside the one that is proved alone": (
        replace(WANTING, target=None, routed=frozenset(), alone=frozenset({I2}), instances=(STARTING_2,)),
        (),
        None,
    ),
    "beside any other it is": (
        replace(WANTING, target=None, routed=frozenset(), instances=(STARTING_2,)),
        (Start(release=R1),),
        None,
    ),
    "the older one is started again when the newer one fails alone": (
        replace(
            WANTING,
            target=None,
            routed=frozenset(),
            alone=frozenset({I2}),
            instances=(an_instance(2, InstanceStatus.FAILED, problem=PROBLEM),),
        ),
        (Condemn(release=R2, problem=PROBLEM), Start(release=R1)),
        None,
    ),
    "a port that a stranger has is the newer one's own fault": (
        replace(
            WANTING,
            alone=frozenset({I2}),
            instances=(
                an_instance(1, address=Address("127.0.0.1", 3009)),
                an_instance(2, InstanceStatus.FAILED, problem=TAKEN),
            ),
            target=Target(address=Address("127.0.0.1", 3009)),
        ),
        (Condemn(release=R2, problem=TAKEN),),
        None,
    ),
    "nothing is deleted while it runs": (
        a_live_view(intent=REMOVED, target=None, unrouted_since={I1: NOW}),
        (),
        None,
    ),
    "nothing is deleted while it builds": (
        a_view(intent=REMOVED, builds=(a_build(1, status=BuildStatus.RUNNING),)),
        (Cancel(),),
        None,
    ),
    "nothing left, nothing to do": (a_view(intent=REMOVED, fix=None, key=None), (), None),
    "a source that changed after its removal is a new draft": (
        a_view(intent=REMOVED, source=STALE),
        (Revive(),),
        None,
    ),
}


def test_a_draft_whose_time_to_live_is_over_is_removed():
    view = a_live_view(
        builds=(replace(a_build(1), finished=NOW - 100),), releases=(replace(a_release(1), created=0.0),)
    )
    assert Expire() in plan(view, NOW, replace(RULES, ttl=100.0)).actions
    before = plan(view, NOW - 1, replace(RULES, ttl=100.0))
    assert (before.actions, before.again_after) == ((), 1.0)


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, {"ttl": 0.0}),
        ({}, {"ttl": 100.0, "ttls": {HELLO: 0.0}}),
        ({}, {"ttl": 100.0, "ttls": {HELLO: 2000.0}}),
        ({"intent": PAUSED}, {"ttl": 100.0}),
        ({"source": replace(STALE, settled=False, settles_in=1.0)}, {"ttl": 100.0}),
        ({"builds": (a_build(2, status=BuildStatus.RUNNING), a_build(1))}, {"ttl": 100.0}),
        ({"builds": (), "releases": ()}, {"ttl": 100.0}),
    ],
)
def test_no_draft_is_removed_before_its_time(changes, rules):
    view = replace(a_live_view(releases=(replace(a_release(1), created=0.0),)), **changes)
    assert Expire() not in plan(view, NOW, replace(RULES, **rules)).actions


@pytest.mark.parametrize("name", CASES)
def test_plan(name):
    view, actions, again_after = CASES[name]

    decided = plan(view, NOW, RULES)

    assert decided.actions == actions
    assert decided.again_after == again_after


def test_the_same_view_gives_the_same_plan():
    assert all(plan(view, NOW, RULES) == plan(view, NOW, RULES) for view, _, _ in CASES.values())


def test_a_plan_says_why():
    assert plan(a_view(), NOW, RULES).why == "enqueue"
    assert plan(replace(SWITCHED, unrouted_since={I1: NOW}), NOW, RULES).why == "draining"

"""The one word people see for a draft, computed from its view; nothing stores it.

`LEGAL_EDGES` steers nothing: the tests check against it, and a counter shows when the real world
takes an edge that we did not expect.
"""

from collections.abc import Callable
from enum import StrEnum

from drafterd.domain import plan
from drafterd.domain.model import BuildStatus, Goal, Instance, InstanceStatus, Presence, Problem
from drafterd.domain.names import ReleaseId, release_number
from drafterd.domain.view import View


class State(StrEnum):
    """What a draft is doing, for people."""

    SETTLING = "settling"
    QUEUED = "queued"
    BUILDING = "building"
    STARTING = "starting"
    READY = "ready"
    ASLEEP = "asleep"
    PAUSED = "paused"
    FAILED = "failed"
    REMOVING = "removing"


class Work(StrEnum):
    """What is going on beside what is served."""

    NONE = "none"
    SETTLING = "settling"
    QUEUED = "queued"
    BUILDING = "building"
    STARTING = "starting"


def derive(view: View, rules: plan.Rules) -> State:
    """The draft's state: the first row that matches."""
    return next(state for state, matches in _ROWS if matches(view, rules))


def work(view: View, rules: plan.Rules) -> Work:
    """What is being done for the draft, whether or not it serves meanwhile."""
    return next((word for word, matches in _WORK if matches(view, rules)), Work.NONE)


def serving(view: View) -> ReleaseId | None:
    """The release that visitors reach: it answers, and the proxy knows the way. Else None."""
    if plan.wanted_target(view) is None or view.confirmed is None:
        return None
    if view.confirmed.address is None:
        return view.current
    # One that is restarted after a crash keeps its route, and does not answer meanwhile.
    answering = (instance for instance in view.instances if instance.status is InstanceStatus.READY)
    return next((instance.release for instance in answering if instance.address == view.confirmed.address), None)


def problem(view: View, rules: plan.Rules) -> Problem | None:
    """The one problem that a person should know first."""
    return next((found for find in _PROBLEMS if (found := find(view, rules)) is not None), None)


def _current_starting(view: View) -> bool:
    release = view.release(view.current) or plan.candidate(view)
    if release is None:
        return False
    if release.static:
        return True
    instance = view.instance(release.id)
    return instance is None or instance.status is not InstanceStatus.FAILED or _candidate_tried_again(view)


def _candidate_starting(view: View) -> bool:
    release = plan.candidate(view)
    instance = view.instance(release.id) if release else None
    if release is None or instance is None:
        return release is not None
    return instance.status is not InstanceStatus.FAILED or _candidate_tried_again(view)


def _candidate_tried_again(view: View) -> bool:
    """Whether the candidate's server has failed, and is about to be started once more."""
    release = plan.candidate(view)
    instance = view.instance(release.id) if release else None
    return instance is not None and plan.wants_to_be_alone(view, instance)


def _has_build(view: View, status: BuildStatus) -> bool:
    return any(build.status is status for build in view.builds)


def _needs_fix(view: View, rules: plan.Rules) -> bool:
    """Whether its files are still to be read: it has not settled, or the fixes are due."""
    source = view.source
    return (
        source.presence is not Presence.GONE
        and source.problem is None
        and not source.skip
        and not plan.fresh(view, rules)
    )


def _unbuilt(view: View, rules: plan.Rules) -> bool:
    """Whether a build is due that no row of the queue shows yet."""
    return (
        plan.fresh(view, rules)
        and view.key is not None
        and view.source.problem is None
        and not view.source.skip
        and not any(release.key == view.key for release in view.releases)
        and plan.blocking_problem(view) is None
    )


def _out_of_ports(view: View) -> bool:
    return view.trouble is not None and view.trouble.code == "ports-exhausted"


_Row = Callable[[View, plan.Rules], bool]

_ROWS: tuple[tuple[State, _Row], ...] = (
    (State.REMOVING, lambda view, _: plan.removing(view)),
    (State.PAUSED, lambda view, _: view.intent.goal is Goal.PAUSE),
    (State.READY, lambda view, _: serving(view) is not None),
    (State.QUEUED, lambda view, _: _out_of_ports(view)),
    (State.STARTING, lambda view, _: _current_starting(view)),
    (State.BUILDING, lambda view, _: _has_build(view, BuildStatus.RUNNING)),
    (State.QUEUED, lambda view, _: _has_build(view, BuildStatus.QUEUED)),
    (State.SETTLING, _needs_fix),
    (State.QUEUED, _unbuilt),
    (State.FAILED, lambda _view, _rules: True),
)

_WORK: tuple[tuple[Work, _Row], ...] = (
    (Work.NONE, lambda view, _: plan.removing(view) or view.intent.goal is not Goal.RUN),
    (Work.STARTING, lambda view, _: _candidate_starting(view)),
    (Work.BUILDING, lambda view, _: _has_build(view, BuildStatus.RUNNING)),
    (Work.QUEUED, lambda view, _: _has_build(view, BuildStatus.QUEUED)),
    (Work.SETTLING, _needs_fix),
    (Work.QUEUED, _unbuilt),
)


def _fix_problem(view: View, rules: plan.Rules) -> Problem | None:
    return view.fix.problem if view.fix and plan.fresh(view, rules) else None


def _build_problem(view: View, _rules: plan.Rules) -> Problem | None:
    last = view.last_of_key
    if view.key is None or last is None:
        return None
    newest = max((release_number(release.id) for release in view.releases if release.key == view.key), default=0)
    return plan.blocking_problem(view) if last.number > newest else None


def _bad_release(view: View, _rules: plan.Rules) -> Problem | None:
    newest = [release for release in view.releases if release.key == view.key and release.id in view.bad]
    if not newest or plan.candidate(view) is not None:
        return None
    current = view.release(view.current)
    return None if current and current.key == view.key else view.bad[newest[-1].id]


def _candidate_problem(view: View, _rules: plan.Rules) -> Problem | None:
    """What ended the server that was tried, while it is not yet condemned for that."""
    release = plan.candidate(view)
    instance = view.instance(release.id) if release else None
    failed = instance is not None and instance.status is InstanceStatus.FAILED and not _candidate_tried_again(view)
    return instance.problem if instance and failed else None


def _pinned_problem(view: View, _rules: plan.Rules) -> Problem | None:
    """The release that was gone back to did not start."""
    return view.bad.get(view.intent.pinned) if view.intent.pinned else None


def _instance_problem(view: View, _rules: plan.Rules) -> Problem | None:
    instance: Instance | None = view.instance(view.current) if view.current else None
    told = (InstanceStatus.FAILED, InstanceStatus.READY)
    return instance.problem if instance and instance.status in told else None


_PROBLEMS: tuple[Callable[[View, plan.Rules], Problem | None], ...] = (
    lambda view, _: view.source.problem,
    _fix_problem,
    _build_problem,
    _pinned_problem,
    _candidate_problem,
    _bad_release,
    _instance_problem,
    lambda view, _: view.trouble,
)

_ANY = frozenset(State)

LEGAL_EDGES: dict[State, frozenset[State]] = {
    # Anything may be removed or paused at any time; a folder may change at any time.
    State.SETTLING: _ANY - {State.ASLEEP},
    State.QUEUED: _ANY - {State.ASLEEP},
    State.BUILDING: _ANY - {State.ASLEEP},
    State.STARTING: _ANY,
    State.READY: _ANY,
    State.ASLEEP: frozenset({State.STARTING, State.READY, State.PAUSED, State.REMOVING, State.FAILED}),
    State.PAUSED: _ANY - {State.ASLEEP},
    State.FAILED: _ANY - {State.ASLEEP},
    State.REMOVING: frozenset(
        {State.SETTLING, State.QUEUED, State.STARTING, State.READY, State.PAUSED, State.FAILED, State.BUILDING}
    ),
}
"""From each state, the states that may follow it."""

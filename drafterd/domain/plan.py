"""The planner: one draft's view and the time in, what to do next out. Nothing else decides.

The rules run in the order of a draft's life; each is a small pure function that yields actions or
nothing. A kill between any two actions is harmless, because the next view shows what was done.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from drafterd.domain.actions import (
    Action,
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
from drafterd.domain.expiry import expires_at
from drafterd.domain.keys import content_of
from drafterd.domain.model import BuildStatus, Goal, Instance, InstanceStatus, Mend, Presence, Problem, Release
from drafterd.domain.names import DraftId, release_number
from drafterd.domain.routing import Target
from drafterd.domain.view import View

INTERRUPTIONS = 3
"""So many builds of one key that die with the daemon are taken for the build's own fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers that steer the planner; seconds and counts.

    Attributes:
        drain: How long an old instance goes on after its last route.
        keep_releases: How many releases of a draft are kept at least.
        keep_removed: How long a vanished draft's releases are kept.
        restart_after: When a current instance that failed is tried again.
        ttl: How long a draft lives after its last build; 0.0: for ever.
        ttls: For single drafts.
        fix_version: A record of another set of fixes is done anew.
    """

    drain: float = 30.0
    keep_releases: int = 3
    keep_removed: float = 3600.0
    restart_after: float = 60.0
    fix_version: int = 1
    ttl: float = 0.0
    ttls: Mapping[str, float] = field(default_factory=dict)

    def ttl_of(self, draft: DraftId) -> float:
        """How long a draft lives."""
        return self.ttls.get(draft, self.ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now, when to look again without any event, and why."""

    actions: tuple[Action, ...] = ()
    again_after: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """A rule's wish to be asked again in so many seconds."""

    after: float
    why: str


Rule = Callable[[View, float, Rules], Iterator[Action | Again]]


def plan(view: View, now: float, rules: Rules) -> Plan:
    """What is to be done for one draft: the same view, time and rules give the same plan."""
    said = [word for rule in _rules_for(view) for word in rule(view, now, rules)]
    actions = tuple(word for word in said if not isinstance(word, Again))
    waits = [word for word in said if isinstance(word, Again)]
    why = ", ".join([*(type(action).__name__.lower() for action in actions), *(wait.why for wait in waits)])
    return Plan(actions=actions, again_after=min((wait.after for wait in waits), default=None), why=why)


def _rules_for(view: View) -> tuple[Rule, ...]:
    if removing(view):
        return (_cancel, _unroute, _stop_all, _discard)
    if view.intent.goal is Goal.REMOVE:
        return (_revive,)
    if view.intent.goal is Goal.PAUSE:
        return (_cancel, _unroute, _stop_all)
    return (_expire, _hold, _fix, _build, _prove, _serve, _route, _stop_others, _prune)


def removing(view: View) -> bool:
    """Whether the draft is to vanish: its folder is gone, or the operator said so of this source."""
    if view.source.presence is Presence.GONE:
        return True
    return view.intent.goal is Goal.REMOVE and not (
        view.source.presence is Presence.PRESENT and view.source.stamp != view.intent.stamp
    )


# The end of a draft, and its pause


def _cancel(view: View, _now: float, _rules: Rules) -> Iterator[Action | Again]:
    if view.active_build:
        yield Cancel()


def _unroute(view: View, _now: float, _rules: Rules) -> Iterator[Action | Again]:
    if view.target is not None:
        yield Route(target=None)


def _stop_all(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    for instance in view.instances:
        yield from _stop(view, instance, now, rules)


def _discard(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    if view.instances or view.active_build or view.target is not None:
        return
    if view.source.gone_since is not None and view.intent.goal is not Goal.REMOVE:
        rest = view.source.gone_since + rules.keep_removed - now
        if rest > 0:
            yield Again(rest, "kept in case it comes back")
            return
    if view.releases or view.builds or view.fix or view.source.presence is Presence.GONE:
        yield Discard()


def _revive(_view: View, _now: float, _rules: Rules) -> Iterator[Action | Again]:
    yield Revive()


def _expire(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    end = expires_at(view, rules.ttl_of(view.draft))
    if end is None or view.active_build or not view.source.settled:
        return
    if end <= now:
        yield Expire()
    else:
        yield Again(end - now, "expires")


# From the source to a release


def fresh(view: View, rules: Rules) -> bool:
    """Whether the fixes were applied to the source as it is now."""
    return view.fix is not None and view.fix.stamp == view.source.stamp and view.fix.fix_version == rules.fix_version


def _readable(view: View) -> bool:
    source = view.source
    return source.presence is Presence.PRESENT and not source.skip and source.problem is None


def _hold(view: View, _now: float, rules: Rules) -> Iterator[Action | Again]:
    """A pin lasts until the source changes; what only our own fixes change does not end it."""
    pinned, fixed = view.intent.pinned, view.fix
    if pinned is None or fixed is None:
        return
    if not fresh(view, rules):
        if fixed.stamp == view.source.stamp and view.intent.stamp:
            yield Pin(release=pinned)  # other fixes are due: the content that they leave is the one it is about
    elif not view.intent.stamp:
        yield Pin(release=pinned, content=content_of(fixed))
    elif view.intent.stamp != content_of(fixed):
        yield Pin(release=None)


def _fix(view: View, _now: float, rules: Rules) -> Iterator[Action | Again]:
    if not _readable(view) or fresh(view, rules):
        return
    if view.source.settled:
        yield Fix()
    else:
        yield Again(view.source.settles_in, "settling")


def _build(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    if not _readable(view) or not fresh(view, rules) or view.key is None:
        return
    active = view.active_build
    if any(release.key == view.key for release in view.releases):
        if active and active.key != view.key:
            yield Cancel()
        return
    if active and all(build.key == view.key for build in view.builds if build.status.active):
        return
    blocked = blocking_problem(view)
    if blocked is None:
        yield Enqueue(key=view.key)
    elif active:
        yield Cancel()
    elif blocked.retry_at is not None:
        if now >= blocked.retry_at:
            yield Enqueue(key=view.key)
        else:
            yield Again(blocked.retry_at - now, "tried again later")


def blocking_problem(view: View) -> Problem | None:
    """Why the wanted key is not to be built again just so, or None."""
    last = view.last_of_key
    if last is None:
        return None
    if last.status in (BuildStatus.FAILED, BuildStatus.TIMED_OUT):
        return last.problem or Problem(code="build-failed", summary="the build failed")
    if last.status is BuildStatus.CANCELLED:
        return last.problem  # the operator's cancel has one; a superseded build may be asked for again
    ends = [build.status for build in view.builds if build.key == view.key]
    if len(ends) >= INTERRUPTIONS and set(ends[:INTERRUPTIONS]) == {BuildStatus.INTERRUPTED}:
        return Problem(
            code="build-interrupted",
            summary=f"the daemon stopped {INTERRUPTIONS} times in a row during this build",
            hint="look for lack of memory in the system's log, then ask for the build again",
            mend=Mend.MACHINE,
        )
    return None


# From a release to a current one


def candidate(view: View) -> Release | None:
    """The release that should become current and is not, or None.

    A release known to be bad is never one, not even when it is pinned.
    """
    good = [release for release in view.releases if release.id not in view.bad]
    if view.intent.pinned is not None:
        wanted = [release for release in good if release.id == view.intent.pinned]
    else:
        wanted = [release for release in good if release.key == view.key]
    newest = max(wanted, key=lambda release: release_number(release.id), default=None)
    return None if newest is None or newest.id == view.current else newest


def _prove(view: View, _now: float, _rules: Rules) -> Iterator[Action | Again]:
    release = candidate(view)
    if release is None:
        return
    if release.static:
        yield Promote(release=release.id)
        return
    instance = view.instance(release.id)
    if instance is None or instance.status is InstanceStatus.STOPPED:
        yield Start(release=release.id)
    elif instance.status is InstanceStatus.READY:
        yield Promote(release=release.id)
    elif instance.status is InstanceStatus.FAILED:
        problem = instance.problem or Problem(code="start-failed", summary="the server did not start")
        if problem.code == "port-taken":
            yield Stop(instance=instance.id)  # not the draft's fault: it gets another port
        elif (holder := gives_way(view)) is not None:
            if holder.address not in view.routed:
                yield Stop(instance=holder.id)
        elif wants_to_be_alone(view, instance):
            yield Start(release=release.id, alone=True)
        else:
            yield Condemn(release=release.id, problem=problem)


def gives_way(view: View) -> Instance | None:
    """The instance that has the one port which the candidate wants for itself: they cannot run side by side."""
    release = candidate(view)
    wanting = view.instance(release.id) if release else None
    if wanting is None or wanting.problem is None or not wants_to_be_alone(view, wanting):
        return None
    where = wanting.problem.where
    others = ((each, each.address) for each in view.instances if each.id != wanting.id)
    return next((each for each, address in others if address and where == f"port {address.port}"), None)


def wants_to_be_alone(view: View, instance: Instance) -> bool:
    """Whether it found its port taken, and was not yet tried with nothing of the draft beside it."""
    failed = instance.problem if instance.status is InstanceStatus.FAILED else None
    return failed is not None and failed.code == "fixed-port-taken" and instance.id not in view.alone


def _candidate_comes_first(view: View) -> bool:
    """Whether the current release, which does not run, waits until the candidate was tried alone."""
    release = candidate(view)
    instance = view.instance(release.id) if release else None
    if instance is None:
        return False
    tried = instance.id in view.alone and instance.status is InstanceStatus.STARTING
    return tried or wants_to_be_alone(view, instance)


def _serve(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    release = view.release(view.current)
    if release is None or release.static:
        return
    instance = view.instance(release.id)
    if instance is None or instance.status is InstanceStatus.STOPPED:
        if not _candidate_comes_first(view):
            yield Start(release=release.id)
    elif instance.id in view.restarting:
        yield from _stop(view, instance, now, rules)
    elif instance.status is InstanceStatus.FAILED:
        rest = instance.since + rules.restart_after - now
        if rest > 0:
            yield Again(rest, "restarted later")
        elif instance.address not in view.routed:
            yield Stop(instance=instance.id)


# From a current release to visitors, and what is left behind


def wanted_target(view: View) -> Target | None:
    """Who should answer for the draft: its current release, once something answers there."""
    answering = _answering(view)
    return answering and replace(answering, protected=view.protected, noindex=view.noindex)


def _answering(view: View) -> Target | None:
    release = view.release(view.current)
    if release is None:
        return None
    if release.static:
        return Target(address=None, kind=view.address, base_path=release.base_path, fallback=release.fallback)
    instance = view.instance(release.id)
    if instance is None or instance.address is None or instance.id in view.restarting or instance is gives_way(view):
        return _bridge(view, release)
    # A restart after a crash keeps its route: the proxy shows the page meanwhile, and the first
    # answer is the draft's own.
    restarting = instance.status is InstanceStatus.STARTING and instance.address in view.routed
    if instance.status is InstanceStatus.READY or restarting:
        return Target(address=instance.address, strip=release.strip, kind=view.address, base_path=release.base_path)
    return _bridge(view, release)


def _bridge(view: View, current: Release) -> Target | None:
    """An older release that still answers serves on until the current one does.

    A kill between a promotion and its route must not take the draft down.
    """
    answers = {
        instance.address
        for instance in view.instances
        if instance.release != current.id and instance.status in (InstanceStatus.READY, InstanceStatus.STARTING)
    }
    return view.target if view.target is not None and view.target.address in answers else None


def _route(view: View, _now: float, _rules: Rules) -> Iterator[Action | Again]:
    wanted = wanted_target(view)
    if wanted != view.target:
        yield Route(target=wanted)


def _stop_others(view: View, now: float, rules: Rules) -> Iterator[Action | Again]:
    wanted = candidate(view)
    keep = {view.current, wanted.id if wanted else None}
    for instance in view.instances:
        if instance.release not in keep:
            yield from _stop(view, instance, now, rules)


def _stop(view: View, instance: Instance, now: float, rules: Rules) -> Iterator[Action | Again]:
    """Stop an instance once no route names it and its last visitors had time to end."""
    if instance.address is not None and instance.address in view.routed:
        return  # the confirmation of a table without it brings us here again
    left = view.unrouted_since.get(instance.id)
    # While a restart lasts nothing else can answer: it does not wait for long visits.
    at_once = left is None or instance.status is InstanceStatus.FAILED or instance.id in view.restarting
    rest = 0.0 if at_once or left is None else left + rules.drain - now
    if rest > 0:
        yield Again(rest, "draining")
    else:
        yield Stop(instance=instance.id)


def _prune(view: View, _now: float, rules: Rules) -> Iterator[Action | Again]:
    wanted = candidate(view)
    needed = {view.current, view.intent.pinned, wanted.id if wanted else None}
    needed |= {instance.release for instance in view.instances}
    newest = sorted(view.releases, key=lambda release: release_number(release.id), reverse=True)
    for release in itertools.islice(newest, rules.keep_releases, None):
        if release.id not in needed:
            yield Prune(release=release.id)

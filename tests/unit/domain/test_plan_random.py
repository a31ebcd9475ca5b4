"""The planner's invariants over random events, with a kill after any action.

The world here is a model, not the product: it keeps the promises that the adapters' own tests show
(a start is repeatable, a table is taken or refused whole, a kill loses what is only in memory).
The numbers in the test names are those of docs/architecture.md.
"""

import copy
import random
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drafterd.domain import plan as planner
from drafterd.domain import ports
from drafterd.domain.actions import (
    Cancel,
    Condemn,
    Discard,
    Enqueue,
    Fix,
    Pin,
    Promote,
    Prune,
    Revive,
    Route,
    Start,
    Stop,
)
from drafterd.domain.errors import PortsExhausted
from drafterd.domain.model import (
    Address,
    Build,
    BuildStatus,
    FixRecord,
    Goal,
    Instance,
    InstanceStatus,
    Intent,
    Kind,
    Presence,
    Problem,
    Recipe,
    Release,
    Source,
)
from drafterd.domain.names import DraftId, instance_id, release_id
from drafterd.domain.plan import Plan, Rules, plan
from drafterd.domain.state import LEGAL_EDGES, State, derive
from drafterd.domain.view import View

DRAFTS = tuple(DraftId(name) for name in ("a", "b", "c"))
PORTS = (3001, 3012)
RULES = Rules(drain=3, keep_releases=2, keep_removed=10, restart_after=4)
RECIPE = Recipe(kind=Kind.NODE, why="test", start=("node",))
KILL_CHANCE = 0.15
STEPS = 60
QUIET_STEPS = 80
BAD_BUILD, BAD_START, OWN_PORT = 5, 7, 3
"""A content divisible by the first does not build, by the second does not start, by the third listens on
a port of its own, the same for all of the draft."""


class Killed(Exception):
    """The daemon died between two actions."""


class Draft:
    """What is on disk and in the supervisor for one draft."""

    def __init__(self, name, content):
        self.name = name
        self.content = content
        self.presence = Presence.PRESENT
        self.gone_since = None
        self.changed_at = 0
        self.intent = Intent()
        self.fix = None
        self.builds = []
        self.releases = []
        self.bad = {}
        self.current = None
        self.instances = {}
        self.proved = set()
        self.count = 0
        self.forgotten = False


class World:
    """Three drafts, one port pool, one proxy."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now = 100
        self.contents = 0
        self.drafts = {name: Draft(name, self.next_content()) for name in DRAFTS}
        self.leases = {}
        self.confirmed = {}  # the proxy's table: survives the daemon
        self.asked = {}  # the daemon's memory
        self.left = {}
        self.alone = set()
        self.started_at = self.now
        self.states = {}
        self.quiet = False

    def next_content(self):
        self.contents += 1
        return self.contents

    # The view

    def view(self, draft):
        settled = self.now - draft.changed_at >= 2
        stamp = f"s{draft.content}"
        return View(
            draft=draft.name,
            source=Source(
                presence=draft.presence,
                stamp=stamp,
                settled=settled,
                settles_in=0 if settled else 1,
                gone_since=draft.gone_since,
            ),
            intent=draft.intent,
            fix=draft.fix,
            key=draft.fix and draft.fix.digest,
            builds=tuple(sorted(draft.builds, key=lambda build: -build.number)),
            releases=tuple(draft.releases),
            bad=dict(draft.bad),
            current=draft.current,
            instances=tuple(draft.instances.values()),
            routed=self.routed(),
            unrouted_since={
                instance.id: self.left.get(instance.address, self.started_at)
                for instance in draft.instances.values()
                if instance.address in self.left or instance.since < self.started_at
            },
            target=self.asked.get(draft.name),
            confirmed=self.confirmed.get(draft.name),
            alone=frozenset(self.alone),
        )

    def routed(self):
        targets = [*self.confirmed.values(), *self.asked.values()]
        return frozenset(target.address for target in targets if target and target.address)

    # The daemon

    def reconcile(self, draft):
        view = self.view(draft)
        if draft.forgotten:
            return Plan()  # no folder, nothing made of it: the loop does not know it any more
        decided = plan(view, self.now, RULES)
        assert decided == plan(view, self.now, RULES)  # 4
        for action in decided.actions:
            self.perform(draft, action)
            self.check()
            self.note_edge(draft)
            if not self.quiet and self.random.random() < KILL_CHANCE:
                raise Killed
        return decided

    def perform(self, draft, action):
        self.deeds[type(action)](self, draft, action)
        if type(action) in self.repeatable:  # 4: performing twice equals once
            before = copy.deepcopy(draft.__dict__)
            self.deeds[type(action)](self, draft, action)
            assert draft.__dict__ == before

    def fix(self, draft, _):
        draft.fix = FixRecord(
            stamp=f"s{draft.content}", digest=f"k{draft.content}", environment_digest="", fix_version=1, recipe=RECIPE
        )

    def enqueue(self, draft, action):
        active = [build for build in draft.builds if build.status.active]
        if any(build.key == action.key for build in active):
            return
        self.end(draft, BuildStatus.CANCELLED)
        draft.count += 1
        draft.builds.append(
            Build(draft=draft.name, number=draft.count, key=action.key, status=BuildStatus.QUEUED, created=self.now)
        )

    def cancel(self, draft, _):
        self.end(draft, BuildStatus.CANCELLED)

    def end(self, draft, status, only=(BuildStatus.QUEUED, BuildStatus.RUNNING)):
        draft.builds = [replace(build, status=status) if build.status in only else build for build in draft.builds]

    def start(self, draft, action):
        instance = instance_id(draft.name, action.release)
        known = draft.instances.get(instance)
        if action.alone:
            self.alone.add(instance)
        if known and known.status not in (InstanceStatus.STOPPED, InstanceStatus.FAILED):
            return
        try:
            port = self.leases.get(instance) or ports.pick(
                *PORTS, prefer=None, taken=self.leases.values(), is_free=lambda _: True
            )
        except PortsExhausted:
            return  # the loop reports it and comes back later
        self.leases[instance] = port
        draft.instances[instance] = Instance(
            id=instance,
            draft=draft.name,
            release=action.release,
            status=InstanceStatus.STARTING,
            address=Address("127.0.0.1", port),
            since=self.now,
        )

    def stop(self, draft, action):
        instance = draft.instances.get(action.instance)
        if instance is not None:
            assert all(target is None or target.address != instance.address for target in self.confirmed.values())  # 2
            del draft.instances[action.instance]
            self.left.pop(instance.address, None)
        self.leases.pop(action.instance, None)
        self.alone.discard(action.instance)

    def condemn(self, draft, action):
        draft.bad[action.release] = action.problem

    def promote(self, draft, action):
        assert action.release in draft.proved  # 7
        draft.current = action.release

    def pin(self, draft, action):
        draft.intent = replace(draft.intent, pinned=action.release, stamp=action.content)

    def route(self, draft, action):
        asked = self.asked.get(draft.name)
        if action.target is None and asked is not None and draft.intent.goal is Goal.RUN:
            answering = {i.address for i in draft.instances.values() if i.status is InstanceStatus.READY}
            gives_way = planner.gives_way(self.view(draft)) is not None
            assert gives_way or draft.presence is Presence.GONE or asked.address not in answering  # 1
        self.asked[draft.name] = action.target

    def prune(self, draft, action):
        assert action.release != draft.current
        draft.releases = [release for release in draft.releases if release.id != action.release]

    def revive(self, draft, _):
        draft.intent = Intent()

    def discard(self, draft, _):
        assert not draft.instances
        draft.fix, draft.builds, draft.releases, draft.bad, draft.current = None, [], [], {}, None
        draft.forgotten = draft.presence is Presence.GONE
        if draft.forgotten:
            draft.intent = Intent()

    deeds: ClassVar = {
        Fix: fix,
        Enqueue: enqueue,
        Cancel: cancel,
        Start: start,
        Stop: stop,
        Condemn: condemn,
        Promote: promote,
        Pin: pin,
        Route: route,
        Prune: prune,
        Revive: revive,
        Discard: discard,
    }
    repeatable = frozenset(deeds)

    def kill(self):
        """The daemon dies and comes back: what was only in its memory is gone."""
        self.started_at = self.now
        self.asked = dict(self.confirmed)
        self.left = {}
        self.alone = set()
        for draft in self.drafts.values():
            self.end(draft, BuildStatus.INTERRUPTED, only=(BuildStatus.RUNNING,))

    # What happens by itself

    def live(self):
        self.now += 1
        self.publish()
        running = 0
        for draft in self.drafts.values():
            self.look(draft)
            running += self.build(draft)
            self.probe(draft)
        assert running <= len(DRAFTS)
        self.check()

    def publish(self):
        if not self.quiet and self.random.random() < 0.2:
            return  # refused, or still on its way
        before = {target.address for target in self.confirmed.values() if target and target.address}
        self.confirmed = {name: target for name, target in self.asked.items() if target is not None}
        after = {target.address for target in self.confirmed.values() if target.address}
        for address in before - after:
            self.left[address] = self.now
        for address in after:
            self.left.pop(address, None)

    def look(self, draft):
        if draft.presence is Presence.MISSING:
            draft.presence, draft.gone_since = Presence.GONE, self.now

    def build(self, draft):
        for position, build in enumerate(draft.builds):
            if build.status is BuildStatus.QUEUED:
                draft.builds[position] = replace(build, status=BuildStatus.RUNNING)
                return 1
            if build.status is BuildStatus.RUNNING and self.random.random() < 0.5:
                good = int(build.key[1:]) % BAD_BUILD != 0
                draft.builds[position] = replace(build, status=BuildStatus.SUCCEEDED if good else BuildStatus.FAILED)
                if good:
                    release = Release(
                        id=release_id(build.number), draft=draft.name, key=build.key, path="/", argv=("node",)
                    )
                    draft.releases.append(release)
        return sum(build.status is BuildStatus.RUNNING for build in draft.builds)

    def probe(self, draft):
        for name, instance in list(draft.instances.items()):
            if instance.status is not InstanceStatus.STARTING or self.random.random() < 0.3:
                continue
            release = next((one for one in draft.releases if one.id == instance.release), None)
            good = release is None or int(release.key[1:]) % BAD_START != 0
            problem = None if good else Problem(code="never-listened", summary="never listened")
            address = self.where(draft, release, instance)
            if good and any(other.address == address for other in draft.instances.values() if other is not instance):
                good, address = False, instance.address
                problem = Problem(code="fixed-port-taken", summary="taken", where=f"port {own_port(draft)}")
            status = InstanceStatus.READY if good else InstanceStatus.FAILED
            draft.instances[name] = replace(
                instance, status=status, since=self.now, problem=problem, address=address if good else instance.address
            )
            if good:
                draft.proved.add(instance.release)

    def where(self, draft, release, instance):
        """Where a server listens: at the address it is given, or not."""
        own = release is not None and int(release.key[1:]) % OWN_PORT == 0
        return Address("127.0.0.1", own_port(draft)) if own else instance.address

    # What people and fate do

    def happen(self, event, draft):
        getattr(self, f"event_{event}")(draft)

    def event_edit(self, draft):
        draft.content, draft.changed_at = self.next_content(), self.now

    def event_revert(self, draft):
        draft.content, draft.changed_at = max(1, draft.content - 3), self.now

    def event_vanish(self, draft):
        if draft.presence is Presence.PRESENT:
            draft.presence = Presence.MISSING

    def event_come_back(self, draft):
        if draft.presence is not Presence.PRESENT:
            draft.presence, draft.gone_since, draft.changed_at = Presence.PRESENT, None, self.now
            draft.forgotten = False

    def event_pause(self, draft):
        draft.intent = Intent(goal=Goal.PAUSE)

    def event_resume(self, draft):
        draft.intent = Intent()

    def event_remove(self, draft):
        draft.intent = Intent(goal=Goal.REMOVE, stamp=f"s{draft.content}")

    def event_pin(self, draft):
        if draft.releases:
            draft.intent = Intent(pinned=self.random.choice(draft.releases).id)

    def event_crash(self, draft):
        for name, instance in draft.instances.items():
            if instance.status is InstanceStatus.READY:
                draft.instances[name] = replace(instance, status=InstanceStatus.STARTING, since=self.now)

    def event_reboot(self, _):
        for draft in self.drafts.values():
            draft.instances.clear()
        self.leases.clear()
        self.kill()

    def event_forget(self, draft):
        """The ledger is lost: history, pauses, pins and verdicts are gone, what is stays."""
        draft.builds, draft.bad, draft.intent = [], {}, Intent()

    def event_kill(self, _):
        self.kill()

    # What must always hold

    def check(self):
        addresses = [i.address for draft in self.drafts.values() for i in draft.instances.values()]
        assert len(addresses) == len(set(addresses))  # 3
        assert set(self.leases.values()) <= set(range(PORTS[0], PORTS[1] + 1))  # 3
        for draft in self.drafts.values():
            assert draft.current is None or draft.current in draft.proved  # 7
            for status in (BuildStatus.QUEUED, BuildStatus.RUNNING):
                assert sum(build.status is status for build in draft.builds) <= 1  # 6
            ready = [i for i in draft.instances.values() if i.status is InstanceStatus.READY]
            draining = [i for i in ready if i.release not in (draft.current, self.candidate(draft))]
            assert len(ready) - len(draining) <= 2  # 6: one current, one on its way

    def candidate(self, draft):
        found = planner.candidate(self.view(draft))
        return found and found.id

    def note_edge(self, draft):
        new = derive(self.view(draft), RULES)
        old = self.states.get(draft.name, new)
        assert new is old or new in LEGAL_EDGES[old]
        self.states[draft.name] = new


def own_port(draft):
    return 9000 + DRAFTS.index(draft.name)


EVENTS = sorted(name.removeprefix("event_") for name in vars(World) if name.startswith("event_"))


def run(seed, events):
    """Random life, then quiet: returns the world and how many quiet rounds still had work."""
    world = World(seed)
    for step in range(STEPS):
        if step < len(events) and events[step] is not None:
            event, index = events[step]
            world.happen(event, world.drafts[DRAFTS[index]])
        for draft in world.drafts.values():
            try:
                world.reconcile(draft)
            except Killed:
                world.kill()
        world.live()
    world.quiet = True
    busy = 0
    for number in range(QUIET_STEPS):
        decided = [world.reconcile(draft) for draft in world.drafts.values()]
        if any(one.actions for one in decided):
            busy = number
        world.live()
    return world, busy


A_STEP = st.none() | st.tuples(st.sampled_from(EVENTS), st.integers(0, len(DRAFTS) - 1))


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(seed=st.integers(0, 2**32), events=st.lists(A_STEP, min_size=10, max_size=STEPS))
def test_random_life(seed, events):
    world, busy = run(seed, events)

    assert busy < QUIET_STEPS - 10  # 5: with no outside event the plan becomes empty
    for draft in world.drafts.values():
        settle(world, draft)


def settle(world, draft):
    """1: in the end a draft that can be served is served, by what was wanted."""
    view = world.view(draft)
    state = derive(view, RULES)
    routed = world.confirmed.get(draft.name)
    if planner.removing(view) or draft.intent.goal is not Goal.RUN:
        assert routed is None
        assert not draft.instances
        return
    assert state in (State.READY, State.FAILED)
    if draft.current is not None and draft.content % BAD_START and not draft.bad.get(draft.current):
        current = draft.instances[instance_id(draft.name, draft.current)]
        assert current.status is InstanceStatus.READY or current.status is InstanceStatus.FAILED
    if state is State.READY:
        current = draft.instances[instance_id(draft.name, draft.current)]
        assert routed is not None
        assert routed.address == current.address
        assert set(draft.instances) == {current.id}
    blocked = planner.blocking_problem(view)
    interrupted = blocked is not None and blocked.code == "build-interrupted"
    works = draft.content % BAD_BUILD and draft.content % BAD_START and not interrupted
    if works and draft.intent.pinned is None:
        assert state is State.READY
        assert next(r.key for r in draft.releases if r.id == draft.current) == f"k{draft.content}"


def broken(monkeypatch, name, replacement):
    monkeypatch.setattr(planner, name, replacement)


def without_route_guard(view, instance, now, rules):
    yield Stop(instance=instance.id)


def promote_at_once(view, now, rules):
    release = planner.candidate(view)
    if release is not None:
        yield Promote(release=release.id)


@pytest.mark.parametrize(
    ("rule", "replacement"),
    [
        ("_stop", without_route_guard),  # 2
        ("_prove", promote_at_once),  # 7
        ("blocking_problem", lambda view: None),  # 5
        ("wants_to_be_alone", lambda view, instance: False),  # 1: a newer release on a port of its own
    ],
)
def test_the_checks_can_fail(monkeypatch, rule, replacement):
    monkeypatch.setattr(planner, rule, replacement)
    fate = random.Random(1)
    failures = 0
    for seed in range(60):
        events = [
            (fate.choice(EVENTS), fate.randrange(len(DRAFTS))) if fate.random() < 0.5 else None for _ in range(STEPS)
        ]
        try:
            world, busy = run(seed, events)
            assert busy < QUIET_STEPS - 10
            for draft in world.drafts.values():
                settle(world, draft)
        except AssertionError:
            failures += 1
    assert failures

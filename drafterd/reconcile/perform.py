"""Does what the planner asked: one function per kind of action, each repeatable."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

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
from drafterd.domain.addressing import Addressing
from drafterd.domain.errors import NotFound
from drafterd.domain.interfaces import Builds, Drafts, Fixes, Ledger, Ports, Runtime
from drafterd.domain.model import Address, Goal, InstanceSpec, Intent, Limits, Presence, Release
from drafterd.domain.names import DraftId, InstanceId, ReleaseId, instance_id
from drafterd.domain.view import View
from drafterd.reconcile.publish import Publisher

LOOPBACK = "127.0.0.1"

_log = structlog.get_logger(__name__)

_Deed = Callable[[View, Any], Awaitable[None]]


class Performer:
    """Turns actions into deeds.

    Args:
        executable: The absolute path of `node`, `npm` or `npx`.
        search_path: PATH of running drafts.
        limits: What a draft's server may use.
        restarting: Instances that the operator wants started anew; one that was stopped is taken out.
        alone: Gets the instances that are started alone; one that was stopped is taken out.
        ready: Makes a release fit to take over from another one, or None; gives the variables of its
            server that no release may hold.
    """

    def __init__(
        self,
        *,
        drafts: Drafts,
        fixes: Fixes,
        builds: Builds,
        runtime: Runtime,
        publisher: Publisher,
        ledger: Ledger,
        ports: Ports,
        addressing: Addressing,
        executable: Callable[[str], str],
        search_path: str,
        limits: Callable[[DraftId], Limits],
        restarting: set[InstanceId],
        alone: set[InstanceId],
        ready: Callable[[Release, Release | None], Awaitable[Mapping[str, str]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._drafts = drafts
        self._fixes = fixes
        self._builds = builds
        self._runtime = runtime
        self._publisher = publisher
        self._ledger = ledger
        self._ports = ports
        self._addressing = addressing
        self._executable = executable
        self._search_path = search_path
        self._limits = limits
        self._restarting = restarting
        self._alone = alone
        self._clock = clock
        self._ready = ready
        self._deeds: Mapping[type, _Deed] = {
            Fix: self._fix,
            Enqueue: self._enqueue,
            Cancel: self._cancel,
            Start: self._start,
            Stop: self._stop,
            Condemn: self._condemn,
            Promote: self._promote,
            Pin: self._pin,
            Route: self._route,
            Prune: self._prune,
            Revive: self._revive,
            Expire: self._expire,
            Discard: self._discard,
        }

    async def perform(self, view: View, action: Action) -> None:
        """Do one action. Raises a `DrafterdError` when it cannot be done now."""
        await self._deeds[type(action)](view, action)

    async def _fix(self, view: View, _action: Fix) -> None:
        record = await self._fixes.apply(view.draft)
        self._drafts.rest(view.draft, record.stamp)
        fresh = [edit for edit in record.edits if view.fix is None or edit not in view.fix.edits]
        self._ledger.record_event(view.draft, "fixed", {"edits": len(fresh)})

    async def _enqueue(self, view: View, action: Enqueue) -> None:
        await self._builds.enqueue(view.draft, action.key)

    async def _cancel(self, view: View, _action: Cancel) -> None:
        await self._builds.cancel(view.draft)

    async def _start(self, view: View, action: Start) -> None:
        release = view.release(action.release)
        if release is None:
            raise NotFound(f"there is no release {action.release} of {view.draft}")
        instance = instance_id(view.draft, release.id)
        port = self._ports.lease(instance, view.draft)
        if action.alone:
            self._alone.add(instance)
        secret = await self._readied(view, release)
        await self._runtime.start(self._spec(view.draft, release, port, secret))

    async def _readied(self, view: View, release: Release) -> Mapping[str, str]:
        """Make a release fit to take over from the current one; what its server is told in confidence."""
        current = view.release(view.current)
        return await self._ready(release, current if current != release else None)

    def _spec(self, draft: DraftId, release: Release, port: int, secret: Mapping[str, str]) -> InstanceSpec:
        prefix = self._addressing.prefix(draft)
        program, *arguments = release.argv
        environment = {
            **secret,
            **self._fixes.environment(draft, self._addressing.site(draft, port)),
            **release.environment,
            "PATH": self._search_path,
            "HOME": release.path,
            "LANG": "C.UTF-8",
            "NODE_ENV": "production",
            "NEXT_TELEMETRY_DISABLED": "1",
            "NO_COLOR": "1",
            "PORT": str(port),
            "HOSTNAME": LOOPBACK,
            "HOST": LOOPBACK,
            "DRAFTERD_PREFIX": prefix,
            "DRAFTERD_BASE_PATH": release.base_path,
        }
        return InstanceSpec(
            id=instance_id(draft, release.id),
            draft=draft,
            release=release.id,
            argv=(program if Path(program).is_absolute() else self._executable(program), *arguments),
            cwd=str(Path(release.path) / release.cwd),
            environment=environment,
            address=Address(LOOPBACK, port),
            probe_path=f"{release.base_path}/" if not release.base_path else release.base_path,
            limits=self._limits(draft),
        )

    async def _stop(self, view: View, action: Stop) -> None:
        await self._runtime.stop(action.instance)
        self._ports.release(action.instance)
        self._restarting.discard(action.instance)
        self._alone.discard(action.instance)
        for instance in view.instances:
            if instance.id == action.instance and instance.address is not None:
                self._publisher.forget(instance.address)

    async def _condemn(self, view: View, action: Condemn) -> None:
        self._ledger.condemn(view.draft, action.release, action.problem)
        self._ledger.record_event(view.draft, "condemned", {"release": action.release, "code": action.problem.code})
        _log.warning("release.failed", draft=view.draft, release=action.release, reason=action.problem.summary)

    async def _promote(self, view: View, action: Promote) -> None:
        release = view.release(action.release)
        if release is not None and release.static:
            await self._readied(view, release)
        await self._builds.promote(view.draft, action.release)
        self._ledger.record_event(view.draft, "promoted", {"release": action.release})
        _log.info("release.promoted", draft=view.draft, release=action.release)

    async def _pin(self, view: View, action: Pin) -> None:
        if self._ledger.intent(view.draft) != view.intent:
            return  # the operator asked for something else meanwhile
        self._ledger.set_intent(view.draft, replace(view.intent, pinned=action.release, stamp=action.content))
        if action.release is None:
            self._ledger.record_event(view.draft, "unpinned", {"release": view.intent.pinned})
            _log.info("release.unpinned", draft=view.draft, release=view.intent.pinned, reason="the source has changed")

    async def _route(self, view: View, action: Route) -> None:
        self._publisher.route(view.draft, action.target)

    async def _prune(self, view: View, action: Prune) -> None:
        self._drop_log(view.draft, action.release)
        await self._builds.prune(view.draft, action.release)

    async def _revive(self, view: View, _action: Revive) -> None:
        self._ledger.set_intent(view.draft, Intent(goal=Goal.RUN))

    async def _expire(self, view: View, _action: Expire) -> None:
        self._ledger.set_intent(view.draft, Intent(goal=Goal.REMOVE, asked_at=self._clock(), stamp=view.source.stamp))
        self._ledger.record_event(view.draft, "expired", {})
        _log.info("draft.expired", draft=view.draft)

    async def _discard(self, view: View, _action: Discard) -> None:
        gone = view.source.presence is Presence.GONE
        self._fixes.discard(view.draft)
        self._ports.discard(view.draft)
        self._ledger.discard(view.draft, keep_intent=not gone)
        for release in view.releases:
            self._drop_log(view.draft, release.id)
        await self._builds.discard(view.draft)
        if gone:
            self._drafts.forget(view.draft)
        _log.info("draft.removed", draft=view.draft)

    def _drop_log(self, draft: DraftId, release: ReleaseId) -> None:
        """Delete what the release's server printed, rotated parts too."""
        log = self._runtime.log_path(instance_id(draft, release))
        for part in log.parent.glob(f"{log.name}*"):
            part.unlink(missing_ok=True)

"""Everything the planner may know of one draft: what is wanted, and what is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import (
    Address,
    AddressKind,
    Build,
    FixRecord,
    Instance,
    Intent,
    Problem,
    Release,
    Source,
)
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.domain.routing import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One draft at one moment.

    Attributes:
        key: The build key of the newest source that was fixed, or None: none was yet.
        builds: Newest first, a bounded number of them.
        bad: Releases that were tried and do not work, with the reason.
        current: The release that should serve: it has been ready once.
        routed: Addresses of its instances that the proxy's confirmed table, or one on its way, names.
        unrouted_since: When an instance's address left the proxy's table; no entry: it never
            was in it.
        target: What was last asked of the proxy for this draft.
        confirmed: What visitors surely reach, by the tables that the proxy confirmed and may have by now.
        restarting: Instances that are to be stopped and started anew.
        alone: Instances that were started alone: others of the draft would take their port.
        address: Which of its two addresses the draft is built for.
        protected: Whether only those may visit it who know its password or were given a link.
        noindex: Whether search engines are told to keep away from it.
        trouble: What went wrong while acting, until it goes right.
    """

    draft: DraftId
    source: Source
    intent: Intent = field(default_factory=Intent)
    fix: FixRecord | None = None
    key: str | None = None
    builds: tuple[Build, ...] = ()
    releases: tuple[Release, ...] = ()
    bad: Mapping[ReleaseId, Problem] = field(default_factory=dict)
    current: ReleaseId | None = None
    instances: tuple[Instance, ...] = ()
    routed: frozenset[Address] = frozenset()
    unrouted_since: Mapping[InstanceId, float] = field(default_factory=dict)
    target: Target | None = None
    confirmed: Target | None = None
    restarting: frozenset[InstanceId] = frozenset()
    alone: frozenset[InstanceId] = frozenset()
    address: AddressKind = AddressKind.PATH
    protected: bool = False
    noindex: bool = True
    trouble: Problem | None = None

    def release(self, wanted: ReleaseId | None) -> Release | None:
        """The release of that name, or None."""
        return next((release for release in self.releases if release.id == wanted), None)

    def instance(self, release: ReleaseId | None) -> Instance | None:
        """The instance of a release, or None."""
        return next((instance for instance in self.instances if instance.release == release), None)

    @property
    def active_build(self) -> Build | None:
        """The build that is running, else the one that is queued, else None."""
        active = [build for build in self.builds if build.status.active]
        return min(active, key=lambda build: build.number, default=None)

    @property
    def last_of_key(self) -> Build | None:
        """The newest build of the wanted key."""
        return next((build for build in self.builds if build.key == self.key), None)

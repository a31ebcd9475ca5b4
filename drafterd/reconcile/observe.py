"""Gathers one draft's view from the interfaces: everything is looked up, nothing remembered."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from drafterd.domain.addressing import Addressing
from drafterd.domain.interfaces import Builds, Drafts, Fixes, Ledger, Runtime
from drafterd.domain.keys import build_key
from drafterd.domain.model import BuildOrder, FixRecord, Instance, Problem
from drafterd.domain.names import DraftId, InstanceId
from drafterd.domain.view import View
from drafterd.reconcile.publish import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """What makes builds of one source differ between installations.

    Attributes:
        public: Operator's values that a build writes into pages (`NEXT_PUBLIC_*`, `VITE_*`, ...).
    """

    node: str
    public: Mapping[str, str]
    settings: Mapping[str, str]


class Observer:
    """Knows where each part of a view is looked up.

    Args:
        home_port: The draft's home port; leases one at the first call.
        restarting: Instances that the operator wants started anew.
        alone: Instances that were started alone.
        protected: Whether a draft is open only to those who were let in.
        noindex: Whether search engines are told to keep away from a draft.
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
        addressing: Addressing,
        facts: BuildFacts,
        home_port: Callable[[DraftId], int],
        restarting: AbstractSet[InstanceId],
        alone: AbstractSet[InstanceId] = frozenset(),
        protected: Callable[[DraftId], bool] = lambda _: False,
        noindex: Callable[[DraftId], bool] = lambda _: True,
    ) -> None:
        self._drafts = drafts
        self._fixes = fixes
        self._builds = builds
        self._runtime = runtime
        self._publisher = publisher
        self._ledger = ledger
        self._addressing = addressing
        self._facts = facts
        self._home_port = home_port
        self._restarting = restarting
        self._alone = alone
        self._protected = protected
        self._noindex = noindex
        self._by_draft: tuple[object, dict[DraftId, tuple[Instance, ...]]] = (None, {})

    async def instances(self, draft: DraftId) -> tuple[Instance, ...]:
        """The draft's instances. Raises `RuntimeUnavailable`."""
        seen: Mapping[InstanceId, Instance] = await self._runtime.observe()
        if self._by_draft[0] is not seen:
            grouped: dict[DraftId, list[Instance]] = {}
            for instance in seen.values():
                grouped.setdefault(instance.draft, []).append(instance)
            self._by_draft = (seen, {name: tuple(found) for name, found in grouped.items()})
        return self._by_draft[1].get(draft, ())

    def view(self, draft: DraftId, instances: Iterable[Instance], *, trouble: Problem | None = None) -> View:
        """Everything the planner may know of a draft."""
        found = tuple(instances)
        record = self._fixes.record(draft)
        return View(
            draft=draft,
            source=self._drafts.observe(draft),
            intent=self._ledger.intent(draft),
            fix=record,
            key=self._key(draft, record),
            builds=self._builds.builds(draft),
            releases=self._builds.releases(draft),
            bad=self._ledger.bad(draft),
            current=self._builds.current(draft),
            instances=found,
            routed=self._publisher.routed(found),
            unrouted_since=self._publisher.unrouted_since(found),
            target=self._publisher.target(draft),
            restarting=frozenset(self._restarting & {instance.id for instance in found}),
            alone=frozenset(self._alone & {instance.id for instance in found}),
            confirmed=self._publisher.reached(draft),
            address=self._addressing.primary(draft),
            protected=self._protected(draft),
            noindex=self._noindex(draft),
            trouble=trouble,
        )

    def _key(self, draft: DraftId, record: FixRecord | None) -> str | None:
        if record is None or record.recipe is None:
            return None
        return build_key(
            record,
            base_path=self._addressing.base_path(draft, record.recipe),
            node=self._facts.node,
            public=self._facts.public,
            settings={**self._facts.settings, "strip": self._addressing.strip(draft, record.recipe)},
        )

    def order(self, draft: DraftId) -> BuildOrder | None:
        """What a build whose turn has come needs to know, or None: there is nothing to build."""
        record = self._fixes.record(draft)
        key = self._key(draft, record)
        if record is None or record.recipe is None or key is None:
            return None
        return BuildOrder(
            draft=draft,
            key=key,
            digest=record.digest,
            recipe=record.recipe,
            base_path=self._addressing.base_path(draft, record.recipe),
            strip=self._addressing.strip(draft, record.recipe),
            environment=self._fixes.environment(draft, self._addressing.site(draft, self._home_port(draft))),
        )

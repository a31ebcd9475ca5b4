"""Wires one daemon up. Each part is made when it is first asked for, and once."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from drafterd import __version__
from drafterd.build import reading
from drafterd.build.outfit import Outfit
from drafterd.build.queue import BuildQueue
from drafterd.config import Config
from drafterd.daemon import fencing, proxies, settings
from drafterd.domain.errors import BadName
from drafterd.domain.interfaces import Sandbox
from drafterd.domain.model import BuildOrder
from drafterd.domain.names import DraftId, InstanceId, parse_draft_id, parse_instance_id
from drafterd.domain.view import View
from drafterd.fix.drafts import FolderFixes
from drafterd.leases import PortLeases
from drafterd.ledger import SqliteLedger
from drafterd.metrics import Metrics
from drafterd.protections import Protections
from drafterd.reconcile import figures
from drafterd.reconcile.control import Control
from drafterd.reconcile.gate import Gate
from drafterd.reconcile.logs import Logs
from drafterd.reconcile.loop import Loop
from drafterd.reconcile.observe import Observer
from drafterd.reconcile.perform import Performer
from drafterd.reconcile.publish import Publisher
from drafterd.reconcile.queue import WorkQueue
from drafterd.route.file_proxy import FileProxy
from drafterd.run.supervisord import SupervisordRuntime
from drafterd.run.usage import usage
from drafterd.sandbox import SHARED, choose
from drafterd.sandbox.firewall import Firewall
from drafterd.sandbox.groups import BY_LOOKS, Groups, groups_of
from drafterd.toolchain import Toolchain
from drafterd.watch.watcher import FolderWatcher


class House:
    """Everything of one daemon; nothing runs yet.

    Args:
        managed: Whether the proxy is ours to run, where the configuration does not say.
    """

    def __init__(self, config: Config, *, managed: bool = True) -> None:
        self.config = config
        chosen = config.proxy.managed
        self.runs_proxy = managed if chosen is None else chosen
        self.layout = config.layout()
        self.queue = WorkQueue()
        self.metrics = Metrics(__version__)
        self.restarting: set[InstanceId] = set()
        self.alone: set[InstanceId] = set()
        self.addressing = settings.addressing_of(config)

    def close(self) -> None:
        """Close the files that are open."""
        self.ledger.close()

    @cached_property
    def toolchain(self) -> Toolchain:
        """Node and npm."""
        return Toolchain.find(self.layout.toolchain)

    @cached_property
    def ledger(self) -> SqliteLedger:
        """What was asked and what happened."""
        return SqliteLedger(self.layout.ledger)

    @cached_property
    def leases(self) -> PortLeases:
        """Who has which port."""
        return PortLeases(
            self.layout,
            first=self.config.ports.first,
            last=self.config.ports.last,
            # Its files name the port that is now another's: they are fixed anew when it comes back.
            on_taken=lambda draft: self.fixes.discard(draft),  # noqa: PLW0108 - the fixes need the leases: made later
        )

    @cached_property
    def groups(self) -> Groups | None:
        """Control groups for builds and servers, where they can be had."""
        return groups_of(self.layout.state)

    @cached_property
    def sandbox(self) -> Sandbox:
        """The walls around running drafts."""
        return self._sandbox(network=self._fencing[1])

    def _sandbox(self, network: str = SHARED) -> Sandbox:
        places = settings.places(self.layout, self.toolchain)
        return choose(self.config.run.sandbox, places, groups=self.groups, network=network)

    @cached_property
    def _fencing(self) -> tuple[Firewall | None, str]:
        return fencing.firewall(self.config, self._sandbox())

    @property
    def firewall(self) -> Firewall | None:
        """What keeps running drafts from each other, if that is wanted."""
        return self._fencing[0]

    @cached_property
    def build_sandbox(self) -> Sandbox:
        """The walls around builds."""
        places = settings.places(self.layout, self.toolchain)
        return choose(self.config.build.sandbox, places, settings.build_network(self.config), groups=self.groups)

    @cached_property
    def watcher(self) -> FolderWatcher:
        """The folder of drafts."""
        return FolderWatcher(
            self.layout.drafts,
            settle=self.config.settle,
            known=self._known_drafts(),
            settled_stamp=lambda draft: record.stamp if (record := self.fixes.record(draft)) else None,
            on_change=self._look,
        )

    @cached_property
    def fixes(self) -> FolderFixes:
        """What makes a source fit to be built."""
        return FolderFixes(layout=self.layout, settings=settings.fix_settings(self.config), home_port=self.leases.home)

    @cached_property
    def builds(self) -> BuildQueue:
        """The queue of builds, and the releases."""
        return BuildQueue(
            layout=self.layout,
            ledger=self.ledger,
            sandbox=self.build_sandbox,
            toolchain=self.toolchain,
            settings=settings.build_settings(self.config),
            order=lambda draft: self.observer.order(draft),  # noqa: PLW0108 - the observer needs the builds: made later
            prepare=self._prepare,
            on_change=self._look,
        )

    @cached_property
    def outfit(self) -> Outfit:
        """What releases need beside what their builds left."""
        return Outfit(self.layout, start_timeout=self.config.run.start_timeout)

    @cached_property
    def runtime(self) -> SupervisordRuntime:
        """The running drafts."""
        return SupervisordRuntime(
            layout=self.layout,
            wrap=fencing.admitting(self.sandbox.wrap, self.firewall),
            start_timeout=self.config.run.start_timeout,
            on_change=self._look_at_instance,
            reserved=lambda draft: self.leases.others(draft) | settings.own_ports(self.config),
        )

    @cached_property
    def proxy(self) -> FileProxy:
        """What visitors meet."""
        return proxies.adapter(self.config, self.layout, ours=self.runs_proxy)

    @cached_property
    def publisher(self) -> Publisher:
        """The routes of all drafts, on their way to the proxy."""
        return Publisher(self.proxy, on_change=self._look, on_published=self.metrics.publish_seconds.observe)

    @cached_property
    def protections(self) -> Protections:
        """Which drafts only some may visit."""
        hashes, passwords = self.config.protected()
        return Protections(self.layout.protections, configured=hashes, passwords=passwords)

    @cached_property
    def gate(self) -> Gate:
        """Lets visitors into protected drafts."""
        return Gate(
            self.protections,
            addressing=self.addressing,
            reached=self.publisher.reached,
            on_change=self._look,
        )

    @cached_property
    def observer(self) -> Observer:
        """Gathers views."""
        return Observer(
            drafts=self.watcher,
            fixes=self.fixes,
            builds=self.builds,
            runtime=self.runtime,
            publisher=self.publisher,
            ledger=self.ledger,
            addressing=self.addressing,
            facts=settings.build_facts(self.config, self.toolchain.node_version),
            home_port=self.leases.home,
            restarting=self.restarting,
            alone=self.alone,
            protected=self.gate.is_protected,
            noindex=lambda draft: self.config.unlisted(draft) or self.gate.is_protected(draft),
        )

    @cached_property
    def performer(self) -> Performer:
        """Does what is planned."""
        return Performer(
            drafts=self.watcher,
            fixes=self.fixes,
            builds=self.builds,
            runtime=self.runtime,
            publisher=self.publisher,
            ledger=self.ledger,
            ports=self.leases,
            addressing=self.addressing,
            executable=lambda name: str(self.toolchain.folder / name),
            search_path=self.toolchain.path,
            limits=lambda draft: settings.run_limits(self.config, draft),
            restarting=self.restarting,
            alone=self.alone,
            ready=self.outfit.ready,
        )

    @cached_property
    def loop(self) -> Loop:
        """Keeps every draft as it should be."""
        return Loop(
            queue=self.queue,
            drafts=self.watcher,
            observer=self.observer,
            performer=self.performer,
            rules=settings.rules_of(self.config, self.fixes.version),
            metrics=self.metrics,
            on_view=self._viewed,
            on_first_pass=self._first_pass,
        )

    @cached_property
    def control(self) -> Control:
        """What may be asked from outside."""
        return Control(
            version=__version__,
            layout=self.layout,
            views=self.loop.views,
            queue=self.queue,
            drafts=self.watcher,
            fixes=self.fixes,
            builds=self.builds,
            runtime=self.runtime,
            proxy=self.proxy,
            publisher=self.publisher,
            ledger=self.ledger,
            addressing=self.addressing,
            rules=settings.rules_of(self.config, self.fixes.version),
            metrics=self.metrics,
            logs=Logs(
                tail=reading.tail,
                last=reading.last,
                follow=reading.follow,
                around_error=reading.around_error,
            ),
            home_port=self.leases.home_port,
            restarting=self.restarting,
            usage=usage,
            ports_free=lambda: self.leases.free,
            sandbox=settings.shown_sandbox(self.sandbox, self.build_sandbox),
            limits=self.groups.meaning if self.groups else BY_LOOKS,
        )

    async def instances(self) -> Collection[InstanceId]:
        """The instances that run, or may be started."""
        return (await self.runtime.observe()).keys()

    # What one part tells another

    def _look(self, draft: DraftId) -> None:
        self.queue.add(draft)

    def _look_at_instance(self, instance: InstanceId) -> None:
        self.queue.add(parse_instance_id(instance)[0])

    def _prepare(self, root: Path, order: BuildOrder, *, source_edits: bool = True, checks: bool = True) -> None:
        self.fixes.prepare(
            order.draft,
            root,
            recipe=order.recipe,
            base_path=order.base_path,
            source_edits=source_edits,
            checks=checks,
        )

    def _viewed(self, before: View | None, view: View) -> None:
        figures.count_builds(self.metrics, before, view)
        self.control.changed(view.draft)

    def _first_pass(self) -> None:
        self.control.ready = True
        self.publisher.open(set(self.watcher.known()))

    def _known_drafts(self) -> set[DraftId]:
        """Drafts that something was made of earlier, whether or not their folders are still there."""
        made = [folder.name for folder in self.layout.state.glob("drafts/*")]
        run = [spec.stem.rpartition(".")[0] for spec in self.layout.state.glob("instances/*.json")]
        known = set()
        for name in {*made, *run}:
            try:
                known.add(parse_draft_id(name))
            except BadName:
                continue  # not ours: a temporary file, or something that a person put there
        return known

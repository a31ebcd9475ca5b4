"""The commands of a build: what they are run with, in which environment, and how they are found again."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Protocol

from drafterd import files, process
from drafterd.build import environment, fetch, managers
from drafterd.build.dependency_store import DependencyStore
from drafterd.build.eviction import Budget
from drafterd.build.foreign import NODE_MODULES
from drafterd.build.log import BuildLog
from drafterd.build.repairs.variant import Variant
from drafterd.build.settings import BuildSettings
from drafterd.domain.interfaces import Layer, Outcome, Sandbox, Step
from drafterd.domain.model import BuildOrder, Kind
from drafterd.domain.names import DraftId
from drafterd.layout import Layout
from drafterd.toolchain import Toolchain

INSTALL, BUILD = "install", "build"
SOURCE = "src"
"""The folder of a build's own copy of the source, in its scratch folder."""

MANAGERS = "managers"
"""The folder in which package managers are fetched."""

_HOME, _TEMPORARY, _CACHE = "home", "tmp", "cache"
_TEMPORARY_MAX = 70
_IDENTITY = "process.json"
_IDENTITY_MAX = 1000
_IDLE = 4
"""A package manager that no build has asked for in so many times the longest build is used by none."""


class Prepare(Protocol):
    """Makes a snapshot fit to be built for its address; repeatable."""

    def __call__(self, root: Path, order: BuildOrder, *, source_edits: bool = True, checks: bool = True) -> None:
        """`source_edits`: whether the fixes' edits stay in the source; `checks`: what only checks it in its script."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every build works with.

    Attributes:
        shelf: Where package managers lie that were fetched.
        store: Where installed dependencies are kept.
        budget: Bounds what can be made again.
        prepare: Called in a thread.
        clock: Seconds since the epoch.
    """

    layout: Layout
    sandbox: Sandbox
    toolchain: Toolchain
    shelf: fetch.Shelf
    store: DependencyStore
    budget: Budget
    settings: BuildSettings
    prepare: Prepare
    clock: Callable[[], float]


def tools(
    *,
    layout: Layout,
    sandbox: Sandbox,
    toolchain: Toolchain,
    settings: BuildSettings,
    prepare: Prepare,
    clock: Callable[[], float],
    building: Callable[[DraftId], bool],
) -> Tools:
    """The tools of an installation; `building`: whether a draft is being built now."""
    store = DependencyStore(
        folder=layout.dependencies,
        budget=settings.disk_budget,
        # Where builds have our own rights, they could change the store itself anyway.
        linked=sandbox.name == "plain",
        clock=clock,
    )
    return Tools(
        layout=layout,
        sandbox=sandbox,
        toolchain=toolchain,
        shelf=fetch.Shelf(layout.managers, (str(toolchain.node), str(toolchain.npm))),
        store=store,
        budget=Budget(
            layout=layout,
            store=store,
            most=settings.disk_budget,
            building=building,
            idle=_IDLE * settings.timeout,
        ),
        settings=settings,
        prepare=prepare,
        clock=clock,
    )


def mark(layout: Layout, draft: DraftId, number: int) -> str:
    """What the processes of a build bear in their environment."""
    return f"{mark_prefix(layout)}{draft}:{number}"


def mark_prefix(layout: Layout) -> str:
    """How the marks of all builds of this installation begin."""
    return f"build:{layout.state}:"


def recorded(scratch: Path) -> process.Identity | None:
    """The process that a build was running when it was last heard of, or None."""
    try:
        facts = json.loads(files.read_regular(scratch / _IDENTITY, limit=_IDENTITY_MAX))
        return process.Identity(pid=int(facts["pid"]), started=int(facts["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Commands:
    """Runs the commands of one build.

    They work in a folder that holds the source, a home, and what programs keep for themselves: by default the
    build's scratch folder.

    Attributes:
        deadline: When the build's time is over, by `time.monotonic`.
        crew: The package managers that are called.
        variant: What the repairs have changed so far.
        secrets: Variables of the build that the daemon gives and no release may hold.
        layer: Shows stored packages in the source, or None: its packages are its own.
        lean: Whether the build does nothing for the next one.
    """

    def __init__(self, tools: Tools, order: BuildOrder, number: int, log: BuildLog, *, deadline: float) -> None:
        self._tools = tools
        self._order = order
        self._log = log
        self.deadline = deadline
        self._mark = mark(tools.layout, order.draft, number)
        self.scratch = tools.layout.scratch(order.draft)
        self.source = self.scratch / SOURCE
        self.crew = fetch.Crew(manager=managers.NPM, command=tools.shelf.npm, path=tools.toolchain.path)
        self.variant = Variant(recipe=order.recipe)
        self.secrets: Mapping[str, str] = {}
        self.layer: Layer | None = None
        self.lean = False

    @property
    def packages(self) -> Path:
        """Where the installed packages can be looked at."""
        return self.layer.lower if self.layer else self.source / NODE_MODULES

    def make_folders(self, base: Path | None = None) -> None:
        """Make what the commands write into beside the source."""
        for name in (_HOME, _TEMPORARY, _CACHE):
            ((base or self.scratch) / name).mkdir(parents=True, exist_ok=True)

    def npm_cache(self, base: Path) -> Path:
        """Where npm keeps what it downloads."""
        return base / _CACHE / "npm"

    async def manager(
        self,
        step: str,
        words: tuple[str, ...],
        own: Mapping[str, str],
        *,
        base: Path | None = None,
        layers: tuple[Layer, ...] = (),
    ) -> Outcome:
        """Run the package manager in a source of the build's, with the draft's own variables `own`.

        Args:
            base: What holds the source.
            layers: Beside the packages that were lent to the build's own copy of the source.
        """
        base = base or self.scratch
        return await self.run(step, (*self.crew.command, *words), own, folder=base / SOURCE, base=base, layers=layers)

    async def run(
        self,
        step: str,
        argv: tuple[str, ...],
        own: Mapping[str, str],
        *,
        folder: Path,
        within: float = inf,
        base: Path | None = None,
        layers: tuple[Layer, ...] = (),
    ) -> Outcome:
        """Run any command to its end, for at most `within` seconds."""
        tools, base = self._tools, base or self.scratch
        lent = (self.layer,) if self.layer and base == self.scratch else ()
        wanted = Step(
            name=step,
            argv=argv,
            cwd=folder,
            environment={**own, **self.environment(step, base)},
            timeout=max(0.0, min(within, self.deadline - time.monotonic())),
            grace=tools.settings.grace,
            output_max=tools.settings.output_max,
            # Not the folder around them: what we keep there of this build is not for it to change.
            writable=tuple(base / name for name in (SOURCE, _HOME, _TEMPORARY, _CACHE, MANAGERS)),
            layers=(*lent, *layers),
            disk_max=tools.settings.disk_max,
            limits=tools.settings.limits,
        )
        return await tools.sandbox.run(wanted, on_line=self._log.line, on_start=self._record)

    def environment(self, step: str, base: Path | None = None) -> dict[str, str]:
        """What a command gets beside the draft's variables, which it beats."""
        tools, base = self._tools, base or self.scratch
        temporary = base / _TEMPORARY
        ours = environment.base(
            path=self.crew.path,
            home=base / _HOME,
            # Some tools put sockets there, whose paths may not be long.
            temporary=temporary if len(str(temporary)) <= _TEMPORARY_MAX else None,
            npm_cache=self.npm_cache(base),
            around=tools.settings.surroundings,
        )
        ours |= {**self.crew.settings(base / _CACHE, ours), **self.variant.environment}
        ours[process.MARK] = self._mark
        if step == BUILD:
            ours |= {
                "FORCE_COLOR": "1",
                "NEXT_TELEMETRY_DISABLED": "1",
                "DRAFT_BASE_PATH": self._order.base_path,
                "DRAFT_REPAIRS": ",".join(sorted(self.variant.flags)),
                "DRAFT_LEAN": "1" if self.lean else "",
                **{name: self.based(text) for name, text in self._order.recipe.build_environment.items()},
                **self.variant.build_environment,
                **self.secrets,
            }
            if self._order.recipe.kind is Kind.NEXT and not self._order.recipe.start:
                ours |= {"NEXT_PRIVATE_STANDALONE": "1", "NEXT_PRIVATE_OUTPUT_TRACE_ROOT": str(self.source)}
        return ours

    def based(self, text: str) -> str:
        """A word of a recipe for the address that is built for."""
        return text.replace("{base}", self._order.base_path)

    def _record(self, pid: int) -> None:
        """Keep which process runs, for a daemon that finds this build interrupted."""
        if found := process.identify(pid):
            files.write_atomic(self.scratch / _IDENTITY, json.dumps(asdict(found)).encode(), sync=False)

"""A queue of builds on real parts: npm, processes, a ledger on disk."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from drafterd import tree
from drafterd.build.queue import BuildQueue
from drafterd.build.settings import BuildSettings
from drafterd.daemon.settings import places
from drafterd.domain.model import Build, BuildOrder, BuildStatus, Kind, Recipe
from drafterd.domain.names import DraftId
from drafterd.layout import Layout
from drafterd.ledger import SqliteLedger
from drafterd.sandbox import AUTO, choose
from drafterd.toolchain import Toolchain
from tests.builders import eventually

HELLO = DraftId("hello")
STATIC = Recipe(kind=Kind.STATIC, why="test")
BUILT = Recipe(kind=Kind.STATIC, why="test", build=True, static_root="dist")
SERVER = Recipe(kind=Kind.NODE, why="test", start=("node", "server.js"))

WRITES_DIST = (
    "require('fs').mkdirSync('dist');"
    "require('fs').writeFileSync('dist/index.html', '<h1>' + (process.env.GREETING || 'plain'))"
)


def layout_in(root: Path) -> Layout:
    return Layout(drafts=root / "drafts", state=root / "state", run=root / "run", logs=root / "log")


class World:
    """One installation in a temporary folder.

    Attributes:
        orders: What is wanted now of each draft; `drop` keeps it in step with the folder.

    Args:
        sandbox: `plain` where a build and its test talk through files, which walls would hide.
    """

    def __init__(self, root: Path, *, settings: BuildSettings | None = None, sandbox: str = AUTO) -> None:
        self.layout = layout_in(root)
        self.layout.drafts.mkdir(parents=True, exist_ok=True)
        self.settings = settings or BuildSettings(timeout=60, grace=1)
        self.orders: dict[DraftId, BuildOrder] = {}
        self.changes: list[DraftId] = []
        self.prepared: list[tuple[bool, bool]] = []
        self.prepare: Callable[[Path, BuildOrder], None] = lambda _root, _order: None
        self.ledger = SqliteLedger(self.layout.ledger)
        toolchain = Toolchain.find(self.layout.toolchain)
        self.sandbox = choose(sandbox, places(self.layout, toolchain))
        self.queue = BuildQueue(
            layout=self.layout,
            ledger=self.ledger,
            sandbox=self.sandbox,
            toolchain=toolchain,
            settings=self.settings,
            order=self.orders.get,
            prepare=self._prepare,
            on_change=self.changes.append,
        )

    def _prepare(self, root: Path, order: BuildOrder, *, source_edits: bool = True, checks: bool = True) -> None:
        self.prepared.append((source_edits, checks))
        self.prepare(root, order)

    def drop(
        self,
        files: Mapping[str, str],
        recipe: Recipe = STATIC,
        *,
        draft: DraftId = HELLO,
        environment: Mapping[str, str] | None = None,
        base_path: str = "",
    ) -> str:
        """Write a draft's files and return the key of what they are now."""
        folder = self.layout.source(draft)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        digest = tree.digest(folder, tree.scan(folder))
        self.orders[draft] = BuildOrder(
            draft=draft,
            key=f"key-{digest}",
            digest=digest,
            recipe=recipe,
            base_path=base_path,
            strip="",
            environment=environment or {},
        )
        return f"key-{digest}"

    def drop_script(self, script: str, *, draft: DraftId = HELLO, **options: object) -> str:
        """A draft whose build runs this piece of JavaScript."""
        manifest = {"name": "x", "version": "1.0.0", "scripts": {"build": "node build.js"}}
        files = {"package.json": json.dumps(manifest), "build.js": script}
        return self.drop(files, options.pop("recipe", BUILT), draft=draft, **options)  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """The queue at work until the block ends."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.queue.run())
            try:
                yield self
            finally:
                task.cancel()

    def last(self, draft: DraftId = HELLO) -> Build:
        return self.queue.builds(draft)[0]

    async def ended(self, number: int, draft: DraftId = HELLO, *, within: float = 30.0) -> Build:
        """The build once it has ended and its scratch folder is gone."""

        def done() -> Build | None:
            builds = self.queue.builds(draft)
            build = next(build for build in builds if build.number == number)
            # All builds of a draft work in the same folder: the next one may have it by now.
            used = self.layout.scratch(draft).exists() and not any(other.status.active for other in builds)
            return None if build.status.active or used else build

        build: Build = await eventually(done, within=within)
        return build

    async def build(self, key: str, draft: DraftId = HELLO, *, clean: bool = False) -> Build:
        """Ask for a build and wait for its end."""
        asked = await self.queue.enqueue(draft, key, clean=clean)
        return await self.ended(asked.number, draft)

    async def step(self, name: str, draft: DraftId = HELLO) -> Build:
        """The running build once it is in a step."""
        build: Build = await eventually(
            lambda: next(
                (b for b in self.queue.builds(draft) if b.status is BuildStatus.RUNNING and b.step == name), None
            ),
            within=20,
        )
        return build

    def log(self, number: int, draft: DraftId = HELLO) -> str:
        path = self.queue.log_path(draft, number)
        return path.read_text() if path.exists() else ""

    def want(self, draft: DraftId = HELLO, **changes: object) -> None:
        self.orders[draft] = replace(self.orders[draft], **changes)  # type: ignore[arg-type]

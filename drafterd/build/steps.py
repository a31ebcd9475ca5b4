"""The four steps of a build: snapshot, install, build, pack."""

import shutil
from collections.abc import Callable
from pathlib import Path

from drafterd import tree
from drafterd.build import action_key, environment, failure, fetch, locks, managers, nextcache, release
from drafterd.build.commands import BUILD, INSTALL, MANAGERS, Commands, Tools
from drafterd.build.foreign import NODE_MODULES, inside, is_plain
from drafterd.build.log import BuildLog
from drafterd.build.mending import MISSING_MANAGER, Mending
from drafterd.build.pack import pack, stands_alone
from drafterd.build.packages import Packages
from drafterd.build.repairs import variables
from drafterd.build.repairs.proposals import proposals
from drafterd.build.threads import in_thread
from drafterd.domain.errors import BadDraft, Superseded
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import BuildOrder, Kind, Release
from drafterd.domain.names import release_id
from drafterd.domain.outputs import made_folders
from drafterd.domain.repair import Repair
from drafterd.sandbox import walk

SNAPSHOT, PACK = "snapshot", "pack"

_NEXT = (Kind.NEXT, Kind.NEXT_EXPORT)
_SHOWN = (".next/static", ".next/server/app", ".next/server/pages")
"""What visitors get of a Next.js build, among what only the server reads."""


class Steps:
    """The steps of one build, to be called in their order.

    Args:
        deadline: When its time is over, by `time.monotonic`.
        on_repair: Told of every repair as soon as it is tried.
    """

    def __init__(
        self,
        tools: Tools,
        order: BuildOrder,
        number: int,
        log: BuildLog,
        *,
        deadline: float,
        on_repair: Callable[[tuple[Repair, ...]], None],
    ) -> None:
        self._tools = tools
        self._order = order
        self._number = number
        self._log = log
        self._commands = Commands(tools, order, number, log, deadline=deadline)
        self.scratch, self._source = self._commands.scratch, self._commands.source
        self._packages = Packages(tools, order, self._commands, log)
        self._mending = Mending(tools, order, self._commands, log, on_repair)
        self._equipped = False

    def close(self) -> None:
        """Let go of what the build was lent."""
        self._packages.close()

    async def snapshot(self) -> None:
        """Copy the source. Raises `Superseded` when it is no longer what was asked for."""
        root = self._tools.layout.source(self._order.draft)
        await in_thread(release.remove, self.scratch)
        await in_thread(self._commands.make_folders)
        try:
            copied = await in_thread(self._copy, root)
        except FileNotFoundError as error:
            if root.is_dir():
                raise
            raise Superseded("the folder is gone") from error
        if copied != self._order.digest:
            raise Superseded("the source has changed")
        self._log.hide(await in_thread(environment.tokens, self._source))
        await in_thread(self._tools.prepare, self._source, self._order)

    def _copy(self, root: Path) -> str:
        try:
            found = tree.scan(root).without(made_folders(self._order.recipe))
        except BadDraft as error:
            raise failure.failed("too-big", error.summary, step=SNAPSHOT, hint=error.hint) from error
        try:
            return tree.copy(root, found, self._source)
        except BadDraft as error:
            raise failure.failed("bad-link", error.summary, step=SNAPSHOT, hint=error.hint) from error

    async def install(self, *, clean: bool = False) -> None:
        """Install the dependencies, or take those of an earlier build; what fails and can be repaired is tried again.

        Args:
            clean: Whether nothing of an earlier build may be used.
        """
        await self._equip(INSTALL)
        manager = self._commands.crew.manager
        while True:
            locked = self._commands.variant.locked and any(is_plain(self._source / name) for name in manager.locks)
            outcome = await self._packages.install(manager.install(locked=locked), locked=locked, clean=clean)
            if outcome.ok or await self._mending.again(INSTALL, outcome) is None:
                break
        await self._check(INSTALL, outcome)
        if self._order.recipe.kind in _NEXT and not await in_thread(stands_alone, self._commands.packages):
            await self._packages.unlend()

    async def build(self, *, clean: bool, lean: bool = False) -> None:
        """Run the build script with the draft's variables; what fails and can be repaired is tried again.

        Args:
            clean: As for `install`.
            lean: Whether to do nothing for the next build, where this one finds nothing of an earlier one either.
        """
        kept = self._tools.layout.next_cache(self._order.draft)
        if (
            self._order.recipe.kind in _NEXT
            and not clean
            and await in_thread(nextcache.restore, kept, self._source, self._commands.packages)
        ):
            self._mending.cached = True
            self._log.note("with .next/cache of the last good build")
        self._commands.lean = lean and not self._mending.cached
        self._commands.secrets = await in_thread(action_key.for_build, self._tools.layout, self._order)
        self._log.hide(self._commands.secrets)
        await self._equip(BUILD)
        while True:
            await self._before_build()
            own = self._own_variables()
            words = (*map(self._commands.based, self._order.recipe.build_arguments), *self._commands.variant.arguments)
            outcome = await self._commands.manager(BUILD, self._commands.crew.manager.run("build", words), own)
            if outcome.ok or (remedy := await self._mending.again(BUILD, outcome)) is None:
                break
            if remedy.reinstall:
                await self.install()
        await self._check(BUILD, outcome)
        await self._tell_shown()
        if self._order.recipe.kind in _NEXT:
            await in_thread(
                nextcache.keep,
                kept,
                self._source,
                self._commands.packages,
                size_max=self._tools.settings.next_cache_max,
            )

    def _own_variables(self) -> dict[str, str]:
        """The draft's variables, and what stands in for those that nobody gave."""
        return environment.drafts_own({**self._commands.variant.placeholders, **self._order.environment})

    async def _before_build(self) -> None:
        """Run what a repair wants first; whether it went well shows in the build."""
        for program, *words in self._commands.variant.before_build:
            own = self._own_variables()
            argv = (str(self._source / NODE_MODULES / ".bin" / program), *words)
            await self._commands.run(BUILD, argv, own, folder=self._source)

    async def _tell_shown(self) -> None:
        """Say where placeholders came into what visitors get: it is wrong there."""
        given = self._commands.variant.placeholders
        folders = [*_SHOWN, *filter(None, [self._order.recipe.static_root])]
        for found in await in_thread(lambda: list(variables.shown(self._source, folders, given))) if given else ():
            names = ", ".join(found.names) or "a variable"
            summary = f"the placeholder of {names} stands in {found.file}: give it a value"
            self._mending.tell(Repair(code="placeholder-shown", step=BUILD, summary=summary, reason=""))
            break

    async def pack(self) -> Release:
        """Keep what serves and publish it as a release."""
        await in_thread(self._look_through)
        if self._runs_script:
            await self._equip(PACK)
        return await in_thread(self._pack)

    def _look_through(self) -> None:
        """Raise `BadDraft` for what is nested too deep to be packed."""
        for _ in walk.folders(self._source):
            pass

    def _pack(self) -> Release:
        layout, order = self._tools.layout, self._order
        folder = self.scratch / "release"
        folder.mkdir()
        packed = pack(self._source, folder / release.APP, order, self._commands.packages)
        for note in packed.notes:
            self._log.note(note)
        name = release_id(self._number)
        place = layout.release(order.draft, name) / release.APP
        running = self._lay_managers(folder / release.APP, place) if packed.argv[:1] == ("npm",) else {}
        made = Release(
            id=name,
            draft=order.draft,
            key=order.key,
            path=str(place),
            argv=packed.argv,
            cwd=packed.cwd,
            environment={**running, **packed.environment, **action_key.mark(self._commands.secrets)},
            base_path=packed.base_path,
            strip=order.strip,
            fallback=packed.fallback,
            created=self._tools.clock(),
            size=release.size(folder / release.APP),
        )
        release.write_manifest(folder, made)
        release.publish(layout, order.draft, name, folder)
        return made

    # Package managers

    async def _equip(self, step: str) -> None:
        """Get the package managers that this build calls, once."""
        if self._equipped:
            return
        tools, situation = self._tools, self._mending.situation(step)
        wanted = managers.parse(self._order.recipe.manager)
        scripts, installed = await in_thread(lambda: (situation.scripts, situation.dependencies()))
        called = managers.called(scripts, installed, starts=self._runs_script)

        async def run(folder: Path, argv: tuple[str, ...]) -> bool:
            return (await self._commands.run(INSTALL, argv, {}, folder=folder, within=fetch.TIMEOUT)).ok

        self._commands.crew = await fetch.crew(
            tools.shelf, wanted, called, path=tools.toolchain.path, scratch=self.scratch / MANAGERS, run=run
        )
        self._equipped = True
        if wanted in self._commands.crew.missing:
            summary = f"{wanted.word} could not be fetched: npm is used"
            reason = next((line for line in self._log.lines if line.startswith("npm error")), "")
            self._mending.tell(Repair(code=MISSING_MANAGER, step=step, summary=summary, reason=reason))
        elif wanted.fetched:
            self._log.note(f"with {self._commands.crew.manager.word}")
        for other in self._commands.crew.missing:
            if other != wanted:
                self._log.again(f"{other.tool}, which the scripts call, could not be fetched")
        registry = self._commands.environment(step)["npm_config_registry"]
        for note in await in_thread(locks.fit, self._source, self._commands.crew.manager, registry=registry):
            self._log.note(note)

    @property
    def _runs_script(self) -> bool:
        """Whether the draft's server is its script `start`."""
        return self._order.recipe.start[:1] == ("npm",)

    def _lay_managers(self, app: Path, place: Path) -> dict[str, str]:
        """Put the managers that its script `start` may call where it finds them."""
        (app / NODE_MODULES).mkdir(exist_ok=True)
        modules = inside(app, NODE_MODULES)
        if modules is None:
            return {}
        (modules / ".bin").mkdir(exist_ok=True)
        programs = inside(app, NODE_MODULES, ".bin")
        return self._commands.crew.lay(programs, place / NODE_MODULES / ".bin") if programs else {}

    async def _check(self, step: str, outcome: Outcome) -> None:
        if not outcome.ok:
            raise await in_thread(self._failure, step, outcome)

    def _failure(self, step: str, outcome: Outcome) -> failure.BuildFailed:
        ended = outcome.exceeded or outcome.timed_out
        return failure.of_step(
            step,
            outcome,
            self._log.lines,
            root=self._source,
            now=self._tools.clock(),
            retry=self._tools.settings.retry_after,
            limits=self._tools.settings.limits,
            disk_max=self._tools.settings.disk_max,
            disk_free=shutil.disk_usage(self.scratch).free,
            proposals=() if ended else proposals(self._mending.situation(step)),
        )

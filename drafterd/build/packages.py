"""The packages of one build: installed, or those that an earlier build has left in the store."""

import contextlib
import platform
from pathlib import Path

from drafterd import files
from drafterd.build import environment
from drafterd.build.commands import INSTALL, Commands, Tools
from drafterd.build.dependency_key import dependency_key
from drafterd.build.foreign import NODE_MODULES
from drafterd.build.log import BuildLog
from drafterd.build.threads import in_thread
from drafterd.domain.interfaces import Layer, Outcome
from drafterd.domain.model import BuildOrder

_UPPER, _WORK = "packages", "packages.work"


class Packages:
    """Gives the build's own copy of the source its packages; holds on to what it was lent until closed."""

    def __init__(self, tools: Tools, order: BuildOrder, commands: Commands, log: BuildLog) -> None:
        self._tools = tools
        self._commands = commands
        self._log = log
        self._source = commands.source
        # Packages of a server go on living in the release: nobody else may change them.
        self._own = bool(order.recipe.start)
        self._held = contextlib.ExitStack()

    def close(self) -> None:
        """Let go of what was lent. Repeatable."""
        self._commands.layer = None
        self._held.close()

    async def install(self, words: tuple[str, ...], *, locked: bool, clean: bool) -> Outcome:
        """One try of an install, shared with the builds that would install the same.

        Args:
            words: For the package manager.
            locked: Whether a lock file names every package.
            clean: Whether nothing of an earlier build may be used.
        """
        store, key = self._tools.store, await in_thread(self._key, words)
        given = environment.drafts_own(self._commands.variant.placeholders)
        if key is None:
            await self.unlend()
            return await self._commands.manager(INSTALL, words, given)
        # What no lock names is resolved anew from time to time.
        oldest = 0.0 if locked else self._tools.clock() - self._tools.settings.dependencies_age
        layered = not self._own and await in_thread(lambda: self._tools.sandbox.layered)
        async with store.turn(key):
            if not clean and await self._taken(key, oldest, layered=layered):
                self._log.note("with the packages that an earlier build installed")
                return Outcome(code=0)
            await self.unlend()
            outcome = await self._commands.manager(INSTALL, words, given)
            if outcome.ok and not await self._kept(key, layered=layered, replace=clean or not locked):
                outcome = await self._commands.manager(INSTALL, words, given)
            return outcome

    async def unlend(self) -> None:
        """Have packages of its own from now on: a copy of those that were lent."""
        layer = self._commands.layer
        if layer is None:
            return
        self.close()
        await in_thread(self._tools.store.restore, layer.lower.parent.name, self._source, linked=False)

    async def _taken(self, key: str, oldest: float, *, layered: bool) -> bool:
        """Whether the store had what would be installed."""
        store = self._tools.store
        if layered:
            return await self._lent(key, oldest)
        return await in_thread(store.restore, key, self._source, linked=not self._own, not_before=oldest)

    async def _lent(self, key: str, oldest: float) -> bool:
        self.close()
        self._held.enter_context(self._tools.store.using(key))
        lower = await in_thread(self._tools.store.lend, key, self._source, not_before=oldest)
        if lower is None:
            self.close()
            return False
        self._commands.layer = await in_thread(self._layer, lower)
        return True

    async def _kept(self, key: str, *, layered: bool, replace: bool) -> bool:
        """Store what was just installed, and where it can be lent, go on with it; False: it got lost on the way."""
        store, source, scratch = self._tools.store, self._source, self._commands.scratch
        self._held.enter_context(store.using(key))
        kept = await in_thread(
            lambda: store.keep(key, source, scratch=scratch, linked=not self._own, moved=layered, replace=replace)
        )
        if layered and kept:
            return await self._lent(key, 0.0)
        self.close()
        return True

    def _layer(self, lower: Path) -> Layer:
        """Empty folders for what is written into the packages."""
        upper, work = (self._commands.scratch / name for name in (_UPPER, _WORK))
        for folder in (upper, work):
            files.remove_tree(folder)
            folder.mkdir()
        return Layer(place=self._source / NODE_MODULES, lower=lower, upper=upper, work=work)

    def _key(self, words: tuple[str, ...]) -> str | None:
        ours, manager = self._commands.environment(INSTALL), self._commands.crew.manager
        return dependency_key(
            self._source,
            manager=manager.word,
            words=words,
            locks=manager.locks,
            surroundings={
                "node": self._tools.toolchain.node_version,
                "machine": f"{platform.system()} {platform.machine()} {platform.libc_ver()[0]}",
                "registry": ours["npm_config_registry"],
                **self._commands.variant.environment,
            },
        )

"""The packages of one build: installed, or those that an earlier build has left in the store."""

import asyncio
import contextlib
import errno
import os
import platform
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from drafterd import files
from drafterd.build import downloads, environment
from drafterd.build.commands import INSTALL, SOURCE, Commands, Tools
from drafterd.build.dependency_key import Shareable, shareable
from drafterd.build.foreign import NODE_MODULES, copy_plain
from drafterd.build.log import BuildLog
from drafterd.build.managers import NPM
from drafterd.build.threads import in_thread
from drafterd.domain.interfaces import Layer, Outcome
from drafterd.domain.model import BuildOrder

_UPPER, _WORK, _ALONE = "packages", "packages.work", "alone"


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

        Raises:
            OSError: Stored packages could not be given to the build.
        """
        given = environment.drafts_own(self._commands.variant.placeholders)
        wanted = await in_thread(self._shareable, words, given)
        if wanted is None:
            await self.unlend()
            return await self._installed(words, given, self._commands.scratch)
        # What no lock names is resolved anew from time to time.
        oldest = 0.0 if locked else self._tools.clock() - self._tools.settings.dependencies_age
        layered = not self._own and await in_thread(lambda: self._tools.sandbox.layered)
        async with self._turn(wanted.key):
            if not clean and await self._taken(wanted.key, oldest, layered=layered):
                self._log.note("with the packages that an earlier build installed")
                return Outcome(code=0)
            self.close()
            alone = await in_thread(self._alone, wanted.files)
            outcome = await self._installed(words, given, alone)
            if outcome.ok:
                await self._kept(wanted.key, alone / SOURCE, layered=layered, replace=clean or not locked)
            return outcome

    async def unlend(self) -> None:
        """Have packages of its own from now on: a copy of those that were lent. Raises `OSError`."""
        layer = self._commands.layer
        if layer is None:
            return
        copied = await in_thread(self._tools.store.restore, layer.lower.parent.name, self._source, linked=False)
        self.close()
        if not copied:
            raise OSError(errno.EIO, "the stored packages are damaged")

    @contextlib.asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        """One of the builds that want the same packages installs them, the others wait: not on their own time.

        Not for ever: when one has kept them waiting for the time of a whole build, they do without.
        """
        turn, began = self._tools.store.turn(key), time.monotonic()
        async with contextlib.AsyncExitStack() as held:
            if turn.locked():
                self._log.note("another build installs the same packages: waiting for it")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._tools.settings.timeout):
                    await held.enter_async_context(turn)
            self._commands.deadline += time.monotonic() - began
            yield

    async def _installed(self, words: tuple[str, ...], given: Mapping[str, str], base: Path) -> Outcome:
        """Install into the source in a folder; what npm downloads is shared."""
        shared = self._tools.layout.downloads
        npm = self._commands.crew.manager == NPM
        if not npm or not await in_thread(lambda: self._tools.sandbox.layered):
            return await self._commands.manager(INSTALL, words, given, base=base)
        layer = await in_thread(downloads.layer, shared, self._commands.npm_cache(base), base)
        outcome = await self._commands.manager(INSTALL, words, given, base=base, layers=(layer,))
        await in_thread(downloads.take, shared, layer.upper)
        return outcome

    def _alone(self, given: Mapping[str, bytes]) -> Path:
        """A folder for an install that others are to share: it finds nothing of the draft but these files."""
        alone = self._commands.scratch / _ALONE
        files.remove_tree(alone)
        self._commands.make_folders(alone)
        for name, data in given.items():
            (alone / SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
            (alone / SOURCE / name).write_bytes(data)
        return alone

    async def _taken(self, key: str, oldest: float, *, layered: bool) -> bool:
        """Whether the store had what would be installed."""
        if layered:
            return await self._lent(key, oldest)
        return await in_thread(self._tools.store.restore, key, self._source, linked=not self._own, not_before=oldest)

    async def _lent(self, key: str, oldest: float) -> bool:
        self.close()
        self._held.enter_context(self._tools.store.using(key))
        lower = await in_thread(self._tools.store.lend, key, self._source, not_before=oldest)
        if lower is None:
            self.close()
            return False
        self._commands.layer = await in_thread(self._layer, lower)
        return True

    async def _kept(self, key: str, installed: Path, *, layered: bool, replace: bool) -> None:
        """Store what was just installed, and go on with it. Raises `OSError`: it got lost on the way."""
        store, scratch, locks = self._tools.store, self._commands.scratch, self._commands.crew.manager.locks
        with store.using(key):
            kept = await in_thread(
                lambda: store.keep(
                    key, installed, locks=locks, scratch=scratch, linked=not self._own, moved=layered, replace=replace
                )
            )
            if layered and kept:
                if not await self._lent(key, 0.0):
                    raise OSError(errno.EIO, "the packages that were just stored are damaged")
                return
        await in_thread(self._moved, installed, locks)

    def _moved(self, installed: Path, locks: tuple[str, ...]) -> None:
        """Make what was installed apart the source's own."""
        files.remove_tree(self._source / NODE_MODULES)
        if os.path.lexists(installed / NODE_MODULES):
            (installed / NODE_MODULES).rename(self._source / NODE_MODULES)
        for name in locks:
            copy_plain(installed / name, self._source / name)

    def _layer(self, lower: Path) -> Layer:
        """Empty folders for what is written into the packages."""
        upper, work = (self._commands.scratch / name for name in (_UPPER, _WORK))
        for folder in (upper, work):
            files.remove_tree(folder)
            folder.mkdir()
        return Layer(place=self._source / NODE_MODULES, lower=lower, upper=upper, work=work)

    def _shareable(self, words: tuple[str, ...], given: Mapping[str, str]) -> Shareable | None:
        ours = self._commands.environment(INSTALL)
        return shareable(
            self._source,
            manager=self._commands.crew.manager,
            words=words,
            surroundings={
                "node": self._tools.toolchain.node_version,
                "machine": f"{platform.system()} {platform.machine()} {platform.libc_ver()[0]}",
                "registry": ours["npm_config_registry"],
                **self._commands.variant.environment,
                **{f"given {name}": value for name, value in given.items()},
            },
        )

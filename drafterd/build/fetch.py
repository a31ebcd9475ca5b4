"""Gets a package manager from the registry into our toolchain, once for all builds.

It is installed in a folder of the build that needs it first, tried, and then renamed into its place:
what lies there is whole, and what a kill left behind goes with that build's folder.
"""

import asyncio
import contextlib
import os
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drafterd import files
from drafterd.build import eviction, managers
from drafterd.build.managers import NPM, Manager
from drafterd.build.threads import in_thread

TIMEOUT = 120.0
"""Seconds for one command of a fetch."""

_PROGRAMS = Path("node_modules", ".bin")
# The programs that are compiled put themselves in place by an install script, which npm may ask leave for.
_MANIFEST = b'{"private": true, "allowScripts": {"bun": true, "pnpm": true, "yarn": true}}\n'
_INSTALL = ("install", "--no-audit", "--no-fund", "--no-progress", "--no-package-lock")

Run = Callable[[Path, tuple[str, ...]], Awaitable[bool]]
"""Runs a command in a folder and says whether it ended well."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manager that can be called.

    Attributes:
        manager: Which one it became: not always the version asked for.
        programs: The folder of its programs.
    """

    manager: Manager
    programs: Path

    @property
    def program(self) -> Path:
        """Its command."""
        return self.programs / self.manager.tool


@dataclass(frozen=True, slots=True)
class Shelf:
    """The managers that have been fetched; two builds that need the same one fetch it once.

    Attributes:
        folder: Holds one folder for each version that was asked for.
        npm: The command that installs them.
    """

    folder: Path
    npm: tuple[str, ...]
    _fetching: weakref.WeakValueDictionary[str, asyncio.Lock] = field(default_factory=weakref.WeakValueDictionary)

    def found(self, manager: Manager) -> Fetched | None:
        """What lies there."""
        programs = self.folder / manager.word / _PROGRAMS
        if not (programs / manager.tool).exists():
            return None
        with contextlib.suppress(OSError):
            os.utime(self.folder / manager.word)  # when it was last needed
        return Fetched(manager, programs)

    async def get(self, wanted: Manager, scratch: Path, run: Run) -> Fetched | None:
        """The manager asked for, or the nearest to it that can be had and runs here; None: there is none.

        Args:
            scratch: A folder of the caller's own, in the same file system.
        """
        for manager in wanted.alternatives():
            async with self._fetching.setdefault(manager.word, asyncio.Lock()):
                if found := self.found(manager) or await self._fetch(manager, scratch, run):
                    return found
        return None

    async def _fetch(self, manager: Manager, scratch: Path, run: Run) -> Fetched | None:
        new = scratch / manager.word
        files.remove_tree(new)
        new.mkdir(parents=True)
        (new / "package.json").write_bytes(_MANIFEST)
        # A cache of its own: what others run must be what the registry has, whatever a build kept.
        install = (*self.npm, *_INSTALL, "--prefix", str(new), "--cache", str(scratch / "cache"), manager.package)
        if not await run(new, install) or not await run(new, (str(new / _PROGRAMS / manager.tool), "--version")):
            return None
        await in_thread(eviction.write_size, new)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            new.rename(self.folder / manager.word)
        except OSError:
            if self.found(manager) is None:  # else another one was faster
                raise
        return self.found(manager)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The managers that a build calls, ready to be called.

    Attributes:
        manager: The one that installs the draft and runs its scripts.
        command: How it is called.
        path: PATH for commands: the draft's scripts call managers too.
        there: All of them that lie ready.
        missing: Those that could not be had.
    """

    manager: Manager
    command: tuple[str, ...]
    path: str
    there: tuple[Fetched, ...] = ()
    missing: tuple[Manager, ...] = ()

    def settings(self, caches: Path, around: Mapping[str, str]) -> dict[str, str]:
        """Variables for all of them; see `managers.settings`."""
        chosen: dict[str, str] = {}
        for item in self.there:
            chosen |= managers.settings(item.manager.tool, caches=caches, around=around)
        return chosen

    def lay(self, programs: Path, place: Path) -> dict[str, str]:
        """Link them beside the programs of a release, whose start script calls them; the variables they run with.

        Args:
            programs: `node_modules/.bin` of the release, while it is made.
            place: Where that will lie. The links are relative, so that the whole state can be moved.
        """
        chosen: dict[str, str] = {}
        for item in self.there:
            link = programs / item.manager.tool
            if not os.path.lexists(link):
                link.symlink_to(os.path.relpath(item.program, place))
                chosen |= managers.RUNNING[item.manager.tool]
        return chosen


async def crew(shelf: Shelf, wanted: Manager, called: Iterable[str], *, path: str, scratch: Path, run: Run) -> Crew:
    """Get the manager that a draft asks for; npm takes the place of one that cannot be had.

    Args:
        called: Commands of other managers that the draft's scripts call.
        path: PATH without them.
    """
    others = [managers.usual(tool) for tool in sorted(called) if tool != wanted.tool]
    asked = [manager for manager in (wanted, *others) if manager.fetched]
    found = {manager: await shelf.get(manager, scratch, run) for manager in asked}
    there = [item for item in found.values() if item]
    first = found.get(wanted)
    return Crew(
        manager=first.manager if first else NPM,
        command=(str(first.program),) if first else shelf.npm,
        path=":".join([*(str(item.programs) for item in there), path]),
        there=tuple(there),
        missing=tuple(manager for manager, item in found.items() if item is None),
    )

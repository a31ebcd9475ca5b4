"""Control groups: the kernel itself bounds what a build or a server takes, from its first process on.

Where they can be had: the second version with a folder that was handed to us (systemd's `Delegate=`, or a
root daemon that lives in the root group), or the first version with a folder that we may write to. Where not,
the looks at /proc (`watch`, `run.guard`) are what bounds; they go on beside the groups in any case.
"""

import contextlib
import hashlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from drafterd.domain.interfaces import Exceeded
from drafterd.domain.model import Limits
from drafterd.sandbox.group_tree import CGROUPS, Tree, tree
from drafterd.sandbox.walls import SPARE_PROCESSES

BY_LOOKS = "by looks at /proc, a few a second: no control groups can be made here"
"""What bounds where there are none, for people."""

_log = structlog.get_logger(__name__)

_BUILD = "build-"
_RUN = "run-"
_PROCESSES = "cgroup.procs"
_KILLED = {"memory.events": "oom_kill", "memory.oom_control": "oom_kill"}
_REFUSED = {"pids.events": "max"}
_GONE_WITHIN = 2.0
_LOOK_EVERY = 0.01
_ENTER = str(Path(__file__).with_name("enter.py"))
_COUNTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """One group; in the first version of control groups it is a folder in each of two trees.

    Attributes:
        folders: Where it lies.
    """

    folders: tuple[Path, ...]

    def around(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command line that enters the group and then becomes `argv`."""
        return (sys.executable, "-I", "-S", _ENTER, *map(str, self.folders), "--", *argv)

    def exceeded(self) -> Exceeded | None:
        """What the kernel has refused it, if anything."""
        if kills(self.folders):
            return Exceeded.MEMORY
        return Exceeded.PROCESSES if _counted(self.folders, _REFUSED) else None

    def close(self) -> None:
        """Kill what is in it, and remove it. Blocks for a moment; what cannot be removed is swept later."""
        deadline = time.monotonic() + _GONE_WITHIN
        while (left := members(self.folders)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_LOOK_EVERY)
        while not remove(self.folders) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)  # the dead leave it one by one


class Groups:
    """Makes the groups of one installation.

    Args:
        state: The installation's folder of state: what lies below its name is its own.
    """

    def __init__(self, found: Tree, state: Path) -> None:
        self._tree = found
        self._name = f"drafterd-{hashlib.blake2b(os.fsencode(state), digest_size=6).hexdigest()}"
        self._numbers = itertools.count(1)

    @property
    def meaning(self) -> str:
        """What they are, for people."""
        return self._tree.meaning

    def for_build(self, limits: Limits) -> Group | None:
        """A new group for one step; None where it cannot be made now. Blocks for a moment."""
        return self._made(f"{_BUILD}{os.getpid()}-{next(self._numbers)}", limits)

    def for_instance(self, instance: str, limits: Limits) -> Group | None:
        """The group of an instance, which stays until the instance is gone; None as above."""
        return self._made(f"{_RUN}{instance}", limits)

    def sweep(self) -> None:
        """End what builds of a killed daemon left, and remove empty groups. Only the daemon that holds the lock may."""
        for name in {path.name for base in self._bases() for path in _folders(base)}:
            group = Group(tuple(base / name for base in self._bases()))
            if name.startswith(_BUILD):
                group.close()
            else:
                remove(group.folders)

    def close(self) -> None:
        """The same at the end; what still runs keeps its group."""
        self.sweep()
        remove(self._bases())

    def _made(self, name: str, limits: Limits) -> Group | None:
        group = Group(tuple(base / name for base in self._bases()))
        try:
            self._tree.prepare()
            for base, folder in zip(self._bases(), group.folders, strict=True):
                self._tree.open(base)
                folder.mkdir(exist_ok=True)
                _set(folder, _settings(limits))
        except OSError as error:
            _log.warning("group.not_made", group=name, reason=str(error))
            remove(group.folders)
            return None
        return group

    def _bases(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(place / self._name for place in self._tree.places))


def groups_of(state: Path) -> Groups | None:
    """The groups of an installation, if this machine lets us make any."""
    found = tree(CGROUPS)
    return Groups(found, state) if found else None


def kills(folders: Iterable[Path | str]) -> int:
    """How many processes of a group the kernel has killed for want of memory."""
    return _counted(map(Path, folders), _KILLED)


def members(folders: Iterable[Path | str]) -> frozenset[int]:
    """The processes in a group."""
    found: set[int] = set()
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):
            found |= {int(line) for line in Path(folder, _PROCESSES).read_text().split()}
    return frozenset(found - {0})


def remove(folders: Iterable[Path | str]) -> bool:
    """Remove the folders of a group; whether none is left. One that has processes in it stays."""
    left = False
    for folder in folders:
        try:
            Path(folder).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            left = True
    return not left


def _settings(limits: Limits) -> Iterator[tuple[str, str]]:
    """Files and what is written to them, of both versions: those that are not there are passed over."""
    if limits.memory is not None:
        yield "memory.max", str(limits.memory)
        yield "memory.swap.max", "0"
        yield "memory.oom.group", "1"
        # Of these two the first may never be below the second: which order will do depends on what they were.
        for name in ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            yield name, str(limits.memory)
        yield "memory.swappiness", "0"
    if limits.processes is not None:
        # A little above ours, which is the one that says what was hit.
        yield "pids.max", str(limits.processes + SPARE_PROCESSES)


def _set(folder: Path, settings: Iterable[tuple[str, str]]) -> None:
    """Set what can be set. Less than before is refused while more is taken: then it stays as it was."""
    for name, value in settings:
        if (folder / name).exists():
            with contextlib.suppress(OSError):
                (folder / name).write_text(value)


def _counted(folders: Iterable[Path], wanted: Mapping[str, str]) -> int:
    """The sum of these counters, whichever of the files are there."""
    total = 0
    for folder in folders:
        for name, key in wanted.items():
            with contextlib.suppress(OSError, ValueError):
                words = (folder / name).read_text()[:_COUNTS_MAX].split()
                total += sum(int(value) for word, value in itertools.pairwise(words) if word == key)
    return total


def _folders(base: Path) -> list[Path]:
    try:
        return [path for path in base.iterdir() if path.is_dir()]
    except OSError:
        return []

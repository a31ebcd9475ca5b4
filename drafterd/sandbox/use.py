"""What a tree of processes uses, read from /proc. Blocks: call it in a thread. Linux only."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drafterd import process
from drafterd.sandbox.residents import user_of

_PROC = Path("/proc")
_PRIVATE = (b"RssAnon:", b"RssShmem:")
_STATE, _PARENT, _GROUP, _SESSION, _THREADS = 0, 1, 2, 3, 17  # among the fields after the name
_KILOBYTE = 1024
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Use:
    """What a tree of processes uses.

    Attributes:
        memory: Bytes that are in use and nobody else's: files that are mapped, as programs are, do not count.
        processes: Tasks: a thread counts as much as a process, as with the kernel's own limit.
    """

    memory: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    parent: int
    group: int
    session: int
    threads: int


def used(group: int, mark: str | None = None, user: int | None = None) -> Use:
    """What a group's processes use, with all that descends from them, and strays that bear the mark or are the user's."""
    return used_by({"": group}, _owned(mark, user))[""]


def members(group: int, mark: str | None = None, user: int | None = None) -> frozenset[int]:
    """These processes."""
    return frozenset(_families(dict(_tasks()), {"": group}, _owned(mark, user))[""])


def _owned(mark: str | None, user: int | None) -> Callable[[int], str | None]:
    def owner(pid: int) -> str | None:
        ours = (mark is not None and _bears(pid, mark)) or (user is not None and user_of(pid) == user)
        return "" if ours else None

    return owner


def used_by(groups: Mapping[str, int], owner: Callable[[int], str | None]) -> dict[str, Use]:
    """The same for many groups, each under its name, in one pass.

    Args:
        owner: The name of the group that a process belongs to, found out for those that lost their parent.
    """
    tasks = dict(_tasks())
    return {
        name: Use(memory=sum(map(_memory, family)), processes=sum(tasks[pid].threads for pid in family))
        for name, family in _families(tasks, groups, owner).items()
    }


def _families(
    tasks: Mapping[int, _Task], groups: Mapping[str, int], owner: Callable[[int], str | None]
) -> dict[str, set[int]]:
    children: dict[int, list[int]] = {}
    roots: dict[str, set[int]] = {name: set() for name in groups}
    names = {group: name for name, group in groups.items()}
    for pid, task in tasks.items():
        children.setdefault(task.parent, []).append(pid)
        for name in {names[own] for own in (pid, task.group, task.session) if own in names}:
            roots[name].add(pid)
    # Whoever lost its parent was given to one that adopts, which is above us: the first process, a user's systemd.
    above = set(_line(tasks))
    for pid in {child for adopter in above | {1} for child in children.get(adopter, ())} - above:
        if (stray := owner(pid)) in roots:
            roots[stray].add(pid)
    return {name: _family(found, children) for name, found in roots.items()}


def _line(tasks: Mapping[int, _Task]) -> Iterator[int]:
    """This process, its parent, and so on up."""
    pid = os.getpid()
    while task := tasks.get(pid):
        yield pid
        pid = task.parent


def _family(roots: set[int], children: Mapping[int, list[int]]) -> set[int]:
    """These processes, and all that descend from them."""
    found, waiting = set(roots), list(roots)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(new)
        waiting += new
    return found


def _tasks() -> Iterator[tuple[int, _Task]]:
    """Every living process."""
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # The name may hold anything, parentheses and spaces too.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields and fields[_STATE] not in (b"Z", b"X"):
            numbers = (int(fields[at]) for at in (_PARENT, _GROUP, _SESSION, _THREADS))
            yield int(folder.name), _Task(*numbers)


def _bears(pid: int, mark: str) -> bool:
    try:
        return f"{process.MARK}={mark}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _memory(pid: int) -> int:
    """Bytes of one process; 0 when it is gone."""
    try:
        lines = (_PROC / str(pid) / "status").read_bytes().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(_PRIVATE)) * _KILOBYTE


def written(processes: Iterable[int]) -> int:
    """Bytes that these, and what they started and saw end, have written to disks and not deleted again; 0: untold."""
    total = 0
    for pid in processes:
        try:
            lines = (_PROC / str(pid) / "io").read_bytes().splitlines()
        except OSError:
            continue
        facts = {name: int(value) for name, _, value in (line.partition(b": ") for line in lines)}
        total += facts.get(b"write_bytes", 0) - facts.get(b"cancelled_write_bytes", 0)
    return max(0, total)


def unlinked(processes: Iterable[int], device: int) -> int:
    """Bytes of the files on a device that have no name any more, and that these processes hold open."""
    found: dict[int, int] = {}
    for pid in processes:
        try:
            with os.scandir(_PROC / str(pid) / "fd") as entries:
                for entry in entries:
                    facts = _facts(entry)
                    if facts and stat.S_ISREG(facts.st_mode) and not facts.st_nlink and facts.st_dev == device:
                        found[facts.st_ino] = facts.st_blocks * _BLOCK
        except OSError:
            continue
    return sum(found.values())


def _facts(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None

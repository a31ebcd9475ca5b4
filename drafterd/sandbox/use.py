"""What a tree of processes uses, read from /proc. Blocks: call it in a thread. Linux only."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drafterd import process

_PROC = Path("/proc")
_PRIVATE = (b"RssAnon:", b"RssShmem:")
_STATE, _PARENT, _GROUP, _SESSION, _THREADS = 0, 1, 2, 3, 17  # among the fields after the name
_KILOBYTE = 1024


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


def used(group: int, mark: str | None = None) -> Use:
    """What a group's processes use, with all that descends from them, and strays that bear the mark."""
    tasks = dict(_tasks())
    family = _family(tasks, group, mark)
    return Use(memory=sum(map(_memory, family)), processes=sum(tasks[pid].threads for pid in family))


def _family(tasks: dict[int, _Task], group: int, mark: str | None) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, task in tasks.items():
        children.setdefault(task.parent, []).append(pid)
    waiting = [pid for pid, task in tasks.items() if group in (pid, task.group, task.session)]
    if mark is not None:  # whoever lost its parent was given to the first process
        waiting += [pid for pid in children.get(1, ()) if _bears(pid, mark)]
    found = set(waiting)
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

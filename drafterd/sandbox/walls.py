"""The walls as a command line: from a plain description to the exact words for bubblewrap. Pure.

Everything lies inside at the path that it has outside, so that what a build writes down stays true.
No word is secret: the environment is given to the child itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath

from drafterd.domain.interfaces import Layer
from drafterd.domain.model import Limits

UID = 1000
"""Who a draft is inside a user namespace."""

TMP_MAX = 1 << 30
"""Bytes of /tmp, which is memory; at most half of it where it is limited, so that a full /tmp is told as such."""

SHM_MAX = 1 << 28
"""Bytes of /dev/shm, which is memory; at most a quarter of it where it is limited."""

SPARE_PROCESSES = 64
"""The kernel's limit lies so much above ours, which is the one that says what was hit."""

# Signals to the whole group must end the programs, not bubblewrap, which would take them along at once:
# it is started with TERM blocked, and this lets TERM through again behind it.
OPEN_TO_TERM = ("/usr/bin/env", "--default-signal=TERM")
_PRLIMIT = "/usr/bin/prlimit"
_SETPRIV = "/usr/bin/setpriv"


class Level(StrEnum):
    """How far the walls reach on this machine."""

    FULL = "full"
    """all of them"""
    NO_USERNS = "no-userns"
    """all but a user namespace: we are root, and a draft runs as a user of its own"""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was found out about this machine.

    Attributes:
        bwrap: The program.
        closed: Whether further user namespaces inside can be forbidden.
        links: Links at the root, by path, e.g. `/bin` to `usr/bin`.
        system: System files and folders that may be read, /usr among them.
        covered: Folders below those that hold files of the operator's.
    """

    bwrap: str
    level: Level
    closed: bool = True
    links: Mapping[str, str] = field(default_factory=dict)
    system: tuple[str, ...] = ("/usr",)
    covered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one draft's processes find inside.

    Attributes:
        uid: Who they are.
        readable: Files and folders; what is missing is left out.
        writable: Folders that are theirs.
        layers: Folders that show others, below what is writable.
        hidden: Folders that must not be seen, but for what is named above.
        files: Files that are shown in the place of others, by that place.
        report: A descriptor that the program, and nobody inside, writes to how the command ended.
    """

    cwd: Path
    uid: int = UID
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    layers: tuple[Layer, ...] = ()
    hidden: tuple[Path, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    report: int | None = None


def command(machine: Machine, room: Room, argv: Sequence[str]) -> tuple[str, ...]:
    """The words that run `argv` inside the walls; to be started with TERM blocked."""
    covered = [*machine.covered, *_below(machine.system, room.hidden)]
    return (
        machine.bwrap,
        *(() if room.report is None else ("--json-status-fd", str(room.report))),
        *_namespaces(machine, room),
        *_system(machine),
        *_way_to(PurePath(place) for place in room.files),
        *(word for place, file in sorted(room.files.items()) for word in ("--ro-bind", str(file), place)),
        *_memory(room.limits.memory),
        *(word for folder in covered for word in ("--tmpfs", folder)),
        *_own(room),
        *_layers(room.layers),
        *(word for folder in covered for word in ("--remount-ro", folder)),
        "--remount-ro",
        "/",
        "--chdir",
        str(room.cwd),
        "--",
        *OPEN_TO_TERM,
        *kernel_limits(room.limits),
        *(become(room.uid, room.uid) if machine.level is Level.NO_USERNS else ()),
        *argv,
    )


def _namespaces(machine: Machine, room: Room) -> Iterator[str]:
    """The network is shared: a server must be reached on the port that it was given."""
    if machine.level is Level.FULL:
        yield from ("--unshare-user", "--uid", str(room.uid), "--gid", str(room.uid))
        if machine.closed:
            yield "--disable-userns"
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--hostname", "draft", "--die-with-parent", "--cap-drop", "ALL")
    if machine.level is Level.NO_USERNS:
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):  # for `become`, which drops them too
            yield from ("--cap-add", capability)


def _system(machine: Machine) -> Iterator[str]:
    yield from _way_to(map(PurePath, machine.system))
    for path in machine.system:
        yield from ("--ro-bind-try", path, path)
    for path, target in sorted(machine.links.items()):
        yield from ("--symlink", target, path)


def _memory(most: int | None) -> tuple[str, ...]:
    """What is made anew for each: nothing of it lies on the disk, and all of it has a size."""
    sizes = (SHM_MAX, TMP_MAX) if most is None else (max(1, min(SHM_MAX, most // 4)), max(1, min(TMP_MAX, most // 2)))
    shared = ("--perms", "1777", "--size", str(sizes[0]), "--tmpfs", "/dev/shm")  # noqa: S108 - its own
    temporary = ("--perms", "1777", "--size", str(sizes[1]), "--tmpfs", "/tmp")  # noqa: S108 - its own
    return ("--proc", "/proc", "--dev", "/dev", *shared, "--remount-ro", "/dev", *temporary)


def _own(room: Room) -> Iterator[str]:
    """The binds, a folder before what lies in it."""
    yield from _way_to((*room.readable, *room.writable))
    ways = dict.fromkeys(room.readable, "--ro-bind-try") | dict.fromkeys(room.writable, "--bind-try")
    for path in sorted(ways, key=lambda path: path.parts):
        yield from (ways[path], str(path), str(path))


def _layers(layers: Iterable[Layer]) -> Iterator[str]:
    for layer in layers:
        yield from ("--overlay-src", str(layer.lower), "--overlay", str(layer.upper), str(layer.work), str(layer.place))


def _way_to(paths: Iterable[PurePath]) -> Iterator[str]:
    """The folders above: those that bubblewrap makes by itself are closed to a user that is not its own."""
    bound = set(paths)
    above = {parent for path in bound for parent in path.parents if len(parent.parts) > 1}
    for folder in sorted(above, key=lambda path: path.parts):
        if not bound & {folder, *folder.parents}:
            yield from ("--dir", str(folder))


def _below(system: Sequence[str], hidden: Sequence[Path]) -> list[str]:
    """The folders of ours that lie in one of the system's, and would be seen."""
    return sorted({str(path) for path in hidden for seen in system if PurePath(seen) in path.parents})


def kernel_limits(limits: Limits) -> Iterator[str]:
    """The words that set what the kernel bounds. Set inside walls, where it counts their processes only."""
    yield from (_PRLIMIT, "--core=0")
    if limits.processes is not None:
        yield f"--nproc={limits.processes + SPARE_PROCESSES}"
    if limits.open_files is not None:
        yield f"--nofile={limits.open_files}"
    if limits.file_size is not None:
        yield f"--fsize={limits.file_size}"
    yield "--"


def become(user: int, group: int) -> tuple[str, ...]:
    """The words that make root this user, for good and with no right left."""
    who = ("--reuid", str(user), "--regid", str(group), "--clear-groups")
    return (_SETPRIV, *who, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--")

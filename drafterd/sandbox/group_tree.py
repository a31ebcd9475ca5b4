"""Where on this machine control groups can be made: found out from the mounts, and by making one."""

import contextlib
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/proc/self")
"""The folder that tells of our own mounts and groups."""

_TRIAL = 64 << 20
_SECOND = "cgroup2"
_FIRST = "cgroup"
_WANTED = ("memory", "pids")
_DELEGATED = ("trusted.delegate", "user.delegate")
_OURS = "drafterd-daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A place for groups.

    Attributes:
        version: Of control groups, 1 or 2.
        delegated: Whether the place was handed to us, with all that runs in it.
        places: The folders to make groups in: one for each kind of limit in the first version.
    """

    version: int
    places: tuple[Path, ...]
    delegated: bool = False

    @property
    def meaning(self) -> str:
        """What it is, for people."""
        return f"by the kernel (control groups, version {self.version})"

    def prepare(self) -> None:
        """Make the limits usable below the place: in version 2 no process may be in the group itself.

        Raises:
            OSError: It is not to be had.
        """
        if self.version == 2:  # noqa: PLR2004 - its number
            (place,) = self.places
            if self.delegated:
                _vacate(place)
            _hand_down(place)

    def open(self, base: Path) -> None:
        """Make the folder that all of an installation's groups lie in. Raises `OSError`."""
        base.mkdir(exist_ok=True)
        if self.version == 2:  # noqa: PLR2004 - its number
            _hand_down(base)


def tree(about: Path) -> Tree | None:
    """The best place, tried; None where there is none. The answer is remembered.

    Args:
        about: A folder with `mountinfo` and `cgroup`, as /proc/self.
    """
    return _tried(about, os.geteuid())


@functools.cache
def _tried(about: Path, user: int) -> Tree | None:
    try:
        found = candidates((about / "mountinfo").read_text(), (about / "cgroup").read_text(), user=user)
    except OSError:
        return None
    return next((each for each in found if _works(each)), None)


def candidates(mounts: str, own: str, *, user: int) -> list[Tree]:
    """The places that may do, the best first.

    Args:
        mounts: What `/proc/self/mountinfo` says.
        own: What `/proc/self/cgroup` says.
    """
    lying = dict(_mounted(mounts))
    ours = dict(_own(own))
    found = []
    if _SECOND in lying and "" in ours:
        place = _inside(*lying[_SECOND], ours[""])
        # Elsewhere than in a folder that was handed to us, the system's own manager would be disturbed.
        delegated = place is not None and _is_delegated(place)
        if place and (delegated or (user == 0 and ours[""] == "/")):
            places = (place.parent if place.name == _OURS else place,)
            found.append(Tree(version=2, places=places, delegated=delegated))
    first = [_inside(*lying[name], ours[name]) for name in _WANTED if name in lying and name in ours]
    if user == 0 and len(first) == len(_WANTED) and all(first):
        found.append(Tree(version=1, places=tuple(place for place in first if place)))
    return found


def _mounted(mounts: str) -> dict[str, tuple[str, Path]]:
    """By the controller's name, or `cgroup2`: which part of the tree is mounted, and where."""
    found: dict[str, tuple[str, Path]] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), (*after.split(" ", 2), "", "")[:3]
        if len(fields) < 5 or kind not in (_FIRST, _SECOND):  # noqa: PLR2004 - up to where it is mounted
            continue
        place = (_plain(fields[3]), Path(_plain(fields[4])))
        for name in [_SECOND] if kind == _SECOND else [word for word in options.split(",") if word in _WANTED]:
            found.setdefault(name, place)
    return found


def _plain(field: str) -> str:
    return field.encode().decode("unicode_escape") if "\\" in field else field


def _own(text: str) -> Mapping[str, str]:
    """Our own group by the controller's name; the second version's has none."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, names, place = (*line.split(":", 2), "", "")[:3]
        found.update(dict.fromkeys(names.split(","), place))
    return found


def _inside(root: str, mount: Path, group: str) -> Path | None:
    """Where a group lies in what is mounted of the tree; None: beyond it."""
    if root == "/":
        return mount / group[1:]
    if group == root or group.startswith(f"{root}/"):
        return mount / group[len(root) + 1 :]
    return None


def _is_delegated(place: Path) -> bool:
    for folder in (place, place.parent):
        for name in _DELEGATED:
            with contextlib.suppress(OSError):
                if os.getxattr(folder, name) == b"1":
                    return folder == place or place.name == _OURS
    return False


def _vacate(place: Path) -> None:
    """Move all that runs in the group itself into one of its own: a group has processes or groups, not both."""
    for pid in (place / "cgroup.procs").read_text().split():
        (place / _OURS).mkdir(exist_ok=True)
        with contextlib.suppress(ProcessLookupError):
            (place / _OURS / "cgroup.procs").write_text(pid)


def _hand_down(place: Path) -> None:
    (place / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _WANTED))


def _works(found: Tree) -> bool:
    """Whether a group can be made there, with a limit."""
    made: list[Path] = []
    try:
        found.prepare()
        for place in found.places:
            trial = place / f"drafterd-try-{os.getpid()}"
            trial.mkdir()
            made.append(trial)
        limit = "memory.max" if found.version == 2 else "memory.limit_in_bytes"  # noqa: PLR2004 - its number
        (made[0] / limit).write_text(str(_TRIAL))
    except OSError:
        return False
    finally:
        for trial in made:
            with contextlib.suppress(OSError):
                trial.rmdir()
    return True

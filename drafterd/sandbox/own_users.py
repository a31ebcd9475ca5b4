"""Users of their own, without walls: for a daemon that is root where nothing can be mounted, as in a plain container.

A draft's builds run as one user and each of its servers as another, with nothing but their own folders open
to them (`closing`). What everybody may read they can read too, the network is this machine's, and they see
which processes run here.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Outcome, Step, Wrapped
from drafterd.domain.model import InstanceSpec, Limits
from drafterd.sandbox import closing, ownership, users
from drafterd.sandbox.groups import Group, Groups
from drafterd.sandbox.places import Places
from drafterd.sandbox.residents import end_all
from drafterd.sandbox.trial import refusal
from drafterd.sandbox.users import Of, number_of
from drafterd.sandbox.walls import OPEN_TO_TERM, become, kernel_limits
from drafterd.sandbox.watch import watched

_MEANING = (
    "uid-only: a draft runs as users of its own and finds the files of drafterd and of other drafts closed; "
    "it sees what everybody on this machine may read, and which processes run"
)
_OPEN_SOURCES = "everybody may write into the folder of drafts, so their sources are open to drafts too"
_NICENESS = 10
"""Builds give way to running drafts and to the daemon."""

_NEEDED = {
    0: "give files away",
    1: "read others' files",
    3: "close others' files",
    5: "end others' processes",
    6: "change its group",
    7: "change its user",
    8: "give rights up for good",
}
"""What root must be allowed, by the number of the capability."""

_TRIAL = ("/usr/bin/true",)
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class _Identity:
    user: int
    group: int


class OwnUsersSandbox:
    """Runs drafts as users of their own.

    Args:
        network: What is said of the network.
        reason: Why there is nothing better, if somebody wanted that.
        groups: Makes control groups, where they can be had.

    Raises:
        ConfigError: It cannot be had on this machine.
    """

    name = "users"
    layered = False
    apart = True

    def __init__(self, places: Places, network: str, *, reason: str = "", groups: Groups | None = None) -> None:
        if lacking := missing(places):
            raise ConfigError(lacking, hint="see `drafterd doctor`")
        self._places = places
        self._network = network
        self._reason = reason
        self._groups = groups

    @property
    def isolation(self) -> str:
        """The level, what it means, and why there is no better one."""
        said = [_MEANING, self._reason, self._network]
        if closing.is_open(self._places.layout.drafts):
            said.insert(1, _OPEN_SOURCES)
        return "; ".join(filter(None, said))

    def prepare(self) -> None:
        """Close our folders. Raises `OSError`."""
        os.umask(closing.UMASK)
        closing.close(self._places.layout)

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end, its limit or its deadline. Raises `OSError` if it cannot be started."""
        identity = self._builder(step)
        await asyncio.to_thread(self._open, step, identity)
        argv = (*kernel_limits(step.limits), *become(identity.user, identity.group), *step.argv)
        group: Group | None = await asyncio.to_thread(self._groups.for_build, step.limits) if self._groups else None
        try:
            return await watched(
                step,
                argv,
                on_line=on_line,
                on_start=on_start,
                group=group,
                user=identity.user,
                niceness=_NICENESS,
            )
        finally:
            # Also what has left its group and hides its environment.
            await asyncio.to_thread(end_all, identity.user)

    def _builder(self, step: Step) -> _Identity:
        """Builds of a draft have a user of their own too: its servers must not reach into them."""
        layout = self._places.layout
        draft = closing.draft_of(layout, step.cwd) or ""
        return _Identity(number_of(Of.BUILD, draft, layout.state), number_of(Of.DRAFT, draft, layout.state))

    def _open(self, step: Step, identity: _Identity) -> None:
        """Open the step's folders to it."""
        if not os.access(step.argv[0], os.X_OK):  # what changes the user would only exit with a code
            Path(step.argv[0]).stat()
            raise PermissionError(13, "Permission denied", step.argv[0])
        layout = self._places.layout
        end_all(identity.user)  # what a killed daemon left
        closing.share_tools(layout)
        draft = closing.draft_of(layout, step.cwd)
        for folder in (step.cwd, *step.writable):
            if folder.is_dir():
                ownership.give(folder, identity.user, identity.group, done="node_modules", linked=False)
                if draft is not None:
                    closing.open_way(layout, draft, folder, identity.group)

    def wrap(self, spec: InstanceSpec) -> Wrapped:
        """How an instance is started. Its release is its own: servers keep caches and data beside their code."""
        layout = self._places.layout
        user, group = number_of(Of.INSTANCE, spec.id, layout.state), number_of(Of.DRAFT, spec.draft, layout.state)
        release = self._places.release(spec)
        ownership.give_once(release, user, group, linked=False)
        if closing.draft_of(layout, release) == spec.draft:
            closing.open_way(layout, spec.draft, release, group)
        limits = Limits(processes=spec.limits.processes)  # the launcher has set the others
        made = self._groups.for_instance(spec.id, spec.limits) if self._groups else None
        return Wrapped(
            argv=(*OPEN_TO_TERM, *kernel_limits(limits), *become(user, group), *spec.argv),
            user=user,
            groups=tuple(map(str, made.folders)) if made else (),
        )


def missing(places: Places) -> str:
    """Why this cannot be had here, in one line; "" where it can."""
    if os.geteuid() != 0:
        return "users of their own need a daemon that is root"
    if not users.enough():
        return "this container knows too few users"
    if lacking := _lacking():
        return lacking
    if closed := closing.passable(places.layout.state.parent):
        return f"users of their own cannot enter {closed}"
    for path in places.readable:
        # Our own folder of links is opened when it is made.
        if path.exists() and places.layout.state not in path.parents and (closed := closing.barrier(path)):
            return f"users of their own cannot read {path}: {closed} is closed to them"
    user = users.number_of(Of.BUILD, "", places.layout.state)
    return refusal((*kernel_limits(Limits()), *become(user, user), *_TRIAL)) or ""


def _lacking() -> str:
    """What root, or the kernel, does not do here that this needs."""
    held = _capabilities()
    for number, meaning in _NEEDED.items():
        if not held >> number & 1:
            return f"root may not {meaning} here"
    if not _links_are_kept():
        return "whoever wants may give names to others' files here (fs.protected_hardlinks is 0)"
    return ""


def _links_are_kept() -> bool:
    """Whether a draft may not put another's file, by a hard link, among those that root reads and gives away."""
    try:
        return Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "0"
    except OSError:
        return False


def _capabilities() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)

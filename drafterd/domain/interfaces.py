"""What the core needs of the world: one protocol per door. The only file here with `async`.

Each has one contract-test module that every implementation must pass.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from drafterd.domain.masking import Mask
from drafterd.domain.model import (
    Build,
    FixRecord,
    Instance,
    InstanceSpec,
    Intent,
    Limits,
    Problem,
    Release,
    Site,
    Source,
)
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.domain.report import Undone
from drafterd.domain.routing import RouteTable


class Drafts(Protocol):
    """The watched folder."""

    @property
    def problem(self) -> Problem | None:
        """Why the folder cannot be read, or None."""
        ...

    def known(self) -> Iterable[DraftId]:
        """Every draft that has a folder, or had one since the start."""
        ...

    def rejected(self) -> Mapping[str, Problem]:
        """Folders whose names cannot be used, by their name as it may be shown."""
        ...

    def observe(self, draft: DraftId) -> Source:
        """The folder as it was last seen. Never blocks."""
        ...

    def rest(self, draft: DraftId, stamp: str) -> None:
        """Take `stamp` for settled: the change to it was our own."""
        ...

    def forget(self, draft: DraftId) -> None:
        """Drop what is remembered of a draft whose folder is gone."""
        ...

    async def scan(self) -> None:
        """Look at every folder now."""
        ...


class Fixes(Protocol):
    """Makes a settled source fit to be built, in its folder."""

    version: int

    def record(self, draft: DraftId) -> FixRecord | None:
        """What the last pass found, kept on disk; None: there was none."""
        ...

    async def apply(self, draft: DraftId) -> FixRecord:
        """Fix the source now and keep the record. Raises `Superseded` if it changes meanwhile."""
        ...

    async def undo(self, draft: DraftId) -> Undone:
        """Put the author's files back; the source is not changed again until its author does."""
        ...

    def environment(self, draft: DraftId, site: Site) -> Mapping[str, str]:
        """The variables a build or an instance gets: the author's, the operator's, ours."""
        ...

    def discard(self, draft: DraftId) -> None:
        """Drop the record."""
        ...


class Builds(Protocol):
    """The queue of builds and the releases they left."""

    def builds(self, draft: DraftId) -> tuple[Build, ...]:
        """The draft's builds, newest first, at most `keep.builds` of them."""
        ...

    def releases(self, draft: DraftId) -> tuple[Release, ...]:
        """The releases on disk, oldest first."""
        ...

    def current(self, draft: DraftId) -> ReleaseId | None:
        """Where the `current` link points, if that release is there."""
        ...

    async def enqueue(self, draft: DraftId, key: str, *, clean: bool = False) -> Build:
        """Ask for a build; supersedes other keys of the draft. Raises `Busy` when the queue is full.

        A build of the same key that is queued or running is returned as it is.
        """
        ...

    async def cancel(self, draft: DraftId, *, problem: Problem | None = None) -> None:
        """End what is queued or running, down to its last process. `problem`: a person said so."""
        ...

    async def promote(self, draft: DraftId, release: ReleaseId) -> None:
        """Point `current` at a release, atomically."""
        ...

    async def prune(self, draft: DraftId, release: ReleaseId) -> None:
        """Delete a release's folder."""
        ...

    async def discard(self, draft: DraftId) -> None:
        """Delete all that was built of a draft."""
        ...

    def queue(self) -> tuple[Build, ...]:
        """What runs and what waits, in the order of its turn."""
        ...

    def held_back(self, draft: DraftId) -> str:
        """Why a draft's build that waits does not begin now, for people; "": it does."""
        ...

    def watched(self, draft: DraftId) -> AbstractContextManager[None]:
        """While somebody looks at the draft, it is built before those that nobody looks at."""
        ...

    def log_path(self, draft: DraftId, number: int) -> Path:
        """The log file of a build; it may not exist."""
        ...


class Runtime(Protocol):
    """Runs instances: supervisord."""

    async def observe(self) -> Mapping[InstanceId, Instance]:
        """All instances. Raises `RuntimeUnavailable`."""
        ...

    async def start(self, spec: InstanceSpec) -> None:
        """Start and probe until ready; returns at once. Repeatable: same id, same result."""
        ...

    async def stop(self, instance: InstanceId) -> None:
        """End the whole process tree and forget the instance; returns when its port is free."""
        ...

    def log_path(self, instance: InstanceId) -> Path:
        """The file with the program's output; it may not exist."""
        ...

    def mask(self, instance: InstanceId) -> Mask:
        """What takes the instance's secrets out of that output."""
        ...


class Proxy(Protocol):
    """Routes visitors: Traefik or nginx."""

    async def publish(self, table: RouteTable) -> None:
        """Hand over the table; returns once the proxy confirms it. Raises `ProxyRejected`."""
        ...

    async def observe(self) -> RouteTable:
        """The table that was last handed over; an empty one at the very first."""
        ...

    async def alive(self) -> bool:
        """Whether the proxy answers."""
        ...


class Exceeded(StrEnum):
    """The limit that ended a step."""

    MEMORY = "memory"
    PROCESSES = "processes"
    OUTPUT = "output"
    DISK = "disk"
    FULL = "full"
    """no limit of its own: next to nothing is left of the disk that it was filling"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A folder that shows another one, which itself never changes.

    Attributes:
        place: Where it shows.
        lower: What it shows.
        upper: Takes what is written into it.
        work: An empty folder beside `upper`, for the kernel.
    """

    place: Path
    lower: Path
    upper: Path
    work: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of a build.

    Attributes:
        argv: First word absolute.
        environment: The whole environment of the child.
        timeout: Wall time, seconds.
        grace: Seconds between TERM and KILL.
        output_max: Bytes of output that are kept; more is dropped and said so.
        flood_max: Bytes of output beyond that which end the step.
        writable: Folders of its own beside `cwd`; a sandbox with walls lets it write nowhere else.
        layers: Folders below its own; only for a sandbox that is `layered`.
        disk_max: Bytes that its own folders may hold; None is no limit.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    timeout: float
    grace: float = 10.0
    output_max: int = 20_000_000
    flood_max: int = 100_000_000
    writable: tuple[Path, ...] = ()
    layers: tuple[Layer, ...] = ()
    disk_max: int | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended.

    Attributes:
        code: Exit code, or None when a signal ended it.
        signal: The signal, or None.
        timed_out: Our deadline ended it.
        exceeded: The limit that ended it, or None.
        seconds: Wall time.
    """

    code: int | None
    signal: int | None = None
    timed_out: bool = False
    exceeded: Exceeded | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0 and self.exceeded is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """How an instance is started inside the walls.

    Attributes:
        argv: The command line, to be started with TERM blocked if it is not the instance's own.
        user: Who it runs as outside, a number that no other instance of ours has; None: whoever starts it.
        groups: Control groups that it enters first: folders that are there.
    """

    argv: tuple[str, ...]
    user: int | None = None
    groups: tuple[str, ...] = ()


class Sandbox(Protocol):
    """Confines a draft's processes: builds and running instances."""

    name: str

    @property
    def apart(self) -> bool:
        """Whether each instance runs as a user that nobody else runs as."""
        ...

    @property
    def layered(self) -> bool:
        """Whether a step may have layers. Blocks for a while when it is asked first."""
        ...

    @property
    def isolation(self) -> str:
        """How far drafts are kept apart, for people: a word, a colon, what it means."""
        ...

    def prepare(self) -> None:
        """Make ready what is needed: once at the daemon's start, before anything runs. Blocks. Raises `OSError`."""
        ...

    async def run(self, step: Step, *, on_line: Callable[[bytes], None], on_start: Callable[[int], None]) -> Outcome:
        """Run a step to its end, its limit or its deadline; afterwards, and before a cancellation, nothing is left."""
        ...

    def wrap(self, spec: InstanceSpec) -> Wrapped:
        """How an instance is started. The same for the same instance. Blocks for a while."""
        ...


class Ledger(Protocol):
    """What was asked and what happened. Losing it loses history, pauses and pins."""

    def intent(self, draft: DraftId) -> Intent:
        """What the operator asked; a plain wish to run if nothing was."""
        ...

    def set_intent(self, draft: DraftId, intent: Intent) -> None:
        """Keep what the operator asked."""
        ...

    def bad(self, draft: DraftId) -> Mapping[ReleaseId, Problem]:
        """Releases that do not work."""
        ...

    def condemn(self, draft: DraftId, release: ReleaseId, problem: Problem) -> None:
        """Keep that a release does not work."""
        ...

    def builds(self, draft: DraftId, limit: int = 20) -> tuple[Build, ...]:
        """Newest first."""
        ...

    def active_builds(self) -> tuple[Build, ...]:
        """Every queued or running build, first come first."""
        ...

    def save_build(self, build: Build) -> None:
        """Insert or replace a build."""
        ...

    def record_event(self, draft: DraftId, kind: str, data: Mapping[str, object]) -> None:
        """Add to the history."""
        ...

    def events(
        self, draft: DraftId | None = None, *, since: int = 0, limit: int = 100
    ) -> Sequence[Mapping[str, object]]:
        """The history, oldest first, after the event with the number `since`."""
        ...

    def discard(self, draft: DraftId, *, keep_intent: bool) -> None:
        """Drop a draft's rows."""
        ...


class Ports(Protocol):
    """Leases of home and instance ports."""

    def home(self, draft: DraftId) -> int:
        """The draft's home port, leased at the first call. Raises `PortsExhausted`."""
        ...

    def lease(self, instance: InstanceId, draft: DraftId) -> int:
        """A free port for an instance, the home port first. Repeatable. Raises `PortsExhausted`."""
        ...

    def release(self, instance: InstanceId) -> None:
        """Give an instance's port back."""
        ...

    def discard(self, draft: DraftId) -> None:
        """Give the home port back."""
        ...

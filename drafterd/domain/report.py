"""What people and programs are told: the shapes behind the API, the pages and the command line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import Build, Edit, Instance, Problem
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.domain.releases import Kept
from drafterd.domain.repair import Repair
from drafterd.domain.routing import Target
from drafterd.domain.state import State, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReport:
    """One draft.

    Attributes:
        serving: The release that visitors get, or None.
        url: Its primary address.
        urls: Both addresses, the primary one first.
        port: Its home port, or None: none was leased yet.
        kept: Its releases, newest first.
        pinned: The release that the operator went back to, or None.
        queue_position: 1 for the next build to start, 0 for none waiting.
        static_root: For a ready static draft the folder that is served, else None.
        fallback: For static drafts: the file that answers for unknown paths, or "".
        usual_seconds: How long its last good build took, or None.
        repairs: What was done otherwise in the build of what it serves.
        expires_at: When its time to live is over, or None: never.
        protected: Whether only those may visit it who were let in.
    """

    id: DraftId
    state: State
    serving: ReleaseId | None
    work: Work
    problem: Problem | None
    url: str
    urls: tuple[str, ...]
    port: int | None
    digest: str
    settled_at: float | None
    build: Build | None
    instance: Instance | None
    kept: tuple[Kept, ...]
    pinned: ReleaseId | None
    target: Target | None
    static_root: str | None = None
    fallback: str = ""
    queue_position: int = 0
    usual_seconds: float | None = None
    notes: tuple[Problem, ...] = ()
    edits: tuple[Edit, ...] = ()
    repairs: tuple[Repair, ...] = ()
    last_request: float | None = None
    rss_bytes: int | None = None
    cpu_percent: float | None = None
    expires_at: float | None = None
    protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What came of taking the fixes back.

    Attributes:
        restored: Files that are as their author had them.
        left: Files that were left alone, with the reason.
    """

    restored: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the daemon's health."""

    name: str
    ok: bool
    detail: str = ""


_LEVEL = re.compile(r"\((?:isolation: )?([a-z-]+)[:)]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The daemon as a whole.

    Attributes:
        uptime: Seconds.
        rejected: Folders that cannot be taken, with the reason.
        sandbox: The isolation reached: `none` is said plainly.
        limits: How drafts are bounded, for people.
        memory: Bytes: `total`, `available`.
        disk: Bytes where the state lies: `total`, `free`.
    """

    version: str
    uptime: float
    states: Mapping[str, int]
    queue: int
    ports_free: int
    sandbox: str
    proxy: Check
    runtime: Check
    ready: bool
    problems: tuple[Problem, ...] = ()
    rejected: Mapping[str, Problem] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    disk: Mapping[str, int] = field(default_factory=dict)
    limits: str = ""

    @property
    def weak(self) -> bool:
        """Whether builds or drafts have no walls of their own."""
        return bool({"none", "uid-only"} & levels(self.sandbox))


def levels(sandbox: str) -> frozenset[str]:
    """How far drafts and builds are kept apart, each in a word: `full`, `no-userns`, `uid-only`, `none`."""
    return frozenset(_LEVEL.findall(sandbox))

"""The values of the domain, frozen: what has been built is valid.

Times are seconds since the epoch, durations seconds, sizes bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.domain.repair import Repair, printable


class Mend(StrEnum):
    """Who can mend a problem."""

    DRAFT = "draft"
    """whoever writes the draft"""
    CONFIG = "config"
    """the operator, in the configuration"""
    MACHINE = "machine"
    """the operator, on the machine"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a person must know about something that did not work.

    Attributes:
        code: Stable word, listed in the documentation.
        summary: One line.
        where: File with line, build step, port: where to look.
        hint: How to mend it.
        mend: Who can.
        step: The build step it happened in, or None.
        since: When it was found.
        retry_at: When drafterd tries again by itself, or None: it waits for a change.
        tail: The last lines of the log that show it.
        proposals: What could be done about it and is not done unasked, because it would change
            what the author means; each a sentence.
        excerpt: The lines of the source around `where`, each with its number; without secrets.
    """

    code: str
    summary: str
    where: str = ""
    hint: str = ""
    mend: Mend = Mend.DRAFT
    step: str | None = None
    since: float = 0.0
    retry_at: float | None = None
    tail: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    excerpt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make what came from a draft fit to be printed."""
        for name in ("summary", "where", "hint"):
            object.__setattr__(self, name, printable(getattr(self, name)))
        for name in ("tail", "proposals", "excerpt"):
            object.__setattr__(self, name, tuple(map(printable, getattr(self, name))))


class Presence(StrEnum):
    """Whether a draft's folder is there."""

    PRESENT = "present"
    MISSING = "missing"
    """seen missing once: not believed yet"""
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A draft's folder as the watch last saw it.

    Attributes:
        stamp: Hash of paths, sizes and times: changes whenever a file does.
        settled: Quiet for the settle time, or said to be ready by its writer.
        settles_in: Seconds until it is settled if nothing more changes; 0.0 when settled.
        skip: The writer keeps it out (`.draft-skip`).
        gone_since: When it was first believed gone, or None while it is there.
        problem: Why it cannot be read (too many files, ...), or None.
    """

    presence: Presence
    stamp: str = ""
    settled: bool = False
    settles_in: float = 0.0
    skip: bool = False
    gone_since: float | None = None
    problem: Problem | None = None


class Kind(StrEnum):
    """What a draft is; decides how it is built and served."""

    NEXT = "nextjs"
    NEXT_EXPORT = "nextjs-export"
    NODE = "node"
    STATIC = "static"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a draft is built and started, as its (fixed) files say.

    Attributes:
        kind: What it is.
        why: The sign it was recognised by, for people.
        framework: What it is made with, for people ("Next.js", "Vite"); "" for nothing with a name.
        manager: The package manager that installs it, with the version where one is asked for
            ("npm", "pnpm@9.1.0").
        install: Whether it has dependencies to install.
        build: Whether `npm run build` is to be run.
        start: The command of its server, or () when it needs none or the build decides.
        static_root: Folder with the files to serve, relative to the source. Beside a `start`: what is
            served when the build did not leave the file that `start` names.
        prefixed: Whether it is built for its base path; else the proxy strips the prefix.
        own_base_path: The base path that the author's own config sets, or "".
        build_arguments: Words that follow the build script's own; `{base}` in them stands for the base path.
        build_environment: Variables of the build, in the same form.
        run_environment: Variables of its server, in the same form.
        fallback: For files: the one that answers for an unknown path when the build left none for it.
    """

    kind: Kind
    why: str
    framework: str = ""
    manager: str = "npm"
    install: bool = False
    build: bool = False
    start: tuple[str, ...] = ()
    static_root: str = ""
    prefixed: bool = False
    own_base_path: str = ""
    build_arguments: tuple[str, ...] = ()
    build_environment: Mapping[str, str] = field(default_factory=dict)
    run_environment: Mapping[str, str] = field(default_factory=dict)
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change that a fix made or proposes. Secrets are masked in `before` and `after`."""

    file: str
    rule: str
    before: str
    after: str
    reason: str
    applied: bool = True

    def __post_init__(self) -> None:
        """Make what came from a draft fit to be printed."""
        for name in ("file", "before", "after", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixRecord:
    """What the fixes found and did, for one state of the source.

    Attributes:
        stamp: The source's stamp after the fixes.
        digest: The content hash of the source after the fixes (`.env*` left out).
        environment_digest: Hash of the values that the draft's own env files set, port and
            address left out: a change of them is a new build.
        fix_version: Which set of fixes it was.
        recipe: None when a problem keeps the draft from being built.
        edits: Every change, also of earlier passes over this folder.
        problems: What was found and left alone.
        problem: Why it cannot be built, or None.
    """

    stamp: str
    digest: str
    environment_digest: str
    fix_version: int
    recipe: Recipe | None
    edits: tuple[Edit, ...] = ()
    problems: tuple[Problem, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an instance or a build is reached: what its variables are made from.

    Attributes:
        port: Where its server listens.
        origin: Scheme, host and port that visitors type, without a slash at the end.
        base_path: The draft's prefix below that origin; "" on a host of its own.
    """

    port: int
    origin: str
    base_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """All that a build needs to know, read when its turn comes. Holds secrets: never stored.

    Attributes:
        key: The key that is wanted now; a build of another key has been superseded.
        digest: What the snapshot's content must hash to.
        base_path: The prefix to build for; "" for none.
        strip: The prefix that the proxy will take off; "" for none.
        environment: The draft's own variables, for the build step only.
    """

    draft: DraftId
    key: str
    digest: str
    recipe: Recipe
    base_path: str
    strip: str
    environment: Mapping[str, str]


class Goal(StrEnum):
    """What the operator asked of a draft."""

    RUN = "run"
    PAUSE = "pause"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What the operator asked, kept in the ledger.

    Attributes:
        pinned: The release that must serve, or None: that of the source, if it is good.
        stamp: What it was said about, whose change ends it: the source (REMOVE), its content (pin; "": the next).
    """

    goal: Goal = Goal.RUN
    pinned: ReleaseId | None = None
    asked_at: float = 0.0
    stamp: str = ""


class BuildStatus(StrEnum):
    """The life of one build."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """the daemon died under it; the planner asks again"""

    @property
    def active(self) -> bool:
        """Whether it still is to end."""
        return self in (BuildStatus.QUEUED, BuildStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One attempt to make a release.

    Attributes:
        number: Counts up per draft; the release it makes is `r<number>`.
        key: What makes two builds equal.
        steps: Seconds per finished step.
        repairs: What was changed in the way it is built after a failure, in that order.
        clean: Whether caches are to be left out.
    """

    draft: DraftId
    number: int
    key: str
    status: BuildStatus
    created: float
    step: str = ""
    started: float | None = None
    finished: float | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
    repairs: tuple[Repair, ...] = ()
    problem: Problem | None = None
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The immutable result of a build: a folder with `release.json` and `app/` in it.

    Attributes:
        path: The folder that is served or run (absolute).
        argv: The server's command, run in `path/cwd`; () for a static release.
        environment: What the server needs beside the draft's own variables; no secrets.
        base_path: The prefix it is built for; "" for none.
        strip: The prefix that the proxy must take off before it asks the server; "" for none.
        fallback: For static releases: the file that answers for unknown paths, or "".
    """

    id: ReleaseId
    draft: DraftId
    key: str
    path: str
    argv: tuple[str, ...] = ()
    cwd: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    base_path: str = ""
    strip: str = ""
    fallback: str = ""
    created: float = 0.0
    size: int = 0

    @property
    def static(self) -> bool:
        """Whether it is served as files, without a process."""
        return not self.argv


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a server listens. Routes use addresses, never bare ports."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process tree may use, `disk` in its own folder; None is no limit."""

    memory: int | None = None
    processes: int | None = None
    open_files: int | None = None
    file_size: int | None = None
    disk: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSpec:
    """All that is needed to start an instance. Holds secrets: stored 0600, never shown.

    Attributes:
        argv: The command, its first word absolute.
        environment: The whole environment: nothing else is inherited.
        probe_path: Path that the readiness check asks for.
    """

    id: InstanceId
    draft: DraftId
    release: ReleaseId
    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    address: Address
    probe_path: str = "/"
    limits: Limits = field(default_factory=Limits)


class InstanceStatus(StrEnum):
    """The life of one running process of a release."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """gave up: it never answered, or it keeps exiting"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance as the runtime sees it now.

    Attributes:
        since: When it reached this status.
        problem: Why it failed; of one that is ready: what is not as it should be; or None.
    """

    id: InstanceId
    draft: DraftId
    release: ReleaseId
    status: InstanceStatus
    address: Address | None = None
    pid: int | None = None
    since: float = 0.0
    restarts: int = 0
    problem: Problem | None = None


class AddressKind(StrEnum):
    """How a draft is addressed: a path on the shared host, or a host of its own."""

    PATH = "path"
    HOST = "host"

"""The JSON that programs are told: one pydantic model per shape, each made from a domain value.

The models are the contract and the source of the OpenAPI document. Times are UTC ISO 8601,
durations seconds, sizes bytes.
"""

from collections.abc import Callable

from pydantic import BaseModel

from drafterd.domain.model import Build, Edit, FixRecord, Instance
from drafterd.domain.names import DraftId
from drafterd.domain.releases import Kept
from drafterd.domain.repair import printable
from drafterd.domain.report import Check, DraftReport, StatusReport, Undone
from drafterd.domain.routing import RouteTable
from drafterd.web.build_shapes import DraftBuildShape, ProblemShape, RepairShape, Shape, Time, repair_shapes
from drafterd.web.display import utc


class SourceShape(Shape):
    """The draft's folder."""

    digest: str
    settled_at: Time | None


class InstanceShape(Shape):
    """The running process."""

    pid: int | None
    since: Time | None
    restarts: int
    rss_bytes: int | None
    cpu_percent: float | None

    @classmethod
    def of(cls, instance: Instance, report: DraftReport) -> "InstanceShape":
        """The instance with what it uses."""
        return cls(
            pid=instance.pid,
            since=utc(instance.since or None),
            restarts=instance.restarts,
            rss_bytes=report.rss_bytes,
            cpu_percent=report.cpu_percent,
        )


class KeptShape(Shape):
    """A release that is kept. `state` is `serving`, `good` or `bad`; `why` says in one line why it is bad."""

    id: str
    state: str
    built_at: Time | None
    why: str

    @classmethod
    def of(cls, kept: Kept) -> "KeptShape":
        """The same in JSON."""
        why = kept.problem.summary if kept.problem else ""
        return cls(id=kept.id, state=kept.standing.value, built_at=utc(kept.built or None), why=why)


class DraftShape(Shape):
    """One draft. `repairs` are those of the release that serves, `edits` how many changes its files got.

    `pinned` is the release that was gone back to; `releases` and `kept` are newest first.
    """

    id: str
    state: str
    serving: str | None
    work: str
    problem: ProblemShape | None
    url: str
    urls: tuple[str, ...]
    port: int | None
    protected: bool
    source: SourceShape
    build: DraftBuildShape | None
    repairs: tuple[RepairShape, ...]
    edits: int
    instance: InstanceShape | None
    last_request: Time | None
    pinned: str | None
    releases: tuple[str, ...]
    expires_at: Time | None
    kept: tuple[KeptShape, ...]

    @classmethod
    def of(cls, report: DraftReport, *, now: float, full: bool) -> "DraftShape":
        """`full`: with the lines of the log, for those who may see them."""
        return cls(
            id=report.id,
            state=report.state.value,
            serving=report.serving,
            work=report.work.value,
            problem=ProblemShape.of(report.problem, full=full) if report.problem else None,
            url=report.url,
            urls=report.urls,
            port=report.port,
            protected=report.protected,
            source=SourceShape(digest=report.digest, settled_at=utc(report.settled_at)),
            build=DraftBuildShape.of(report.build, now=now, full=full) if report.build else None,
            repairs=repair_shapes(report.repairs, full=full),
            edits=sum(edit.applied for edit in report.edits),
            instance=InstanceShape.of(report.instance, report) if report.instance else None,
            last_request=utc(report.last_request),
            pinned=report.pinned,
            releases=tuple(each.id for each in report.kept),
            kept=tuple(KeptShape.of(each) for each in report.kept),
            expires_at=utc(report.expires_at),
        )


class DraftsShape(Shape):
    """A page of drafts; `next` is the cursor of the page after it."""

    items: tuple[DraftShape, ...]
    next: str | None


class CheckShape(Shape):
    """One part of the daemon's health."""

    name: str
    ok: bool
    detail: str

    @classmethod
    def of(cls, check: Check) -> "CheckShape":
        """The same in JSON."""
        return cls(name=check.name, ok=check.ok, detail=check.detail)


class HealthShape(Shape):
    """The checks behind a health answer."""

    status: str
    checks: tuple[CheckShape, ...]


class RejectedShape(Shape):
    """A folder that cannot be taken."""

    name: str
    problem: ProblemShape


class PortsShape(Shape):
    """The pool of ports."""

    free: int


class StatusShape(Shape):
    """The daemon as a whole."""

    version: str
    uptime: float
    ready: bool
    states: dict[str, int]
    queue: int
    ports: PortsShape
    memory: dict[str, int]
    disk: dict[str, int]
    proxy: CheckShape
    runtime: CheckShape
    sandbox: str
    limits: str
    problems: tuple[ProblemShape, ...]
    rejected: tuple[RejectedShape, ...]

    @classmethod
    def of(cls, status: StatusReport, *, full: bool) -> "StatusShape":
        """`full`: with the lines of the log, for those who may see them."""
        return cls(
            version=status.version,
            uptime=round(status.uptime, 1),
            ready=status.ready,
            states={str(state): count for state, count in status.states.items()},
            queue=status.queue,
            ports=PortsShape(free=status.ports_free),
            memory=dict(status.memory),
            disk=dict(status.disk),
            proxy=CheckShape.of(status.proxy),
            runtime=CheckShape.of(status.runtime),
            sandbox=status.sandbox,
            limits=status.limits,
            problems=tuple(ProblemShape.of(problem, full=full) for problem in status.problems),
            rejected=tuple(
                RejectedShape(name=name, problem=ProblemShape.of(problem, full=full))
                for name, problem in sorted(status.rejected.items())
            ),
        )


class RouteShape(Shape):
    """Where a draft's visitors are sent; without an address the daemon serves its files."""

    draft: str
    address: str | None
    strip: str
    kind: str
    base_path: str


class RoutesShape(Shape):
    """What the proxy was told and has confirmed."""

    digest: str
    items: tuple[RouteShape, ...]

    @classmethod
    def of(cls, table: RouteTable) -> "RoutesShape":
        """The table in JSON."""
        rows = tuple(
            RouteShape(
                draft=route.draft,
                address=str(route.target.address) if route.target.address else None,
                strip=route.target.strip,
                kind=route.target.kind.value,
                base_path=route.target.base_path,
            )
            for route in table.routes
        )
        return cls(digest=table.digest, items=rows)


class QueuedShape(Shape):
    """A build that runs or waits; `position` is 0 for a running one."""

    draft: str
    number: int
    status: str
    position: int
    step: str
    since: Time | None
    why: str


class QueueShape(Shape):
    """What builds and what waits, in the order of its turn."""

    items: tuple[QueuedShape, ...]

    @classmethod
    def of(cls, builds: tuple[Build, ...], *, held_back: Callable[[DraftId], str]) -> "QueueShape":
        """The queue in JSON. `held_back`: why a draft that waits does not begin."""
        rows: list[QueuedShape] = []
        waiting = 0
        for build in builds:
            running = build.started is not None
            waiting += not running
            rows.append(
                QueuedShape(
                    draft=build.draft,
                    number=build.number,
                    status=build.status.value,
                    position=0 if running else waiting,
                    step=build.step,
                    since=utc(build.started if running else build.created),
                    why="is being built" if running else held_back(build.draft) or "begins now",
                )
            )
        return cls(items=tuple(rows))


class EditShape(Shape):
    """One change that a fix made; secrets are masked."""

    rule: str
    file: str
    before: str
    after: str
    reason: str
    applied: bool

    @classmethod
    def of(cls, edit: Edit) -> "EditShape":
        """The same in JSON."""
        return cls(
            rule=edit.rule,
            file=edit.file,
            before=edit.before,
            after=edit.after,
            reason=edit.reason,
            applied=edit.applied,
        )


class FixesShape(Shape):
    """What the fixes found and did."""

    kind: str | None
    framework: str
    manager: str
    why: str
    digest: str
    edits: tuple[EditShape, ...]
    problems: tuple[ProblemShape, ...]
    problem: ProblemShape | None

    @classmethod
    def of(cls, record: FixRecord) -> "FixesShape":
        """The record in JSON."""
        return cls(
            kind=record.recipe.kind.value if record.recipe else None,
            framework=record.recipe.framework if record.recipe else "",
            manager=record.recipe.manager if record.recipe else "",
            why=record.recipe.why if record.recipe else "",
            digest=record.digest,
            edits=tuple(EditShape.of(edit) for edit in record.edits),
            problems=tuple(ProblemShape.of(problem) for problem in record.problems),
            problem=ProblemShape.of(record.problem) if record.problem else None,
        )


class UndoneShape(Shape):
    """What came of taking the fixes back: files as their author had them, and those left alone with the reason."""

    restored: tuple[str, ...]
    left: dict[str, str]

    @classmethod
    def of(cls, done: Undone) -> "UndoneShape":
        """The same in JSON."""
        left = {printable(name): reason for name, reason in done.left.items()}
        return cls(restored=tuple(map(printable, done.restored)), left=left)


class HttpProblemShape(BaseModel):
    """RFC 9457, with our stable code and a hint."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: tuple[dict[str, str], ...] | None = None

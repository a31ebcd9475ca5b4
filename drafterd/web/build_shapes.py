"""What the API says of a build and of what went wrong with it.

Apart from the other shapes, because the shapes of drafts are made from these.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from drafterd.domain.model import Build, Problem
from drafterd.domain.repair import Repair
from drafterd.web.display import clean_line, clean_lines, utc

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Shape(BaseModel):
    """What all shapes share."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemShape(Shape):
    """Something that did not work. `tail` and `excerpt` are empty for visitors without the token."""

    code: str
    summary: str
    where: str
    hint: str
    mend: str
    step: str | None
    since: Time | None
    retry_at: Time | None
    tail: tuple[str, ...]
    proposals: tuple[str, ...]
    excerpt: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem, *, full: bool = True) -> "ProblemShape":
        """`full`: with the lines of the log and of the source."""
        return cls(
            code=problem.code,
            summary=problem.summary,
            where=problem.where,
            hint=problem.hint,
            mend=problem.mend.value,
            step=problem.step,
            since=utc(problem.since or None),
            retry_at=utc(problem.retry_at),
            tail=clean_lines(problem.tail) if full else (),
            proposals=clean_lines(problem.proposals),
            excerpt=clean_lines(problem.excerpt) if full else (),
        )


class RepairShape(Shape):
    """What a build did otherwise after a failure.

    `reason` is the line of the output that asked for it; empty for visitors without the token.
    """

    code: str
    step: str
    summary: str
    reason: str

    @classmethod
    def of(cls, repair: Repair, *, full: bool = True) -> "RepairShape":
        """`full`: with the line of the log."""
        return cls(
            code=repair.code,
            step=repair.step,
            summary=clean_line(repair.summary),
            reason=clean_line(repair.reason) if full else "",
        )


def repair_shapes(repairs: Iterable[Repair], *, full: bool = True) -> tuple[RepairShape, ...]:
    """The repairs of a build in their order."""
    return tuple(RepairShape.of(repair, full=full) for repair in repairs)


class DraftBuildShape(Shape):
    """The newest build of a draft, in short."""

    number: int
    status: str
    step: str
    seconds: float | None
    steps: dict[str, float]
    repairs: tuple[RepairShape, ...]

    @classmethod
    def of(cls, build: Build, *, now: float, full: bool = True) -> "DraftBuildShape":
        """`now`: for the seconds of a build that runs. `full`: with the lines of the log."""
        return cls(
            number=build.number,
            status=build.status.value,
            step=build.step,
            seconds=build_seconds(build, now=now),
            steps=_rounded(build),
            repairs=repair_shapes(build.repairs, full=full),
        )


class BuildShape(DraftBuildShape):
    """One build in full."""

    created_at: Time | None
    started_at: Time | None
    finished_at: Time | None
    key: str
    clean: bool
    problem: ProblemShape | None

    @classmethod
    def of(cls, build: Build, *, now: float, full: bool = True) -> "BuildShape":
        """`now`: for the seconds of a build that runs. `full`: with the lines of the log."""
        return cls(
            number=build.number,
            status=build.status.value,
            step=build.step,
            seconds=build_seconds(build, now=now),
            steps=_rounded(build),
            created_at=utc(build.created),
            started_at=utc(build.started),
            finished_at=utc(build.finished),
            key=build.key,
            clean=build.clean,
            repairs=repair_shapes(build.repairs, full=full),
            problem=ProblemShape.of(build.problem, full=full) if build.problem else None,
        )


class BuildsShape(Shape):
    """A draft's builds, newest first."""

    items: tuple[BuildShape, ...]


def build_seconds(build: Build, *, now: float) -> float | None:
    """How long a build took, or has taken so far; None before it starts."""
    if build.started is None:
        return None
    return round(max(0.0, (build.finished or now) - build.started), 1)


def _rounded(build: Build) -> dict[str, float]:
    return {step: round(seconds, 3) for step, seconds in build.steps.items()}

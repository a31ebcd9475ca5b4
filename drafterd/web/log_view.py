"""The log of a build on a page: its lines in groups, one for each step, with the time that each line came at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from markupsafe import Markup

from drafterd.domain.log_lines import LineKind, LogLine
from drafterd.domain.model import Build, BuildStatus
from drafterd.domain.names import DraftId
from drafterd.reconcile.control import Control
from drafterd.web.colours import to_html
from drafterd.web.display import clean_line, coloured_line

LINES = 200
"""Lines of a log that a page shows at first."""

STEPS: Mapping[str, str] = {
    "snapshot": "Copy the files",
    "install": "Install dependencies",
    "build": "Build",
    "pack": "Pack the release",
}
"""What the steps of a build are called on pages."""

_MINUTE = 60
_ROW = Markup('<div class="line{}"><time{}>{}</time><span>{}</span></div>')
_STAMP = Markup(' datetime="{0}" title="{0}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The lines of one step.

    Attributes:
        state: `done`, `now`, `failed`; `ended` for one that was cancelled.
        seconds: How long the step took, once it has ended well.
    """

    step: str
    label: str
    state: str
    seconds: float | None
    rows: Markup


@dataclass(frozen=True, slots=True)
class LogView:
    """What a page shows of a log.

    Attributes:
        position: Where it ends, as `position_of` says it: a stream goes on from there.
    """

    groups: tuple[Group, ...] = ()
    position: str = ""


def log_view(control: Control, draft: DraftId, build: Build | None) -> LogView:
    """The end of a build's log; of a failed one without a log what its problem tells of it."""
    if build is None or build.status is BuildStatus.QUEUED:
        return LogView()
    lines = control.last_lines(draft, build.number, LINES)
    if not lines and build.problem:
        lines = tuple(LogLine(0, "", LineKind.OUTPUT, build.problem.step or "", text) for text in build.problem.tail)
    groups = tuple(
        Group(
            step=step,
            label=label(step),
            state=state_of(build, step),
            seconds=build.steps.get(step),
            rows=rows(found, began=build.started),
        )
        for step, found in groupby(lines, key=lambda line: line.step)
    )
    return LogView(groups, position_of(build.number, lines[-1].end) if lines and lines[-1].end else "")


def position_of(number: int, end: int) -> str:
    """A place in the log of a build, for `Last-Event-ID`."""
    return f"{number}-{end}"


def label(step: str) -> str:
    """The name of a step."""
    return STEPS.get(step, clean_line(step) or "Log")


def state_of(build: Build, step: str) -> str:
    """How a step of a build stands."""
    if step in build.steps or build.status is BuildStatus.SUCCEEDED:
        return "done"
    if build.status.active:
        return "now"
    return "failed" if build.problem else "ended"


def rows(lines: Iterable[LogLine], *, began: float | None) -> Markup:
    """Lines of one step as HTML; `began`: when the build did, which their times count from."""
    return Markup().join(_row(line, began) for line in lines if line.kind is not LineKind.STEP)


def _row(line: LogLine, began: float | None) -> Markup:
    ours = " ours" if line.kind is LineKind.NOTE else ""
    at = _moment(line.time)
    stamp = _STAMP.format(line.time) if at is not None else ""
    shown = _since(at - began) if at is not None and began is not None else ""
    return _ROW.format(ours, stamp, shown, to_html(coloured_line(line.text)))


def _moment(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def _since(seconds: float) -> str:
    """`0:03.4`, `12:00.0`."""
    tenths = max(0, int(seconds * 10))
    minutes, tenths = divmod(tenths, _MINUTE * 10)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}"

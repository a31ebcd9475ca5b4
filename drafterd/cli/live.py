"""What `up` shows while it runs: for each draft the step it is in and how long it has taken.

On a terminal a table that renews itself; else a line for each change, for logs and programs.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from drafterd.cli import output
from drafterd.domain.errors import NotFound
from drafterd.domain.model import AddressKind, Problem
from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State, Work

if TYPE_CHECKING:  # only for its type: the module it lies in is the daemon's
    from drafterd.reconcile.control import Control

RENEW_EVERY = 0.5
_ROWS_KEPT = 6
"""Lines of the terminal that stay free for what is printed above the table."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a draft is doing, in the words that are shown. A change of it is news."""

    state: State
    work: Work
    step: str
    position: int

    @classmethod
    def of(cls, report: DraftReport) -> "Moment":
        """The moment that a report shows."""
        step = report.build.step if report.work is Work.BUILDING and report.build else ""
        return cls(report.state, report.work, step, report.queue_position)

    @property
    def words(self) -> str:
        """`building`; `ready, building` where it serves meanwhile."""
        busy = self.work is not Work.NONE and self.work.value != self.state.value
        return f"{self.state.value}, {self.work.value}" if busy else self.state.value

    def within(self, seconds: float | None) -> str:
        """The words with the step and the time that it has taken: `building (install, 12 s)`."""
        place = f"place {self.position}" if self.position else ""
        took = output.duration(seconds) if not _resting(self) and seconds is not None else ""
        inner = ", ".join(word for word in (self.step or place, took) if word)
        return f"{self.words} ({inner})" if inner else self.words


@dataclass(slots=True)
class _Known:
    """One draft as it was last shown."""

    report: DraftReport
    moment: Moment
    since: float
    busy_since: float


@dataclass(slots=True)
class Board:
    """All drafts as they were last shown, and what is to be said when one changes.

    Attributes:
        tell: Gets a line of talk.
        result: Gets a line of results: the addresses.
        listen: Where the proxy listens, for the `curl` line.
    """

    tell: Callable[[Text], None]
    result: Callable[[str], None]
    listen: str
    steps: bool = True
    clock: Callable[[], float] = time.monotonic
    _known: dict[DraftId, _Known] = field(default_factory=dict)

    def see(self, report: DraftReport) -> None:
        """Take in a report, and say what is new in it."""
        now = self.clock()
        moment = Moment.of(report)
        known = self._known.get(report.id)
        if known is None:
            known = self._known[report.id] = _Known(report, moment, now, now)
            self._tell_moment(report, moment, before=None)
            self._tell_repairs(report, None)
            self._tell_result(report, None, now, known)
            return
        before = known.report
        if moment != known.moment:
            self._tell_moment(report, moment, before=(known.moment, now - known.since))
            known.busy_since = now if _resting(known.moment) else known.busy_since
            known.moment, known.since = moment, now
        known.report = report
        self._tell_repairs(report, before)
        self._tell_result(report, before, now, known)

    def forget(self, draft: DraftId) -> None:
        """A draft that is gone."""
        if self._known.pop(draft, None) is not None:
            self.tell(Text.assemble((draft, "bold"), "  removed"))

    @property
    def busy(self) -> bool:
        """Whether a time that is shown goes on running."""
        return any(not _resting(item.moment) for item in self._known.values())

    def _tell_moment(self, report: DraftReport, moment: Moment, *, before: tuple[Moment, float] | None) -> None:
        if not self.steps:
            return
        took = ""
        if before is not None and before[0].step and before[0].step != moment.step:
            took = f", {before[0].step} took {output.duration(before[1])}"
        self.tell(Text.assemble((report.id, "bold"), "  ", moment.within(None), took))

    def _tell_repairs(self, report: DraftReport, before: DraftReport | None) -> None:
        """What a build that runs does otherwise since the last look."""
        build = report.build
        if build is None or not build.status.active:
            return
        known = before.build if before else None
        told = len(known.repairs) if known is not None and known.number == build.number else 0
        for repair in build.repairs[told:]:
            self.tell(Text.assemble((report.id, "bold"), "  ", output.repair_line(asdict(repair))))

    def _tell_result(self, report: DraftReport, before: DraftReport | None, now: float, known: _Known) -> None:
        serves_anew = report.serving is not None and report.state is State.READY
        if serves_anew and (before is None or before.serving != report.serving or before.state is not State.READY):
            took = output.duration(now - known.busy_since) if before is not None else ""
            after = f" after {took}" if took else ""
            if report.repairs:
                after += f" with {output.repaired(len(report.repairs))}"
            self.tell(Text.assemble((report.id, "bold"), "  ", (f"live{after}", "green"), f" ({report.serving})"))
            self.result(report.url)
            if curl := curl_line(report, self.listen):
                self.tell(Text(f"  {curl}", style="dim"))
        if report.problem is not None and (before is None or not _same(before.problem, report.problem)):
            self._tell_problem(report, report.problem)

    def _tell_problem(self, report: DraftReport, problem: Problem) -> None:
        self.tell(Text.assemble((report.id, "bold"), "  ", ("problem: ", "red"), output.clean(problem.summary)))
        if problem.where:
            self.tell(Text(f"  where: {output.clean(problem.where)}"))
        for line in problem.excerpt:
            self.tell(Text(f"    {output.clean(line)}", style="dim"))
        for line in problem.tail[-output.TAIL_SHOWN :]:
            self.tell(Text(f"  | {output.clean(line)}", style="dim"))
        if problem.hint:
            self.tell(Text.assemble("  ", ("hint: ", "bold"), output.clean(problem.hint)))
        for proposal in problem.proposals:
            self.tell(Text.assemble("  ", ("could: ", "bold"), output.clean(proposal)))

    def render(self, height: int) -> Group | Text:
        """The table: what is busy first, as many rows as fit."""
        if not self._known:
            return Text("No drafts yet: drop a folder.", style="dim")
        order = sorted(self._known.values(), key=lambda item: (_resting(item.moment), item.report.id))
        shown = order[: max(1, height - _ROWS_KEPT)]
        rows = [self._row(item) for item in shown]
        more = len(order) - len(shown)
        table = output.table(("DRAFT", "STATE", "ADDRESS"), rows)
        return Group(table, Text(f"and {more} more", style="dim")) if more else Group(table)

    def _row(self, item: _Known) -> tuple[Text, Text, Text]:
        style = "red" if item.report.problem else output.STYLES.get(item.moment.state, "yellow")
        words = Text(item.moment.within(self.clock() - item.since), style=style)
        return Text(item.report.id, style="bold"), words, Text(item.report.url)


def _resting(moment: Moment) -> bool:
    """Whether nothing goes on that a person would wait for."""
    still = (State.READY, State.FAILED, State.PAUSED, State.ASLEEP)
    return moment.state in still and moment.work is Work.NONE


def _same(one: Problem | None, other: Problem) -> bool:
    return one is not None and (one.code, one.summary, one.since) == (other.code, other.summary, other.since)


def curl_line(report: DraftReport, listen: str) -> str:
    """How curl reaches an address whose host it may not resolve; "" for the path address."""
    parts = urlsplit(report.url)
    kind = report.target.kind if report.target else None
    if kind is not AddressKind.HOST or not (parts.hostname or "").endswith(".localhost"):
        return ""
    return f"curl -H 'Host: {parts.netloc}' http://{listen}/"


async def show(control: "Control", dashboard: str, *, listen: str) -> None:
    """Show what every draft is doing until cancelled."""
    console = output.stderr()
    console.print(Text.assemble("The dashboard: ", dashboard))
    terminal = sys.stderr.isatty() and not console.is_dumb_terminal
    board = Board(tell=console.print, result=output.write, listen=listen, steps=not terminal)
    with control.subscribe() as changes, _display(board, console, terminal=terminal) as renew:
        await _follow(control, board, changes, renew)


async def _follow(
    control: "Control", board: Board, changes: "asyncio.Queue[DraftId]", renew: Callable[[], None]
) -> None:
    for report in control.drafts():
        board.see(report)
    while True:
        renew()
        changed = await _next_changes(changes, within=RENEW_EVERY if board.busy else None)
        for draft in sorted(changed):
            try:
                board.see(control.draft(draft))
            except NotFound:
                board.forget(draft)


async def _next_changes(changes: "asyncio.Queue[DraftId]", *, within: float | None) -> set[DraftId]:
    """The drafts that changed; none when nothing did within that time."""
    changed: set[DraftId] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            changed.add(await changes.get())
    while not changes.empty():
        changed.add(changes.get_nowait())
    return changed


@contextmanager
def _display(board: Board, console: Console, *, terminal: bool) -> Iterator[Callable[[], None]]:
    """The table at the bottom of the terminal; what is printed meanwhile stands above it."""
    if not terminal:
        yield lambda: None
        return
    with Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
        vertical_overflow="crop",
    ) as live:
        yield lambda: live.update(board.render(console.height), refresh=True)

"""What `up` says of a draft as it goes from dropped to live, and when it fails."""

import dataclasses

import pytest
from rich.console import Console

from drafterd.cli.live import Board, Moment, curl_line
from drafterd.domain.model import AddressKind, BuildStatus, Problem
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.domain.repair import Repair
from drafterd.domain.report import DraftReport
from drafterd.domain.routing import Target
from drafterd.domain.state import State, Work
from tests.builders import a_build


def report(state=State.BUILDING, work=None, **changes):
    made = DraftReport(
        id=DraftId("hello"),
        state=state,
        serving=None,
        work=work or (Work(state.value) if state.value in list(Work) else Work.NONE),
        problem=None,
        url="http://localhost:8080/api/draft/hello",
        urls=("http://localhost:8080/api/draft/hello",),
        port=3001,
        digest="d",
        settled_at=None,
        build=None,
        instance=None,
        kept=(),
        pinned=None,
        target=None,
    )
    return dataclasses.replace(made, **changes)


def building(step):
    return report(build=a_build(1, status=BuildStatus.RUNNING, step=step))


class Said:
    def __init__(self):
        self.time = 0.0
        self.lines = []
        self.results = []
        self.board = self.make()

    def make(self, **changes):
        return Board(
            tell=lambda text: self.lines.append(text.plain),
            result=self.results.append,
            listen="127.0.0.1:8080",
            clock=lambda: self.time,
            **changes,
        )

    def see(self, at, shown):
        self.time = at
        self.board.see(shown)


@pytest.fixture
def said():
    return Said()


def test_from_dropped_to_live(said):
    said.see(0, report(State.SETTLING))
    said.see(2, report(State.QUEUED, queue_position=1))
    said.see(3, building("install"))
    said.see(3.5, building("install"))
    said.see(22, building("build"))
    said.see(39, report(State.STARTING))
    said.see(41, report(State.READY, serving=ReleaseId("r1")))
    assert said.lines == [
        "hello  settling",
        "hello  queued (place 1)",
        "hello  building (install)",
        "hello  building (build), install took 19 s",
        "hello  starting, build took 17 s",
        "hello  ready",
        "hello  live after 41 s (r1)",
    ]
    assert said.results == ["http://localhost:8080/api/draft/hello"]


def test_an_update_is_told_beside_what_serves(said):
    live = report(State.READY, serving=ReleaseId("r1"))
    said.see(0, live)
    said.see(100, dataclasses.replace(live, work=Work.BUILDING, build=a_build(2, step="build")))
    said.see(110, dataclasses.replace(live, serving=ReleaseId("r2")))
    assert said.lines == [
        "hello  ready",
        "hello  live (r1)",
        "hello  ready, building (build)",
        "hello  ready, build took 10 s",
        "hello  live after 10 s (r2)",
    ]


def test_a_problem_is_told_once_with_its_hint_and_without_control_characters(said):
    problem = Problem(
        code="c", summary="npm \x1b[2Jfailed", where="package.json:3", hint="mend it", tail=("\x1b[31mboom",)
    )
    failed = report(State.FAILED, problem=problem)
    said.see(0, failed)
    said.see(1, failed)
    assert said.lines == [
        "hello  failed",
        "hello  problem: npm failed",
        "  where: package.json:3",
        "  | boom",
        "  hint: mend it",
    ]
    said.see(2, dataclasses.replace(failed, problem=dataclasses.replace(problem, since=2.0)))
    assert len(said.lines) == 9


def test_a_draft_that_goes_is_told_once(said):
    said.see(0, report(State.REMOVING))
    said.board.forget(DraftId("hello"))
    said.board.forget(DraftId("hello"))
    assert said.lines == ["hello  removing", "hello  removed"]


def test_on_a_terminal_steps_stand_in_the_table_only(said):
    said.board = said.make(steps=False)
    said.see(0, building("install"))
    said.time = 12.0
    assert said.lines == []
    assert "building (install, 12 s)" in drawn(said.board)


def test_the_table_fits_the_terminal_and_shows_what_is_busy_first(said):
    for number in range(50):
        said.see(0, report(State.READY, id=DraftId(f"d{number:02}")))
    assert not said.board.busy
    said.see(0, report(State.STARTING, id=DraftId("zz")))
    assert said.board.busy
    lines = drawn(said.board, height=16).splitlines()
    assert len(lines) == 12
    assert lines[1].startswith("zz")
    assert lines[-1] == "and 41 more"


def drawn(board, height=30):
    console = Console(width=100, height=height, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(board.render(height))
        return console.export_text()


@pytest.mark.parametrize(
    ("url", "kind", "line"),
    [
        (
            "http://hello.localhost:8080/",
            AddressKind.HOST,
            "curl -H 'Host: hello.localhost:8080' http://127.0.0.1:8080/",
        ),
        ("http://hello.example.org/", AddressKind.HOST, ""),
        ("http://localhost:8080/api/draft/hello", AddressKind.PATH, ""),
    ],
)
def test_curl_gets_a_line_for_hosts_that_it_may_not_resolve(url, kind, line):
    shown = report(State.READY, url=url, target=Target(address=None, kind=kind))
    assert curl_line(shown, "127.0.0.1:8080") == line


def test_what_rests_has_no_running_time():
    for state in (State.READY, State.FAILED, State.PAUSED):
        assert Moment.of(report(state)).within(99.0) == state.value


def test_a_repair_is_told_once_and_counted_when_it_is_live(said):
    repair = Repair(code="webpack", step="build", summary="built with webpack", reason="no")
    tried = a_build(1, status=BuildStatus.RUNNING, step="build", repairs=(repair,))
    said.see(0, building("build"))
    said.see(5, report(build=tried))
    said.see(6, report(build=tried))
    said.see(9, report(State.READY, serving=ReleaseId("r1"), build=a_build(1, repairs=(repair,)), repairs=(repair,)))
    told = [line for line in said.lines if "webpack" in line]
    assert told == ["hello  build tried again: built with webpack [webpack]"]
    assert "hello  live after 9.0 s with 1 repair (r1)" in said.lines

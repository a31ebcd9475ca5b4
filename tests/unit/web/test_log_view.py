"""What a page shows of a line of a log, and of a step."""

from drafterd.domain.log_lines import LineKind, LogLine
from drafterd.domain.model import BuildStatus, Problem
from drafterd.web.log_view import label, rows, state_of
from tests.builders import a_build

FIRST = 1795491000.0  # 2026-11-24T03:30:00Z


def line(text, *, time="2026-11-24T03:31:05.250Z", kind=LineKind.OUTPUT):
    return LogLine(1, time, kind, "build", text)


def test_a_row_has_its_time_since_the_build_began_and_its_text_escaped():
    html = str(rows([line("\x1b[31m<b>\x1b[2J\x07")], began=FIRST))
    assert html == (
        '<div class="line"><time datetime="2026-11-24T03:31:05.250Z" title="2026-11-24T03:31:05.250Z">1:05.2</time>'
        '<span><span class="c1">&lt;b&gt;\ufffd</span></span></div>'
    )
    assert "<time></time>" in rows([line("x", time="")], began=FIRST)
    assert 'line ours"' in rows([line("x", kind=LineKind.NOTE)], began=FIRST)
    assert rows([line("build", kind=LineKind.STEP)], began=FIRST) == ""


def test_how_a_step_stands():
    steps = {"install": 1.0}
    running = a_build(1, status=BuildStatus.RUNNING, steps=steps)
    assert [state_of(running, step) for step in ("install", "build")] == ["done", "now"]
    failed = a_build(1, status=BuildStatus.FAILED, steps=steps, problem=Problem(code="x", summary="x"))
    assert [state_of(failed, step) for step in ("install", "build")] == ["done", "failed"]
    assert state_of(a_build(1, status=BuildStatus.CANCELLED), "build") == "ended"
    assert state_of(a_build(1), "build") == "done"


def test_steps_have_names():
    assert (label("install"), label("x<"), label("")) == ("Install dependencies", "x<", "Log")

"""What commands print: harmless on a terminal, plain for programs."""

import io

import pytest

from drafterd.cli import output
from drafterd.domain.errors import ConfigError


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "0;titleafter"),
        ("\x1b[2J\x1b[Hgone?", "gone?"),
        ("a\rb\nc\td", "a b c d"),
        ("bell\x07", "bell"),
        ("\u202eevil", "\N{REPLACEMENT CHARACTER}evil"),
        ("nul\x00", "nul\N{REPLACEMENT CHARACTER}"),
        ("äöü ✓", "äöü ✓"),
    ],
)
def test_nothing_of_a_draft_steers_the_terminal(hostile, shown):
    cleaned = output.clean(hostile)
    assert "\x1b" not in cleaned
    assert " ".join(cleaned.split()) == shown


def test_long_lines_are_cut():
    assert len(output.clean("x" * 100_000)) == output.LINE_MAX


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (-1, "0.0 s"), (0.44, "0.4 s"), (36.2, "36 s"), (125, "2 min 5 s"), (11_400, "3 h 10 min")],
)
def test_durations(seconds, text):
    assert output.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, ""), (512, "512 B"), (98_566_144, "94 MB"), (3 * 1024**4, "3.0 TB")]
)
def test_sizes(count, text):
    assert output.size(count) == text


def test_without_a_terminal_there_is_no_colour_and_no_folding(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr("sys.stdout", file)
    output.write_table(("DRAFT", "X"), [("hello", "long " * 100)], empty="none")
    assert "\x1b" not in file.getvalue()
    assert len(file.getvalue().splitlines()) == 2


def test_an_error_says_what_and_how_to_mend_it(capsys):
    output.complain(ConfigError("one\ntwo \x1b[31m", hint="do this"))
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.rstrip() for line in err.splitlines()] == ["error: one", "error: two", "hint:  do this"]


def test_a_problem_shows_who_can_mend_it_and_what_could_be_done():
    problem = {"summary": "s", "mend": "draft", "proposals": ["p \x1b[2J"], "excerpt": ["> 3 | x"], "tail": ["t"]}
    assert output.problem_lines(problem) == ["s", "  mend:  whoever wrote it", "  could: p ", "    > 3 | x", "  | t"]


def test_a_repair_is_one_line():
    repair = {"step": "build", "summary": "built\n\x1b[31motherwise", "code": "webpack", "reason": "r"}
    assert output.repair_line(repair) == "build tried again: built otherwise [webpack]"
    assert [output.repaired(count) for count in (1, 2)] == ["1 repair", "2 repairs"]


def test_a_problem_shows_the_end_of_its_log():
    problem = {"summary": "s", "where": "w", "hint": "h", "tail": [f"l{n}" for n in range(50)]}
    lines = output.problem_lines(problem)
    assert lines[:3] == ["s", "  where: w", "  hint:  h"]
    assert lines[-1] == "  | l49"
    assert len(lines) == 3 + output.TAIL_SHOWN

"""A line of a build's log reads back as it was written, and no draft writes lines of ours."""

from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.log_lines import LineKind, LogLine, plain, read, read_all, written

NOW = "2026-11-24T03:30:00.500Z"


@given(st.sampled_from(LineKind), st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_line_reads_back_with_its_kind(kind, text):
    found = read(written(NOW, kind, text), step="build", end=7)
    assert (found.time, found.kind, found.end) == (NOW, kind, 7)
    assert found.text.removeprefix(" ") == text.removeprefix(" ")


def test_marks_of_ours_are_ours_alone():
    for feigned in ("== pack", "-- fine", "\x1b[1m== pack"):
        found = read(written(NOW, LineKind.OUTPUT, feigned), step="build", end=1)
        assert (found.kind, found.step, found.text) == (LineKind.OUTPUT, "build", f" {feigned}")
    assert read(written(NOW, LineKind.STEP, "pack"), step="build", end=1).step == "pack"


def test_lines_without_a_time_are_lines_too():
    assert read("2026 was a year", step="", end=1) == LogLine(1, "", LineKind.OUTPUT, "", "2026 was a year")
    assert read("== build", step="", end=1).marked == "== build"


def test_each_line_knows_where_it_ends_and_its_step():
    found = list(read_all([b"== install", "\u00e4".encode(), b"\xff", b"== build", b""], step="", begin=10))
    assert [(line.end, line.step, line.text) for line in found] == [
        (21, "install", "install"), (24, "install", "\u00e4"), (26, "install", "\ufffd"), (35, "build", "build"),
        (36, "build", ""),
    ]  # fmt: skip


def test_plain_text_has_no_colours():
    assert plain("\x1b[1;31mred\x1b[0m") == "red"

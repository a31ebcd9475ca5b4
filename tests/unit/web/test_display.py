import pytest

from drafterd.web.display import LINE_MAX, clean_line, coloured_line, duration, utc


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("a\x00b\x07", "a\ufffdb\ufffd"),
        ("safe\u202egnp.exe", "safe\ufffdgnp.exe"),
        ("50%\r100%", "100%"),
        ("<b>&", "<b>&"),
        ("   indented \u25b2 \u65e5\u672c", "   indented \u25b2 \u65e5\u672c"),
    ],
)
def test_a_hostile_line_is_made_fit_to_be_shown(line, shown):
    assert clean_line(line) == shown


def test_a_long_line_is_cut():
    assert len(clean_line("x" * 1_000_000)) == LINE_MAX + 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (-1, "0.0 s"), (0.44, "0.4 s"), (36.2, "36 s"), (125, "2 min 5 s"), (11_400, "3 h 10 min")],
)
def test_a_duration_is_short(seconds, text):
    assert duration(seconds) == text


def test_a_time_is_utc():
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert utc(None) is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;9mred", "\x1b[1;38;5;9mred\x1b[0m"),
        ("\x1b[31m\x1b[2Kred\x07\x1b]8;;http://evil\x1b\\link\x1b[m", "\x1b[31mred\ufffdlink\x1b[m"),
        ("a\x1b", "a\ufffd"),
    ],
)
def test_colours_may_stay_and_nothing_else_of_a_terminals(line, shown):
    assert coloured_line(line) == shown


def test_no_colour_is_cut_in_two():
    assert "\x1b" not in coloured_line("\x1b[31m" + "x\x1b[32my" * LINE_MAX)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.fix.dotenv import expand, parse, quoted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A=1", {"A": "1"}),
        (" export A = 1 # c", {"A": "1"}),
        ("A='x # y' # c", {"A": "x # y"}),
        ('A="a\\nb"', {"A": "a\nb"}),
        ("A='a\nb'\nB=2", {"A": "a\nb", "B": "2"}),
        ("A: 1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("#A=1\nB\n=3\nC", {"B": "3"}),
        ("A=\nB=`x'\"`", {"A": "", "B": "x'\""}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_parse(text, wanted):
    assert parse(text) == wanted


def test_references():
    parsed = {"A": "x", "B": "$A-${A}-${N:-d}-\\$A", "C": "${PORT}"}
    assert expand(parsed, {"PORT": "1"}) == {"A": "x", "B": "x-x-d-$A", "C": "1"}


def test_references_in_a_circle_spoil_the_file():
    assert expand({"A": "$B", "B": "$A", "C": "1"}, {}) == {}


VALUES = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("aA$\\'\"`#= \n{}:-1", max_size=20)


@given(VALUES)
def test_what_can_be_written_is_read_back(value):
    form = quoted(value)
    if form is not None:
        assert expand(parse(f"K={form}\nL='#'\n"), {}) == {"K": value, "L": "#"}


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="`"), max_size=60))
def test_every_printable_line_without_a_backtick_can_be_written(value):
    assert quoted(value) is not None or value.endswith("\\") or "\\$" in value


@pytest.mark.parametrize("value", ["'\"`", "a\rb", "it's \"\\n` "])
def test_what_cannot_be_written_is_refused(value):
    assert quoted(value) is None

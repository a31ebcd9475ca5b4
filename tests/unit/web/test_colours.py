"""Colours become classes, and nothing else of a line becomes anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.web.colours import to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("\x1b[31m<i>\x1b[0m x", '<span class="c1">&lt;i&gt;</span> x'),
        ("\x1b[1;92mok", '<span class="b c2">ok</span>'),
        ("\x1b[1mbold\x1b[22mnot", '<span class="b">bold</span>not'),
        ("\x1b[2m\x1b[3m\x1b[4mx\x1b[24my", '<span class="d i u">x</span><span class="d i">y</span>'),
        ("\x1b[41;97m FAIL \x1b[49mx\x1b[39my", '<span class="c7 g1"> FAIL </span><span class="c7">x</span>y'),
        ("\x1b[38;5;9mx", '<span class="c1">x</span>'),
        ("\x1b[38;5;196mx", '<span class="c1">x</span>'),
        ("\x1b[38;5;244mx", "x"),
        ("\x1b[38;2;10;200;20mx", '<span class="c2">x</span>'),
        ("\x1b[48;2;255;0;255mx", '<span class="g5">x</span>'),
        ("\x1b[38;2;9;9;9mx", "x"),
        ("\x1b[38;5;999mx\x1b[38mx\x1b[38;2;1mx\x1b[38;7mx", "xxxx"),
        ("\x1b[mx\x1b[999mx\x1b[;;;mx", "xxx"),
        ("\x1b[31m\x1b[32m", ""),
    ],
)
def test_a_line_becomes_spans(text, html):
    assert str(to_html(text)) == html


@given(st.text(alphabet="\x1b[]m0123456789;:<>&\"'ab", max_size=60))
def test_no_tag_but_ours_comes_out(text):
    html = str(to_html(text))
    rest = html.replace("</span>", "").replace('<span class="', "")
    assert "<" not in rest
    assert html.count("<span") == html.count("</span>")

"""Whatever a file holds: outside of the values nothing changes, and a second look finds nothing to do."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drafterd.fix import FixSettings, apply, propose
from drafterd.fix.literals import Literal, Match, Unparsable, literals, replaced
from tests.unit.fix.folders import folder

SIGN = re.compile(r"(?<!\w)SECRET\d(?!\w)")
NAMES = {f"SECRET{number}": f"K{number}" for number in range(10)}
KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"


def find(content):
    return [
        Match(name=NAMES[hit[0]], start=hit.start(), end=hit.end(), value=hit[0], secret=True)
        for hit in SIGN.finditer(content)
    ]


def rewrite(name, text):
    found = [each for each in literals(name, text, find) if not each.obstacle]
    return replaced(text, found), found


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
INSIDE = st.text(st.sampled_from("aé😀 \t/:${}<&.-=SECRET1"), max_size=10)
VALUE = st.sampled_from(["SECRET1", "SECRET2", "Bearer SECRET1", "SECRET1 SECRET2", "x SECRET3/"])
PIECES = st.one_of(
    st.builds("const a = '{}{}'\n".format, VALUE, st.just("")),
    st.builds("f('{}', \"{}\")\r\n".format, VALUE, INSIDE),
    st.builds("f(`{}${{g('{}')}} {}`)\n".format, VALUE, VALUE, VALUE),
    st.builds("x = process.env.K1 ?? '{}'\n".format, VALUE),
    st.builds("// {}\n".format, INSIDE),
    st.builds("/* {} {} */\n".format, VALUE, st.text(st.sampled_from("aé😀 '\"`\n"), max_size=8)),
    st.builds("const r = /{}'/\n".format, VALUE),
    st.builds("'{}'\n".format, VALUE),
    st.builds("o = {{ '{}': '{}', b: ['{}'] }}\n".format, VALUE, VALUE, VALUE),
    st.builds("if ('{}'===a||a!=='{}') {{}}\n".format, VALUE, VALUE),
    st.builds("export const config = '{}'\n".format, VALUE),
    st.just("é = '😀é'\r\n\t"),
)


@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(["a.ts", "a.js", "a.tsx", "a.mjs"]))
@example("f('é😀', 'SECRET1')\r\n", "a.ts")
@example("f(`SECRET1 ${`SECRET2 ${'SECRET3'}`}`)", "a.ts")
def test_all_outside_of_the_values_stays_and_a_second_look_changes_nothing(text, name):
    try:
        new, chosen = rewrite(name, text)
    except Unparsable:
        return
    again, more = rewrite(name, new)
    assert again == new
    assert not more
    spans = sorted(splice for each in chosen for splice in each.splices)
    done, rest = 0, new
    for start, end, put in spans:
        kept = text[done:start]
        assert rest.startswith(kept + put)
        rest, done = rest[len(kept + put) :], end
    assert rest == text[done:]


@given(TEXT)
def test_no_text_at_all_is_harmful(text):
    try:
        new, chosen = rewrite("a.ts", text)
    except Unparsable:
        return
    assert chosen or new == text


@given(TEXT, TEXT)
def test_a_string_means_the_same_as_a_template(before, after):
    quoted = (before + "SECRET1" + after).translate({ord(each): None for each in "'\\\n\r\u2028\u2029"})
    try:
        new, chosen = rewrite("a.ts", f"f('{quoted}')")
    except Unparsable:
        return
    if chosen and new.startswith("f(`"):
        meant = re.sub(r"(?<!\\)\$\{process\.env\.K(\d)\}", r"SECRET\1", new[3:-2])
        assert meant.replace("\\`", "`").replace("\\${", "${") == quoted


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_mark_and_line_ends_stay(tmp_path, mark, newline):
    lines = ["// é😀", f"const k = '{KEY}'", "\tf( )  ", ""]
    root = folder(tmp_path / "d", {"package.json": '{"dependencies":{"next":"16"}}'})
    (root / "auth.ts").write_bytes(mark + newline.join(lines).encode())
    apply(propose(root, port=3001, settings=FixSettings()))
    wanted = newline.join(lines).replace(f"'{KEY}'", "process.env.GROQ_API_KEY!")
    assert (root / "auth.ts").read_bytes() == mark + wanted.encode()


def test_a_place_in_broken_text_is_told():
    with pytest.raises(Unparsable) as caught:
        literals("a.ts", "f()\n  let = = 'SECRET1'", find)
    assert caught.value.line == 2


def test_a_literal_that_is_no_value_says_nothing():
    (found,) = literals("a.ts", "import 'SECRET1'", find)
    assert isinstance(found, Literal)
    assert found.is_silent
    assert not found.splices

"""Secret values are found in every spelling, and words that say nothing stay."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.masking import Mask, is_secret, secrets

VALUE = 's3cr/t value&+ü"x'
PEM = "-----BEGIN EXAMPLE KEY-----\nplaceholderPemLine\n  indented-line-two\n}\n-----END EXAMPLE KEY-----\n"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("KEY", "12345678", True),
        ("KEY", "1234567", False),
        ("NEXT_PUBLIC_KEY", "12345678", False),
        ("VITE_KEY", "12345678", False),
        ("NEXTAUTH_URL", "https://drafts.example.com/api/draft/hello", False),
        ("GROQ_BASE_URL", "https://user:a-password@groq.example", True),
        ("DATABASE_URL", "postgresql://u:p@h/d", True),
        ("APP_ENV", "production", False),
        ("APP_ENV", "development", False),
        ("FLAG", "true", False),
        ("APP_URL", "http://localhost:3000", False),
        ("APP_URL", "http://127.0.0.1:3000/api", False),
        ("APP_URL", "http://shop.localhost:8080/", False),
        ("API", "https://api.example.com", False),
        ("HOOK", "https://hooks.example.com/services/T0/B0/xyz", True),
        ("HOOK", "http://localhost:3000/?token=abcdefgh", True),
        ("APP_URL", "http://me:password-of-mine@localhost:3000", True),
    ],
)
def test_which_values_are_secrets(name, value, secret):
    assert is_secret(name, value) is secret
    assert secrets({name: value}) == ({name: value} if secret else {})


@pytest.mark.parametrize(
    "spelling",
    [
        VALUE,
        quote(VALUE, safe=""),
        quote(VALUE, safe="").lower(),
        quote_plus(VALUE),
        quote(VALUE, safe="!'()*"),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        "s3cr/t value&amp;+ü&quot;x",
        's3cr/t \x1b[31mvalue&+ü"x',
    ],
)
def test_a_value_is_found_in_each_spelling(spelling):
    assert Mask({"KEY": VALUE})(f"before {spelling} after") == "before [KEY] after"


@pytest.mark.parametrize("before", [b"", b"u", b"me", b"me:", b"user:"])
def test_a_value_is_found_inside_of_base64(before):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = Mask({"KEY": VALUE})(encode(before + VALUE.encode() + b"!").decode())
        assert "[KEY]" in shown
        assert len(shown.replace("[KEY]", "")) <= len(before) * 2 + 6


def test_the_lines_of_a_value_are_found_and_what_is_too_short_to_be_told_apart_stays():
    mask = Mask({"PEM": PEM})
    assert [mask(line) for line in PEM.splitlines()] == [
        "-----BEGIN EXAMPLE KEY-----", "[PEM]", "  [PEM]", "}", "-----END EXAMPLE KEY-----"
    ]  # fmt: skip
    assert mask(json.dumps({"key": PEM})) == '{"key": "[PEM]\\n"}'
    assert Mask({"PEM": PEM.replace("\n", "\\n")})("placeholderPemLine") == "[PEM]"


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("postgres://me:p%40ss-word-1@db/x", "p%40ss-word-1 p@ss-word-1", "[URL] [URL]"),
        ("postgres://me:p@ss/word-1@db/x", "p@ss/word-1", "[URL]"),
        ("https://api.example.com/x?a=ordinary&api_key=abcdefgh99", "abcdefgh99 ordinary", "[URL] ordinary"),
        ("postgres://postgres:postgres@db/x", "Starting postgres", "Starting postgres"),
        ("postgres://u:password@db/x", "wrong password", "wrong password"),
    ],
)
def test_the_password_of_an_address_is_found_alone(value, text, shown):
    mask = Mask({"URL": value})
    assert mask(text) == shown
    assert mask(value) == "[URL]"


def test_the_longer_of_two_values_counts_and_what_overlaps_is_one():
    mask = Mask({"SHORT": "abcdefgh", "LONG": "abcdefgh-and-more", "NEXT": "and-more-and-more"})
    assert mask("abcdefgh-and-more abcdefgh") == "[LONG] [SHORT]"
    assert mask("abcdefgh-and-more-and-more.") == "[LONG]."


def test_a_value_that_was_cut_off_is_hidden():
    mask = Mask({"KEY": "tell-nobody-of-this"})
    assert mask.cut("x tell-no") == "x [KEY]"
    assert mask.cut("x tel") == "x tel"
    assert Mask({}).cut("x tell-no") == "x tell-no"


def test_stars_keep_every_byte_in_its_place():
    mask = Mask({"KEY": "grüße-an-alle"})
    data = "ü grüße-an-alle ü grüße-an".encode()
    assert mask.starred(data) == "ü *************** ü grüße-an".encode()
    assert mask.starred(data, cut=True) == "ü *************** ü **********".encode()
    assert mask.longest >= len("grüße-an-alle".encode())


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_stars_hide_it_among_any_bytes(before, after):
    mask = Mask({"KEY": "open-sesame-1"})
    shown = mask.starred(before + b"open-sesame-1" + after)
    assert len(shown) == len(before) + 13 + len(after)
    assert b"open-sesame-1" not in shown


@given(
    st.lists(st.sampled_from([b"abcdefgh", b"-and-more", b"abc", b"\n", b"and", b"\xfc", b"e"]), max_size=12), st.data()
)
def test_however_a_stream_is_cut_the_same_is_masked(pieces, data):
    mask = Mask(
        {"SHORT": "abcdefgh", "LONG": "abcdefgh-and-more", "NEXT": "and-more-and-more", "LINES": "abc\nand\nabc"}
    )
    printed, shown, waiting = b"".join(pieces), b"", b""
    while printed:
        many = data.draw(st.integers(1, len(printed)))
        waiting, printed = waiting + printed[:many], printed[many:]
        whole = mask.whole(waiting)
        shown, waiting = shown + mask.named(waiting[:whole]), waiting[whole:]
    assert shown + mask.named(waiting) == mask.named(b"".join(pieces))


def test_a_stream_waits_for_no_more_than_it_must():
    mask = Mask({"KEY": "tell-nobody-of-this"})
    assert [mask.whole(text) for text in (b"", b"ready\n", b"> ", b"a tell-nob", b"a tell-nobody-of-this", b"a tell-nobodies")] == [
        0, 6, 2, 2, 21, 15
    ]  # fmt: skip
    endless = Mask({"KEY": "aaaaaaaaaaaa"})
    assert endless.whole(b"a" * 10_000) > 9_000, "or a draft could fill the memory"


def test_without_secrets_nothing_is_touched():
    assert Mask({})("anything \x1b[31mred") == "anything \x1b[31mred"
    assert Mask({"KEY": "12345678"})("short") == "short"


def test_many_values_and_long_lines_cost_little():
    mask = Mask({f"KEY{number}": f"value-number-{number}-of-many" for number in range(300)})
    mask("x")
    began = time.process_time()
    mask("no secret in this line, " * 40_000)
    assert time.process_time() - began < 2.0

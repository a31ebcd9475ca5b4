"""What stands before a program's log inside supervisord."""

from drafterd.domain.masking import Mask
from drafterd.run import masked_output
from drafterd.run.masked_output import MaskedOutput


def test_what_takes_too_long_to_mask_ends_the_output_and_says_so():
    written: list[bytes] = []
    output = MaskedOutput(Mask({"KEY": "tell-nobody-of-this"}), written.append, patience=-1.0)
    output.take(b"tell-nobody-of-this and tell-no")
    output.take(b"body-of-this")
    output.end()
    assert b"".join(written[:-1]) == b"[KEY] and tell-no"
    assert b"left out" in written[-1]


def test_ordinary_output_never_ends():
    written: list[bytes] = []
    output = MaskedOutput(
        Mask({f"KEY{number}": f"value-{number}-of-many-values" for number in range(100)}), written.append
    )
    line = b"GET /a/path 200 in 13 ms, with a word or two beside it\n"
    for _ in range(10):
        output.take(line * 2000)
    output.end()
    assert b"".join(written) == line * 20_000


def test_so_many_values_are_looked_for_the_shortest_first():
    values = {"LONG": "x" * 30_000, "LONGER": "y" * 31_000, "SHORT": "a-short-one"}
    assert masked_output._bounded(values).keys() == {"SHORT", "LONG"}

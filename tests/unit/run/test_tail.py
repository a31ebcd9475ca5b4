"""The end of a log, as it may be shown."""

from pathlib import Path

from drafterd.domain.masking import Mask
from drafterd.run.tail import length, tail


def test_the_last_lines_without_control_characters(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(100)) + b"\x1b[31mred\x1b[0m\x07\x00 \xff\r\n")
    lines = tail(log)
    assert len(lines) == 40
    assert lines[-1] == "red \ufffd"
    assert lines[0] == "line 61"


def test_a_title_and_other_sequences_vanish_whole(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("\x1b]0;title\x07a\x1b[2Kb\x1b[?25lc\x9b\n")
    assert tail(log) == ("abc",)


def test_secrets_are_masked_and_long_lines_cut(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("key=open-sesame-1 and open-sesame\n" + "x" * 1000 + "\n")
    lines = tail(log, mask=Mask({"KEY": "open-sesame-1", "WORD": "open-sesame"}))
    assert lines == ("key=[KEY] and [WORD]", "x" * 400)


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 1_000_000 + b"\nlast\n")
    assert tail(log) == ("last",)


def test_no_log_and_no_link(tmp_path: Path):
    assert tail(tmp_path / "log") == ()
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    assert tail(tmp_path / "log") == ()


def test_what_an_earlier_start_printed_is_left_out(tmp_path: Path):
    log = tmp_path / "log"
    assert length(log) == 0
    log.write_text("before\n")
    start = length(log)
    log.write_text("before\nafter\n")
    assert tail(log, since=start) == ("after",)
    assert tail(log, since=start + 100) == ("before", "after")
    log.write_text("anew\n")
    assert tail(log, since=start) == ("anew",)

"""What a draft prints becomes text and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from drafterd.build.log import BuildLog, sanitise
from drafterd.build.reading import last, tail
from drafterd.domain.log_lines import LineKind, plain
from drafterd.lines import CUT
from tests.builders import eventually


def test_colours_stay_and_everything_else_that_steers_a_terminal_goes():
    assert sanitise(b"\x1b[31mred\x1b[0m") == "\x1b[31mred\x1b[0m"
    assert sanitise(b"\x1b[2J\x1b[Hgone\x1b]0;title\x07!") == "gone!"
    assert sanitise(b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\") == "link"
    assert sanitise(b"a\x07b\x00c\x9bd") == "a\ufffdb\ufffdc\ufffdd"
    assert sanitise("dir\u202eection\u2028line\x85".encode()) == "dir\ufffdection\ufffdline\ufffd"
    assert sanitise(b"10%\r20%\r") == "10% 20%"
    assert sanitise(b"tab\tstays \xc3\xa4 \xff") == "tab\tstays \u00e4 \ufffd"
    assert sanitise(b"\x1b") == "\ufffd"


@given(st.binary(max_size=200))
def test_no_control_character_survives_but_colours_and_tabs(data):
    text = plain(sanitise(data))
    assert not [character for character in text if ord(character) < 32 and character != "\t"]
    assert not [character for character in text if 0x7F <= ord(character) < 0xA0]
    assert len(text.splitlines()) <= 1


@given(st.text(alphabet="\x1b[]m0;?\x07\\ab", max_size=40))
def test_escapes_cannot_be_made_from_what_is_left(text):
    once = sanitise(text.encode())
    assert "\x1b" not in plain(once)


async def test_lines_have_times_and_steps_have_marks(tmp_path):
    log = BuildLog(tmp_path / "log" / "build-1.log", limit=10_000, clock=lambda: 1795491000.5)
    log.step("install")
    log.line(b"added 2 packages")
    log.note("a word of ours")
    log.close()
    assert tail(tmp_path / "log" / "build-1.log", 10) == (
        "2026-11-24T03:30:00.500Z == install",
        "2026-11-24T03:30:00.500Z added 2 packages",
        "2026-11-24T03:30:00.500Z -- a word of ours",
    )


async def test_a_line_is_on_disk_soon_without_any_more(tmp_path):
    path = tmp_path / "a.log"
    log = BuildLog(path, limit=10_000)
    log.line(b"hello")
    await eventually(lambda: b"hello" in path.read_bytes(), within=5, every=0.01)
    log.close()


async def test_secrets_never_reach_the_disk_nor_the_problem(tmp_path):
    secrets = {"KEY": "s3cret/value", "LONGER": "s3cret/value-and-more", "KEY_TWO": "two\nlonger lines\n}"}
    log = BuildLog(tmp_path / "a.log", limit=10_000, secrets=secrets)
    log.line(b"\x1b[1mkey=s3cret/value, longer=s3cret/value-and-more url=s3cret%2Fvalue longer lines } two")
    log.note("note s3cret/value")
    log.close()
    text = (tmp_path / "a.log").read_text()
    assert "s3cret" not in text + "".join(log.lines)
    assert "key=[KEY], longer=[LONGER] url=[KEY] [KEY_TWO] } two" in text


async def test_a_log_has_an_end_however_much_is_printed(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=1000)
    for _ in range(1000):
        log.line(b"x" * 50)
    log.close()
    text = (tmp_path / "a.log").read_text()
    assert len(text) < 1200
    assert text.endswith("-- the log has reached 1000 bytes: the rest is left out\n")


async def test_lines_are_those_of_the_step_and_recent_those_of_all(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=10_000)
    log.line(b"\x1b[31mone")
    log.step("build")
    log.line(b"two")
    assert list(log.lines) == ["two"]
    log.again("once more")
    log.close()
    assert not log.lines
    assert log.recent == ("one", "two")


async def test_no_draft_can_write_marks_of_ours(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=10_000)
    log.step("build")
    for line in (b"== pack", b"-- all is well", b"\x1b[1m== pack", b"===", b"--x"):
        log.line(line)
    log.close()
    kinds = [(line.kind, line.step) for line in last(tmp_path / "a.log", 10)]
    assert kinds == [(LineKind.STEP, "build"), *[(LineKind.OUTPUT, "build")] * 5]


async def test_what_is_learnt_later_is_hidden_from_then_on(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=10_000, secrets={"KEY": "first-secret"})
    log.hide({"npmrc:1": "npm_0123456789"})
    log.line(b"first-secret npm_0123456789")
    log.close()
    assert log.lines == ("[KEY] [npmrc:1]",)
    assert log.mask("npm_0123456789") == "[npmrc:1]"


async def test_a_secret_that_the_end_of_a_long_line_cuts_in_two_is_hidden_too(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=100_000, secrets={"KEY": "tell-nobody-of-this"})
    log.line(b"x tell-nob" + CUT)
    log.close()
    assert log.lines == ("x [KEY] [the rest of this line is left out]",)


async def test_of_long_lines_the_begin_is_looked_through(tmp_path):
    log = BuildLog(tmp_path / "a.log", limit=100_000)
    log.line(b"x" * 8000)
    log.close()
    assert [len(line) for line in (*log.lines, *log.recent)] == [2000, 2000]
    assert tail(tmp_path / "a.log", 1)[0].endswith("x" * 8000)

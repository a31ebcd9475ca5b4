"""What a draft prints becomes text and nothing else."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from drafterd.build.log import BuildLog, follow, plain, sanitise, tail
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
    secrets = {"KEY": "s3cret/value", "LONGER": "s3cret/value-and-more", "KEY_TWO": "two\nlines"}
    log = BuildLog(tmp_path / "a.log", limit=10_000, secrets=secrets)
    log.line(b"\x1b[1mkey=s3cret/value, longer=s3cret/value-and-more url=s3cret%2Fvalue lines")
    log.note("note s3cret/value")
    log.close()
    text = (tmp_path / "a.log").read_text()
    assert "s3cret" not in text + "".join(log.lines)
    assert "key=[KEY], longer=[LONGER] url=[KEY] [KEY_TWO]" in text


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


def test_the_tail_of_a_long_file_and_of_none(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("".join(f"{number} {'x' * 500}\n" for number in range(2000)))
    assert [line.split()[0] for line in tail(path, 3)] == ["1997", "1998", "1999"]
    assert len(tail(path, 5000)) == 2000
    assert tail(path, 0) == ()
    assert tail(tmp_path / "none", 5) == ()


async def test_following_gives_each_line_once_and_resumes_at_an_offset(tmp_path):
    path = tmp_path / "a.log"
    ended = False
    seen: list[tuple[int, str]] = []

    async def read() -> None:
        seen.extend([pair async for pair in follow(path, 0, lambda: ended)])

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        await asyncio.sleep(0)
        with path.open("w") as file:
            for text in ("one\ntw", "o\n", "three"):
                file.write(text)
                file.flush()
                await asyncio.sleep(0)
        ended = True
    assert seen == [(4, "one"), (8, "two"), (13, "three")]
    assert [line async for _, line in follow(path, 4, lambda: True)] == ["two", "three"]
    assert [line async for _, line in follow(path, 1000, lambda: True)] == ["one", "two", "three"]
    assert [line async for _, line in follow(tmp_path / "none", 0, lambda: True)] == []

"""Logs of builds are read from their end, from any byte on, and around what went wrong."""

import asyncio

from drafterd.build.reading import around_error, follow, last, tail
from drafterd.domain.log_lines import LineKind
from drafterd.domain.model import Problem


def test_the_tail_of_a_long_file_and_of_none(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("".join(f"{number} {'x' * 500}\n" for number in range(2000)))
    assert [line.split()[0] for line in tail(path, 3)] == ["1997", "1998", "1999"]
    assert len(tail(path, 5000)) == 2000
    assert tail(path, 0) == ()
    assert tail(tmp_path / "none", 5) == ()


NOW = "2026-11-24T03:30:00.500Z"


def a_log(path, *lines):
    """A log and where each of its lines ends."""
    text = [f"{NOW} {line}\n" for line in lines]
    path.write_text("".join(text))
    return [len("".join(text[: number + 1]).encode()) for number in range(len(text))]


async def texts(path, offset):
    found = [line async for lines in follow(path, offset, lambda: True) for line in lines]
    return [(line.end, line.step, line.text) for line in found]


def test_the_last_lines_know_their_step(tmp_path):
    path = tmp_path / "a.log"
    ends = a_log(path, "== install", "added", "== build", *("x" * 8000 for _ in range(900)), "last \u00e4")
    found = last(path, 2)
    assert [(line.step, line.text, line.kind, line.time) for line in found[1:]] == [
        ("build", "last \u00e4", LineKind.OUTPUT, NOW)
    ]
    assert [line.end for line in found] == ends[-2:]
    assert [line.text for line in last(path, 10**6)][:3] != []
    assert last(path, 10**6)[-1].end == ends[-1]
    assert last(tmp_path / "none", 5) == ()
    a_log(path, "== install", "added", "-- ours", "== build")
    assert [(line.kind, line.step, line.text) for line in last(path, 10)] == [
        (LineKind.STEP, "install", "install"),
        (LineKind.OUTPUT, "install", "added"),
        (LineKind.NOTE, "install", "ours"),
        (LineKind.STEP, "build", "build"),
    ]


async def test_following_gives_each_line_once(tmp_path):
    path = tmp_path / "a.log"
    ended = False
    seen: list[tuple[int, str]] = []

    async def read() -> None:
        async for lines in follow(path, 0, lambda: ended):
            seen.extend((line.end, line.text) for line in lines)

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


async def test_following_is_taken_up_at_any_byte_with_the_step_that_it_stands_in(tmp_path):
    path = tmp_path / "a.log"
    ends = a_log(path, "== install", "one", " == build", "two == build", "== pack", "three")
    whole = await texts(path, 0)
    assert [step for _, step, _ in whole] == ["install", "install", "install", "install", "pack", "pack"]
    for number, end in enumerate(ends):
        assert await texts(path, end) == whole[number + 1 :]
        assert await texts(path, end - 3) == whole[number:]  # inside of a line: that line again, and whole
    assert await texts(path, ends[-1] + 1000) == whole  # another file: from its begin
    assert await texts(tmp_path / "none", 0) == []
    path.write_text("one\ntwo\nhalf")
    assert await texts(path, 4) == [(8, "", "two"), (12, "", "half")]


async def test_a_log_that_is_begun_anew_is_followed_from_its_begin(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("long enough\n")
    lines = follow(path, 0, lambda: False)
    assert [line.text for line in await anext(lines)] == ["long enough"]
    path.write_text("new\n")
    assert [line.text for line in await anext(lines)] == ["new"]


def failed_at(path, summary, *lines, step="build"):
    a_log(path, *lines)
    problem = Problem(code="build-failed", summary=summary, step=step)
    found, first = around_error(path, problem, path.parent / "builds" / "7")
    return [line.text for line in found], first


def test_the_first_error_has_ten_lines_before_and_after_it(tmp_path):
    many = [f"line {number}" for number in range(40)]
    lines, first = failed_at(tmp_path / "a.log", "Error: boom", "== build", *many, "\x1b[31mError: boom\x1b[0m", *many)
    assert (len(lines), first) == (21, 10)
    assert (lines[0], lines[9], lines[20]) == ("line 30", "line 39", "line 9")


def test_the_error_is_looked_for_in_the_last_try_of_its_step(tmp_path):
    lines, first = failed_at(
        tmp_path / "a.log", "Error: boom", "== install", "Error: boom", "== build", "Error: boom", "one",
        "-- tried again", "two", "Error: boom", "Error: boom", "-- Error: boom",
    )  # fmt: skip
    assert (lines[first - 1], lines[first], lines[first + 1]) == ("two", "Error: boom", "Error: boom")
    assert lines[0] == "build"


def test_an_error_is_found_under_other_words(tmp_path):
    path = tmp_path / "a.log"
    source = f"{tmp_path}/builds/7/src/app/page.tsx"
    lines, first = failed_at(path, "Error in app/page.tsx:3", "== build", "x", f"Error in {source}:3")
    assert lines[first] == f"Error in {source}:3"
    lines, first = failed_at(
        path, "E404: Not Found - GET x", "== build", "npm error code E404", "npm error Not Found - GET x"
    )
    assert lines[first] == "npm error Not Found - GET x"
    lines, first = failed_at(path, "the build step was too long", "== build", "x", "-- the build step was too long")
    assert (lines[first], first) == ("the build step was too long", 2)
    assert failed_at(path, "nowhere", "== build", *map(str, range(50)))[0][0] == "30"

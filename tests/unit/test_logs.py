"""What the daemon's log looks like to programs; a process of its own writes it, because the set-up is a process's."""

import json
import subprocess
import sys

import pytest

TELL = """
import os, sys
import structlog
from drafterd import logs
if sys.argv[1] == "journal":
    status = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
logs.configure(terminal=False)
log = structlog.get_logger()
log.info("instance.started", instance="hello.r3", port=3001)
log.warning("spec.unreadable", instance="../no\\nname")
log.error("build.io", draft="other", instance="hello.r3")
"""


@pytest.fixture
def told(tmp_path, request):
    file = tmp_path / "stderr"
    with file.open("wb") as stderr:
        subprocess.run([sys.executable, "-c", TELL, request.param], stderr=stderr, check=True, env={})
    return file.read_text().splitlines()


@pytest.mark.parametrize("told", ["file"], indirect=True)
def test_each_line_is_an_object_that_names_its_draft(told):
    started, unreadable, io = map(json.loads, told)
    assert {key: started[key] for key in ("event", "level", "draft", "release", "port")} == {
        "event": "instance.started",
        "level": "info",
        "draft": "hello",
        "release": "r3",
        "port": 3001,
    }
    assert "draft" not in unreadable, "what is no name is told as it is"
    assert unreadable["instance"] == "../no\nname"
    assert io["draft"] == "other"


@pytest.mark.parametrize("told", ["journal"], indirect=True)
def test_the_journal_is_told_how_bad_it_is(told):
    assert [line[:3] for line in told] == ["<6>", "<4>", "<3>"]
    assert json.loads(told[2].removeprefix("<3>"))["level"] == "error"


OTHERS = """
import asyncio, logging, os, sys, threading, warnings
from drafterd import logs
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
logs.configure(terminal=False)
logging.getLogger("aiohttp.access").info("of no concern")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("aiohttp.server").exception("Error handling %s", "a request")
async def leave():
    asyncio.ensure_future(fail())
    await asyncio.sleep(0)
async def fail():
    raise OSError("two\\nlines")
asyncio.run(leave())
warnings.warn("of Python", RuntimeWarning)
thread = threading.Thread(target=int, args=("x",), name="walker")
thread.start()
thread.join()
class Falls:
    def __del__(self):
        raise KeyError("unraisable")
Falls()
raise SystemError("the end")
"""


def test_what_libraries_say_and_what_ends_the_process_are_lines_of_json_too():
    done = subprocess.run([sys.executable, "-c", OTHERS], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    told = [json.loads(line[3:]) for line in lines]
    assert [
        (line[:3], one["event"].splitlines()[0].partition(" was")[0]) for line, one in zip(lines, told, strict=True)
    ] == [
        ("<3>", "Error handling a request"),
        ("<3>", "Task exception"),
        ("<4>", "<string>:18: RuntimeWarning: of Python"),
        ("<3>", "thread.crashed"),
        ("<3>", "error.ignored"),
        ("<2>", "daemon.crashed"),
    ]
    for one, error in (
        (0, "ZeroDivisionError"),
        (1, "OSError: two"),
        (3, "ValueError"),
        (4, "KeyError"),
        (5, "the end"),
    ):
        assert error in told[one]["exception"]
    assert (told[0]["logger"], told[3]["thread"]) == ("aiohttp.server", "walker")

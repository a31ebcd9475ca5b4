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

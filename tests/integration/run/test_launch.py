"""The launcher, as supervisord starts it."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from drafterd.run import launch

SHOW = "import json,os,resource,signal;print(json.dumps([dict(os.environ),os.getcwd(),os.umask(0)]))"


def write(path: Path, **changes: object) -> Path:
    spec = {
        "id": "demo.r1",
        "state": "/state",
        "argv": [sys.executable, "-c", SHOW],
        "cwd": str(path),
        "environment": {"ODD": "a\n`b` \"c\" 'd' %e $f ;g", "DRAFTERD_INSTANCE": "forged.r1", "LC_CTYPE": "C.UTF-8"},
        "limits": {"open_files": None},
    }
    file = path / "spec.json"
    file.write_text(json.dumps(spec | changes))
    file.chmod(0o600)
    return file


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", launch.__file__, *map(str, arguments)]
    environment = {**os.environ, "SECRET_OF_OURS": "x"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)


def test_the_program_gets_exactly_what_the_specification_says(tmp_path: Path):
    result = run(write(tmp_path))
    assert result.returncode == 0, result.stderr
    environment, folder, umask = json.loads(result.stdout)
    assert environment == {
        "ODD": "a\n`b` \"c\" 'd' %e $f ;g",
        "LC_CTYPE": "C.UTF-8",
        "DRAFTERD_INSTANCE": "demo.r1",
        "DRAFTERD_STATE": "/state",
    }
    assert folder == str(tmp_path)
    assert umask == 0o077


MASK = "import json,signal;print(json.dumps([int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])]))"


@pytest.mark.parametrize(("walls", "blocked"), [(True, [signal.SIGTERM]), (False, [])])
def test_walls_are_started_with_term_blocked_and_nothing_else(tmp_path: Path, walls: bool, blocked: list[int]):
    result = run(write(tmp_path, walls=walls, argv=[sys.executable, "-c", MASK]))
    assert json.loads(result.stdout) == blocked


def test_walls_have_no_terminal(tmp_path: Path):
    script = "try:\n open('/dev/tty'); print('has one')\nexcept OSError:\n print('has none')"
    for walls, said in ((True, b"has none"), (False, b"has one")):
        spec = write(tmp_path, walls=walls, argv=[sys.executable, "-c", script])
        pid, terminal = pty.fork()
        if pid == 0:
            launcher = [sys.executable, "-I", "-S", launch.__file__, str(spec)]
            os.execv(sys.executable, [sys.executable, "-c", f"import subprocess; subprocess.run({launcher})"])
        try:
            assert os.read(terminal, 1000).strip() == said
        finally:
            os.waitpid(pid, 0)
            os.close(terminal)


def assert_refused(result: subprocess.CompletedProcess[str], reason: str) -> None:
    assert result.returncode == 78
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert reason in result.stderr


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o601])
def test_a_specification_that_others_may_touch_is_refused(tmp_path: Path, mode: int):
    file = write(tmp_path)
    file.chmod(mode)
    assert_refused(run(file), "by others")


def test_links_folders_pipes_and_nothing_are_refused(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path))
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert_refused(run(link), "symbolic links")
    assert_refused(run(tmp_path / "pipe"), "regular")
    assert_refused(run(tmp_path), "cannot start")
    assert_refused(run(tmp_path / "missing"), "No such file")
    assert_refused(run(), "cannot start")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_specification_of_another_user_is_refused(tmp_path: Path):
    file = write(tmp_path)
    os.chown(file, 12345, 12345)
    assert_refused(run(file), "belongs to user 12345")


@pytest.mark.parametrize(
    "changes",
    [
        {"argv": []},
        {"argv": None},
        {"argv": ["/nowhere/program"]},
        {"cwd": "/nowhere"},
        {"environment": {"A": "nul\0byte"}},
        {"environment": ["A"]},
        {"limits": {"open_files": "many"}},
        {"id": None, "argv": ["relative/program"]},
    ],
)
def test_a_specification_that_makes_no_sense_is_one_clear_line(tmp_path: Path, changes: dict[str, object]):
    assert_refused(run(write(tmp_path, **changes)), "drafterd: cannot start: ")


def test_broken_json_is_one_clear_line(tmp_path: Path):
    file = write(tmp_path)
    file.write_text("{")
    assert_refused(run(file), "cannot start")


AS_ANOTHER = ["setpriv", "--reuid=12345", "--regid=54321", "--clear-groups"]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "folder_owner", "said"),
    [
        (0o2750, 0o640, 1234, ""),
        (0o2750, 0o660, 1234, "may be read or written by others"),
        (0o2750, 0o644, 1234, "may be read or written by others"),
        (0o2770, 0o640, 1234, "may be read or written"),  # others could have put it there
        (0o2757, 0o640, 1234, "may be read or written"),
        (0o750, 0o640, 1234, "may be read or written"),
        (0o2750, 0o640, 4321, "may be read or written"),  # who owns the folder did not write it
    ],
)
def test_the_specification_of_a_daemon_that_is_another_user(folder_mode, file_mode, folder_owner, said):
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "instances"
        folder.mkdir()
        spec = write(folder, cwd="/", argv=["/bin/sh", "-c", "umask"])
        spec.chmod(file_mode)
        os.chown(spec, 1234, 54321)
        os.chown(folder, folder_owner, 54321)
        folder.chmod(folder_mode)
        command = [*AS_ANOTHER, "/usr/bin/python3", "-I", "-S", launch.__file__, str(spec)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert said in result.stderr
        assert (result.returncode == 0) is not bool(said), result.stderr
        if not said:
            assert result.stdout.strip() == "0007", "the daemon is to delete what it makes one day"

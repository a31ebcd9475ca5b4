"""Services that go on with a program of before."""

import os
import shutil
import subprocess

from drafterd.install.program import is_another


def test_a_program_that_was_replaced_while_it_runs_is_told_from_one_that_was_not(tmp_path):
    first, same, other = (tmp_path / name for name in ("first", "same", "other"))
    for copy in (first, same, other):
        shutil.copy("/bin/sleep", copy)
    with other.open("ab") as file:
        file.write(b"another version")
    with subprocess.Popen([first, "60"]) as process:
        try:
            # `Popen` returns when the program runs.
            assert not is_another(process.pid, first)
            assert not is_another(process.pid, same), "the same version in another environment"
            assert is_another(process.pid, other)
            other.replace(first)
            assert is_another(process.pid, first)
        finally:
            process.kill()
    assert not is_another(os.getpid(), tmp_path / "nothing")

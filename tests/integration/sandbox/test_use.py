"""Whose a process is that lost its parent, where something above us adopts it."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]

ADOPTS = """
import ctypes, subprocess, sys
from drafterd import process
from drafterd.sandbox.use import members
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # as a user's systemd does
for mark in ("ours", "other"):
    subprocess.run(["setsid", "--fork", "sleep", "76576"], env={process.MARK: mark, "PATH": "/usr/bin:/bin"}, check=True)
gone = subprocess.Popen(["true"])
gone.wait()
print(len(members(gone.pid, "ours")))
process.sweep(lambda mark: mark in ("ours", "other"))
"""


def test_a_stray_is_found_by_its_mark_below_whoever_adopted_it():
    done = subprocess.run([sys.executable, "-c", ADOPTS], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")

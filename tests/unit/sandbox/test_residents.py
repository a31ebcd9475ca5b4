"""Processes by their user."""

import os
import subprocess
import sys

import pytest

from drafterd.sandbox.residents import end_all, of_users, user_of

STRANGER = 1_999_999_999


def test_it_is_read_from_what_everybody_may_read():
    assert user_of(os.getpid()) == os.geteuid()
    assert os.getpid() in set(of_users(os.geteuid().__eq__))
    with subprocess.Popen(["/usr/bin/true"]) as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        assert user_of(dead.pid) is None, "it has died, and was not reaped"
    assert user_of(dead.pid) is None
    assert list(of_users(lambda _: False)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs others")
def test_all_of_a_user_are_ended_and_nobody_else():
    words = [
        "/usr/bin/setpriv",
        "--reuid",
        str(STRANGER),
        "--clear-groups",
        "/usr/bin/sh",
        "-c",
        "sleep 60 & setsid sleep 61 & sleep 62",
    ]
    with subprocess.Popen(words), subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as mine:
        while len(list(of_users(STRANGER.__eq__))) < 4:
            pass
        end_all(STRANGER)
        assert list(of_users(STRANGER.__eq__)) == []
        assert mine.poll() is None
        mine.kill()

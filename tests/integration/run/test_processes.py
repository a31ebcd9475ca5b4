"""What /proc tells, about processes of our own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drafterd.run import processes
from drafterd.run.orphans import end_leftovers, end_orphans
from drafterd.run.processes import Mark
from drafterd.run.usage import usage
from tests.builders import eventually

FORK = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
child = os.fork()
if child == 0:
    os.setsid()
    time.sleep(1000)
print(child, listener.getsockname()[1], flush=True)
time.sleep(1000)
"""


class Family:
    """A process in a group of its own, marked, that listens and has a child that left the group."""

    def __init__(self, state: str) -> None:
        environment = {"DRAFTERD_INSTANCE": "demo.r1", "DRAFTERD_STATE": state}
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORK], env=environment, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout is not None
        self.child, self.port = map(int, self.process.stdout.readline().split())
        self.pid = self.process.pid

    def end(self) -> None:
        for pid in (self.pid, self.child):
            if processes.alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def state() -> str:
    return f"/nowhere/{os.getpid()}-{os.urandom(4).hex()}"


@pytest.fixture
def family(state: str) -> Iterator[Family]:
    family = Family(state)
    yield family
    family.end()


def test_a_tree_holds_descendants_that_left_the_group(family: Family):
    table = processes.table()
    assert processes.tree(family.pid, table) == {family.pid, family.child}
    assert os.getpid() in table
    assert processes.tree(2**22 + 1, table) == frozenset()


def test_marks_and_listeners(family: Family, state: str):
    assert processes.mark(family.child) == Mark("demo.r1", state)
    assert processes.mark(os.getpid()) is None
    assert processes.marked(lambda mark: mark.state == state) == {family.pid, family.child}
    assert processes.listening([family.pid]) == frozenset({("127.0.0.1", family.port)})
    assert processes.holders(family.port) <= {family.pid, family.child}  # they share it: one of them is named
    assert processes.holders(family.port)
    assert processes.listening([2**22 + 1]) is None


async def test_usage_is_grouped_by_process_group(family: Family):
    await eventually(lambda: usage().get(family.child, 0) > 100_000, within=10)  # it may have only just begun
    assert usage()[family.pid] > 1_000_000


def test_orphans_are_those_outside_the_living_tree(family: Family, state: str):
    # We are the family's parent: it descends from this process.
    assert end_orphans(Path(state), supervisord=os.getpid()) == frozenset()
    assert processes.alive(family.pid)
    # What is younger than a supervisord that it does not descend from is part of an instance that has left its tree.
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as later:
        younger = Family(state)
        assert end_orphans(Path(state), supervisord=later.pid) == frozenset()
        assert not processes.alive(family.pid)
        assert processes.alive(younger.pid)
        younger.end()
        assert later.stdin is not None
        later.stdin.close()


def test_without_a_supervisord_all_of_them_are_orphans(family: Family, state: str):
    assert end_orphans(Path(state), supervisord=None) == frozenset()
    assert not processes.alive(family.pid)
    assert not processes.alive(family.child)


def test_leftovers_are_those_of_one_instance(family: Family, state: str):
    assert end_leftovers(Path(state), "other.r1") == frozenset()
    assert processes.alive(family.child)
    assert end_leftovers(Path(state), "demo.r1") == frozenset()
    assert not processes.alive(family.child)

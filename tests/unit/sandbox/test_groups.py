"""What is written into a control group, and read from it; plain files stand for the kernel's."""

import pytest

from drafterd.domain.interfaces import Exceeded
from drafterd.domain.model import Limits
from drafterd.sandbox import groups
from drafterd.sandbox.group_tree import Tree
from drafterd.sandbox.groups import Group, Groups, kills

SECOND = ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max")


def test_the_second_versions_files_are_written(tmp_path):
    for name in SECOND:
        (tmp_path / name).touch()
    groups._set(tmp_path, groups._settings(Limits(memory=1 << 30, processes=100)))
    assert [(tmp_path / name).read_text() for name in SECOND] == [str(1 << 30), "0", "1", "164"]
    assert {path.name for path in tmp_path.iterdir()} == set(SECOND), "nothing is made that is not there"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n", Exceeded.MEMORY),
        ("memory.events", "low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n", None),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", Exceeded.MEMORY),
        ("memory.oom_control", "oom_kill_disable 1\nunder_oom 1\noom_kill 0\n", None),
        ("pids.events", "max 7\n", Exceeded.PROCESSES),
        ("pids.events", "max 0\n", None),
        ("memory.events", "oom_kill much", None),
    ],
)
def test_what_the_kernel_refused_is_read_from_its_counters(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    assert Group((tmp_path / "gone", tmp_path)).exceeded() is found


def test_a_group_that_cannot_be_made_is_none(tmp_path):
    made = Groups(Tree(version=1, places=(tmp_path / "not there",)), tmp_path)
    assert made.for_build(Limits()) is None
    assert made.for_instance("a.r1", Limits()) is None
    made.sweep()
    made.close()
    assert kills([tmp_path / "gone"]) == 0


def test_each_installation_and_each_build_has_its_own(tmp_path):
    tree = Tree(version=1, places=(tmp_path,))
    one, other = Groups(tree, tmp_path / "one"), Groups(tree, tmp_path / "other")
    found = [made.for_build(Limits()) for made in (one, one, other)]
    assert len({group.folders for group in found if group}) == 3
    assert one.for_instance("a.r1", Limits()) == one.for_instance("a.r1", Limits())
    one.close()
    assert len(list(tmp_path.iterdir())) == 1

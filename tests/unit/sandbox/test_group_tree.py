"""Where control groups may be made, read from what machines say of their mounts."""

import os
from pathlib import Path

import pytest

from drafterd.sandbox import group_tree
from drafterd.sandbox.group_tree import Tree, candidates

SECOND = "29 23 0:26 / {place} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
FIRST = (
    "37 35 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "38 35 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "39 35 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
)
FIRST_OWN = "9:name=systemd:/\n8:pids:/\n4:memory:/a/b\n1:cpu:/\n0::/\n"


def test_the_first_version_has_a_tree_for_each_kind_and_is_roots():
    places = (Path("/sys/fs/cgroup/memory/a/b"), Path("/sys/fs/cgroup/pids"))
    assert candidates(FIRST, FIRST_OWN, user=0) == [Tree(version=1, places=places)]
    assert candidates(FIRST, FIRST_OWN, user=1000) == []


def test_what_is_mounted_of_the_tree_may_begin_further_down():
    mounts = FIRST.replace("0:27 /", "0:27 /docker/x").replace("0:28 /", "0:28 /docker/x")
    own = "8:pids:/docker/x\n4:memory:/docker/x/y\n"
    (found,) = candidates(mounts, own, user=0)
    assert found.places == (Path("/sys/fs/cgroup/memory/y"), Path("/sys/fs/cgroup/pids"))
    assert candidates(mounts, "8:pids:/\n4:memory:/other\n", user=0) == []


@pytest.mark.parametrize("own", ["0::/system.slice/a.service\n", "0::/system.slice/a.service/drafterd-daemon\n"])
def test_the_second_version_is_taken_where_it_was_handed_to_us(tmp_path, own):
    service = tmp_path / "system.slice/a.service"
    (service / "drafterd-daemon").mkdir(parents=True)
    mounts = SECOND.format(place=tmp_path)
    assert candidates(mounts, own, user=1000) == []
    try:
        os.setxattr(service, "user.delegate", b"1")
    except OSError:
        pytest.skip("this file system keeps no such marks")
    assert candidates(mounts, own, user=1000) == [Tree(version=2, places=(service,), delegated=True)]


def test_the_root_group_is_roots_where_nothing_manages_it(tmp_path):
    mounts = SECOND.format(place=tmp_path)
    assert candidates(mounts, "0::/\n", user=0) == [Tree(version=2, places=(tmp_path,))]
    assert candidates(mounts, "0::/\n", user=1000) == []
    assert candidates(mounts, "0::/user.slice\n", user=0) == []
    assert candidates("nonsense\n\n - cgroup2\n", "x\n:::\n", user=0) == []


def test_what_runs_in_a_group_that_was_handed_over_is_moved_aside(tmp_path):
    """The files are plain ones here: version 2 with memory is not on every machine that runs this."""
    (tmp_path / "cgroup.procs").write_text("41\n42\n")
    (tmp_path / "cgroup.subtree_control").touch()
    Tree(version=2, places=(tmp_path,), delegated=True).prepare()
    assert (tmp_path / "drafterd-daemon/cgroup.procs").read_text() == "42"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_where_nothing_can_be_made_there_is_none(tmp_path):
    (tmp_path / "mountinfo").write_text(SECOND.format(place=tmp_path / "gone"))
    (tmp_path / "cgroup").write_text("0::/\n")
    assert group_tree.tree(tmp_path) is None
    assert group_tree.tree(tmp_path / "nowhere") is None

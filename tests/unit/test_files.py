"""Old or new, never half; and no way out of the folder."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drafterd.files import (
    TEMPORARY,
    NotRegular,
    read_regular,
    remove_tree,
    replace_link,
    shared_with,
    swept,
    write_atomic,
)


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "a"
    write_atomic(file, b"one")
    write_atomic(file, b"two", mode=0o600)

    assert file.read_bytes() == b"two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    file = tmp_path / "a"
    write_atomic(file, b"one")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(file, b"two")
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_does_not_go_through_a_link(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "link").symlink_to(secret)

    write_atomic(tmp_path / "link", b"theirs")

    assert secret.read_text() == "mine"


def test_links_pipes_and_giants_are_not_read(tmp_path):
    (tmp_path / "real").write_bytes(b"x" * 10)
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")

    assert read_regular(tmp_path / "real", limit=10) == b"x" * 10
    (tmp_path / "folder").mkdir()
    for name, limit in (("link", 100), ("pipe", 100), ("folder", 100), ("real", 9)):
        with pytest.raises(NotRegular):
            read_regular(tmp_path / name, limit=limit)


def test_a_link_is_replaced_in_one_step(tmp_path):
    link = tmp_path / "current"
    replace_link(link, "releases/r1")
    replace_link(link, "releases/r2")
    assert link.readlink().as_posix() == "releases/r2"
    assert list(tmp_path.iterdir()) == [link]


def test_deletion_follows_no_link_and_is_repeatable(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("x")
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "link").symlink_to(outside)
    (tree / "deep").chmod(0o500)

    remove_tree(tree)
    remove_tree(tree)

    assert not tree.exists()
    assert (outside / "keep").exists()


def test_deletion_goes_deeper_than_any_path(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    place = os.open(tree, os.O_RDONLY)
    for level in range(3000):
        os.mkdir("deep", dir_fd=place)
        inner = os.open("deep", os.O_RDONLY, dir_fd=place)
        os.close(os.open(f"file{level}", os.O_CREAT, dir_fd=inner))
        os.close(place)
        place = inner
    os.mkdir("closed", 0o000, dir_fd=place)
    os.close(place)
    remove_tree(tree)
    assert not tree.exists()


def test_deletion_takes_names_like_its_own(tmp_path):
    tree = tmp_path / "tree"
    (tree / "a" / "b" / "c").mkdir(parents=True)
    (tree / f"{TEMPORARY}0" / "d").mkdir(parents=True)
    (tree / f"{TEMPORARY}1").write_text("x")
    remove_tree(tree)
    assert not tree.exists()


def test_what_a_kill_left_is_swept(tmp_path):
    (tmp_path / f"{TEMPORARY}x.1.ab").write_text("half")
    being_written = tmp_path / f"{TEMPORARY}x.{os.getpid()}.ab"
    being_written.write_text("half")
    (tmp_path / "whole").write_text("x")
    assert len(list(swept(tmp_path))) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([being_written.name, "whole"])


def test_a_folder_is_shared_only_where_its_group_may_look_into_it(tmp_path):
    for mode, shared in ((0o2750, True), (0o2700, False), (0o750, False), (0o2710, False)):
        tmp_path.chmod(mode)
        assert (shared_with(tmp_path) == tmp_path.stat().st_gid) is shared
    assert shared_with(tmp_path / "nothing") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_a_tree_of_another_user_is_removed_where_its_group_may():
    with tempfile.TemporaryDirectory() as place:  # others may not enter pytest's own
        tree_of_another(Path(place))


def tree_of_another(place: Path) -> None:
    top = place / "top"
    inner = top / "theirs" / "deeper"
    inner.mkdir(parents=True)
    (inner / "file").write_text("1")
    for folder in (inner, inner.parent):
        folder.chmod(0o770)
        os.chown(folder, 12345, 54321)
    os.chown(top, 23456, 54321)
    place.chmod(0o755)
    os.chown(place, 23456, 54321)
    with removing_as(23456, 54321):
        remove_tree(top)
    assert not top.exists()


@contextlib.contextmanager
def removing_as(user: int, group: int) -> Iterator[None]:
    """Be another user for a while."""
    own = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(own[0])
        os.setegid(own[1])
        os.setgroups(own[2])

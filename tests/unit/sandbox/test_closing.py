"""Folders are closed by their modes, and opened to one draft's group alone."""

import os
import stat
from pathlib import Path

import pytest

from drafterd.layout import Layout
from drafterd.sandbox import closing


@pytest.fixture
def layout(tmp_path):
    made = Layout(drafts=tmp_path / "drafts", state=tmp_path / "state", run=tmp_path / "run", logs=tmp_path / "log")
    for folder in (made.drafts, made.state, made.run, made.logs):
        folder.mkdir(mode=0o755)
    for name in (
        "drafts/a/builds/1/src",
        "drafts/b/originals",
        "toolchain/managers/pnpm@9/node_modules",
        "cache",
        "routes",
    ):
        (made.state / name).mkdir(parents=True)
    made.toolchain.mkdir()
    (made.state / "open").write_text("x")
    (made.state / "link").symlink_to("/etc/passwd")
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_all_is_closed_but_the_ways_and_the_tools(layout):
    closing.close(layout)
    closing.close(layout)
    for path in (
        layout.drafts,
        layout.run,
        layout.logs,
        *(layout.state / name for name in ("cache", "routes", "open")),
    ):
        assert mode(path) & 0o007 == 0, path
    assert mode(layout.state) & 0o007 == mode(layout.state / "drafts") & 0o007 == 0o001, "passed through, never listed"
    assert mode(layout.state / "drafts/a") == mode(layout.state / "drafts/b") == 0o710
    assert mode(layout.toolchain) == 0o755
    assert Path("/etc/passwd").stat().st_mode & 0o004, "no link is followed"


def test_a_folder_that_everybody_writes_into_is_meant_so(layout):
    layout.drafts.chmod(0o1777)
    assert closing.is_open(layout.drafts)
    closing.close(layout)
    assert mode(layout.drafts) == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to groups")
def test_a_drafts_group_finds_its_way_and_no_other(layout):
    closing.close(layout)
    closing.open_way(layout, "a", layout.state / "drafts/a/builds/1/src", 4711)
    for name in ("a", "a/builds", "a/builds/1"):
        folder = layout.state / "drafts" / name
        assert (folder.stat().st_gid, mode(folder)) == (4711, 0o710)
    assert (layout.state / "drafts/b").stat().st_gid != 4711
    assert (layout.state / "drafts/a/builds/1/src").stat().st_gid != 4711, "it is given by others"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_fetched_manager_is_ours_once_it_lies_among_the_tools(layout):
    manager = layout.managers / "pnpm@9"
    (manager / "pnpm").write_text("#!/bin/sh\n")
    (manager / "pnpm").chmod(0o4770)
    (manager / "data").touch()
    (manager / "data").chmod(0o640)
    (manager / "out").symlink_to("/etc/shadow")
    for path in (manager, *manager.rglob("*")):
        os.chown(path, 4712, 4712, follow_symlinks=False)
    closing.share_tools(layout)
    assert {path.lstat().st_uid for path in (manager, *manager.rglob("*"))} == {0}
    assert (mode(manager / "pnpm"), mode(manager / "data"), mode(manager)) == (0o755, 0o644, 0o755)
    assert not Path("/etc/shadow").stat().st_mode & 0o004


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "in/side").mkdir(parents=True)
    (tmp_path / "in/side/file").touch(mode=0o644)
    for folder in (tmp_path / "in", tmp_path / "in/side"):
        folder.chmod(0o711)
    first = closing.barrier(Path("/usr/bin/env"))
    assert first is None
    (tmp_path / "in").chmod(0o700)
    above = closing.barrier(tmp_path / "in/side/file")
    assert above is not None
    assert above in (tmp_path / "in", *tmp_path.parents)
    assert closing.barrier(tmp_path / "gone") == tmp_path / "gone"
    assert closing.passable(Path("/usr/not/there/yet")) is None
    assert closing.passable(tmp_path / "in/new") is not None


def test_whose_folder_it_is(layout):
    assert closing.draft_of(layout, layout.state / "drafts/a/builds/1") == "a"
    assert closing.draft_of(layout, layout.state / "drafts") is None
    assert closing.draft_of(layout, layout.drafts / "a") is None

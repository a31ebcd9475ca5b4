"""Folders are handed over whole, through no link."""

import os

import pytest

from drafterd.sandbox import ownership

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

USER = 65_534


def owners(folder):
    return {path.relative_to(folder).as_posix(): path.lstat().st_uid for path in [folder, *folder.rglob("*")]}


def test_all_but_what_links_lead_to_is_given(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    own = tmp_path / "own"
    (own / "a/b").mkdir(parents=True)
    (own / "a/b/file").touch()
    (own / "link").symlink_to(outside)
    (own / "a/other").symlink_to(outside / "kept")
    ownership.give(own, USER)
    assert set(owners(own).values()) == {USER}
    assert set(owners(outside).values()) == {0}
    (own / "a/new").touch()
    ownership.give_once(own, USER)
    assert (own / "a/new").stat().st_uid == 0
    ownership.give(own, USER)
    assert (own / "a/new").stat().st_uid == USER


def test_packages_that_are_given_are_not_walked_again(tmp_path):
    (tmp_path / "node_modules/a").mkdir(parents=True)
    ownership.give(tmp_path, USER, done="node_modules")
    (tmp_path / "node_modules/a/file").touch()
    ownership.give(tmp_path, USER, done="node_modules")
    assert (tmp_path / "node_modules/a/file").stat().st_uid == 0
    ownership.give(tmp_path, USER)
    assert (tmp_path / "node_modules/a/file").stat().st_uid == USER


def test_what_is_not_there_needs_no_owner(tmp_path):
    ownership.give(tmp_path / "gone", USER)
    ownership.give_once(tmp_path / "gone", USER)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_name_elsewhere_may_be_left_out(tmp_path):
    (tmp_path / "others").touch()
    own = tmp_path / "own"
    own.mkdir()
    (own / "linked").hardlink_to(tmp_path / "others")
    (own / "alone").touch()
    ownership.give(own, USER, 4711, linked=False)
    assert owners(own) == {".": USER, "linked": 0, "alone": USER}
    assert (own / "alone").stat().st_gid == 4711
    ownership.give(own, USER)
    assert owners(own)["linked"] == USER

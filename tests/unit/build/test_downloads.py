"""What builds share of npm's downloads: contents whose hash is right, and nothing else."""

import hashlib
import os

import pytest

from drafterd.build import downloads


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


@pytest.fixture
def added(tmp_path):
    return tmp_path / "added"


def place(folder, data):
    name = hashlib.sha512(data).hexdigest()
    return folder / "sha512" / name[:2] / name[2:4] / name[4:]


def content(folder, data, *, says=None):
    path = place(folder, data if says is None else says)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def contents(folder):
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_is_what_its_name_says_is_taken_over(shared, added):
    content(added, b"one")
    content(added, b"two")
    downloads.take(shared, added)
    assert place(shared, b"one").read_bytes() == b"one"
    assert contents(shared) == [b"one", b"two"]


def test_what_is_not_is_left(shared, added, tmp_path):
    content(added, b"forged", says=b"one")
    (added / "index-v5").mkdir()
    (added / "index-v5" / "entry").write_bytes(b"another address")
    (added / "sha512" / "loose").write_bytes(b"loose")
    (tmp_path / "token").write_bytes(b"the operator's")
    link = place(added, b"the operator's")
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "token")
    (tmp_path / "by another name").hardlink_to(content(added, b"changed later"))
    os.mkfifo(added / "sha512" / "pipe")
    downloads.take(shared, added)
    assert contents(shared) == []


def test_what_was_damaged_is_mended_by_the_next_build_that_fetches_it(shared, added):
    content(shared, b"damaged", says=b"one")
    content(added, b"one")
    downloads.take(shared, added)
    assert contents(shared) == [b"one"]


def test_a_folder_that_is_a_link_is_not_followed(shared, added, tmp_path):
    content(tmp_path / "other", b"one")
    added.mkdir()
    (added / "sha512").symlink_to(tmp_path / "other" / "sha512")
    downloads.take(shared, added)
    assert not shared.exists()


def test_nothing_added_is_fine(shared, added):
    downloads.take(shared, added)
    assert not shared.exists()

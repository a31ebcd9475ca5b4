"""A stranger's folder, read with care."""

import os
from itertools import pairwise

import pytest

from drafterd import tree
from drafterd.domain.errors import BadDraft, Superseded
from drafterd.tree import TreeLimits


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "draft"
    write(root, {"package.json": "{}", "app/page.js": "1", ".env.local": "SECRET=1", "node_modules/x/index.js": "x"})
    return root


def test_what_tools_make_and_what_is_ours_is_no_source(source):
    write(source, {".draft-failed.json": "{}", ".next/x": "", "app/node_modules/y": ""})
    assert list(tree.scan(source).entries) == [".env.local", "app/page.js", "package.json"]


def test_the_stamp_follows_every_change(source):
    stamps = [tree.scan(source).stamp]
    for change in (
        lambda: write(source, {"app/page.js": "22"}),
        lambda: write(source, {"new.js": ""}),
        (source / "new.js").unlink,
        lambda: os.utime(source / "package.json", ns=(1, 1)),
        lambda: (source / "package.json").chmod(0o755),
    ):
        change()
        stamps.append(tree.scan(source).stamp)
    assert all(before != after for before, after in pairwise(stamps))


def test_the_digest_follows_contents_alone(source):
    first = tree.digest(source, tree.scan(source))
    os.utime(source / "package.json", ns=(1, 1))
    write(source, {".env.local": "SECRET=2"})
    assert tree.digest(source, tree.scan(source)) == first
    write(source, {"app/page.js": "2"})
    assert tree.digest(source, tree.scan(source)) != first


def test_no_content_can_pose_as_another_tree(tmp_path):
    write(tmp_path / "one", {"a": "1", "b": "2"})
    write(tmp_path / "two", {"a": "1b\x00- None\n2"})
    one, two = (tree.digest(root, tree.scan(root)) for root in (tmp_path / "one", tmp_path / "two"))
    assert one != two


def test_a_copy_has_the_digest_of_what_was_copied(source, tmp_path):
    scanned = tree.scan(source)
    (source / "inside").symlink_to("app/page.js")
    scanned = tree.scan(source)

    copied = tree.copy(source, scanned, tmp_path / "copy")

    assert copied == tree.digest(source, scanned)
    assert copied == tree.digest(tmp_path / "copy", tree.scan(tmp_path / "copy"))
    assert not (tmp_path / "copy" / ".env.local").exists()
    assert (tmp_path / "copy" / "inside").readlink().as_posix() == "app/page.js"


@pytest.mark.parametrize(
    "links",
    [
        {"out": "/etc/passwd"},
        {"out": "../../outside"},
        {"app/out": "../../outside"},
        {"a/b/c/up": "..", "out": "a/b/c/up/../../../../outside"},
    ],
)
def test_links_that_leave_the_folder_are_refused(source, tmp_path, links):
    (tmp_path / "outside").write_text("secret")
    (source / "a/b/c").mkdir(parents=True)
    (source / "a/b/c/x").write_text("")
    for name, target in links.items():
        (source / name).symlink_to(target)
    with pytest.raises(BadDraft, match="leaves the folder"):
        tree.copy(source, tree.scan(source), tmp_path / "copy")


def test_a_link_in_the_place_of_the_folder_is_refused(source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(BadDraft):
        tree.scan(tmp_path / "link")


def test_pipes_are_refused(source, tmp_path):
    os.mkfifo(source / "pipe")
    with pytest.raises(BadDraft, match="no regular file"):
        tree.copy(source, tree.scan(source), tmp_path / "copy")


def test_every_walk_is_bounded(source):
    for limits, word in ((TreeLimits(files=2), "files"), (TreeLimits(depth=0), "deeper"), (TreeLimits(size=2), "MB")):
        with pytest.raises(BadDraft, match=word):
            tree.scan(source, limits=limits)


def test_a_file_that_changes_its_kind_is_not_followed(source, tmp_path):
    scanned = tree.scan(source)
    (source / "package.json").unlink()
    with pytest.raises(Superseded):
        tree.digest(source, scanned)
    (source / "package.json").symlink_to("/etc/passwd")
    with pytest.raises(Superseded):
        tree.copy(source, scanned, tmp_path / "copy")


def test_folders_at_the_top_can_be_left_out(source):
    (source / "dist").mkdir()
    (source / "dist" / "index.html").write_text("made by hand")
    (source / "app" / "dist").mkdir(parents=True, exist_ok=True)
    (source / "app" / "dist" / "kept.js").write_text("1")
    found = tree.scan(source)
    rest = found.without({"dist"})
    assert "dist/index.html" in found.entries
    assert "dist/index.html" not in rest.entries
    assert "app/dist/kept.js" in rest.entries
    assert rest.stamp == found.stamp

"""Which files of a release are published, and in which order."""

import os

import pytest

from drafterd.publishing.site import PublishFailed, is_page, site_of
from tests.unit.publishing.sites import ONE, a_site


def test_assets_come_before_pages(tmp_path):
    site = a_site(tmp_path, {**ONE, "sw.js": "", "manifest.json": "{}"})
    assert site.names == ("_next/static/a1.js", "app.js", "docs/index.html", "index.html", "manifest.json", "sw.js")
    assert [name for name in site.names if is_page(name)] == list(site.names[2:])


def test_what_is_not_served_is_not_published(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("SECRET")
    root = tmp_path / "site"
    site = a_site(root, {"index.html": "", ".env": "SECRET", ".git/config": "SECRET", ".well-known/x": "", "a/.b": ""})
    (root / "link.txt").symlink_to(secret / "key")
    (root / "linked").symlink_to(secret)
    os.mkfifo(root / "pipe")
    (root / "a\nb").write_text("")
    (root / os.fsdecode(b"\xff")).write_text("")
    (root / "a b\u202fü.txt").write_text("")
    site = site_of(root, draft="hello", release="r1")
    assert site.names == (".well-known/x", "a b\u202fü.txt", "index.html")
    assert {".env", ".git", "a/.b", "link.txt", "linked", "pipe", "a\nb"} <= set(site.left_out)


def test_folders_deeper_than_what_is_served_are_left_out(tmp_path):
    deep = tmp_path
    for _ in range(70):
        deep = deep / "d"
        deep.mkdir()
    (deep / "x").write_text("")
    (tmp_path / "index.html").write_text("")
    assert site_of(tmp_path, draft="hello", release="r1").names == ("index.html",)


def test_no_link_is_followed_when_a_file_is_read(tmp_path):
    root = tmp_path / "site"
    site = a_site(root, {"a/b.txt": "fine"})
    (tmp_path / "b.txt").write_text("SECRET")
    (root / "a" / "b.txt").unlink()
    (root / "a").rmdir()
    (root / "a").symlink_to(tmp_path)
    with pytest.raises(OSError, match="a"):
        site.digest("a/b.txt")


def test_a_release_without_files_is_none(tmp_path):
    with pytest.raises(PublishFailed):
        site_of(tmp_path, draft="hello", release="r1")

"""What pages of the release before ask for is lent to the next one, and taken back; nothing else is touched."""

import os
from pathlib import Path

import pytest

from drafterd import files
from drafterd.build import assets, release
from drafterd.build.assets import OldAssets
from drafterd.domain.names import release_id
from drafterd.layout import Layout
from tests.builders import HELLO, a_release

STARTS = 90.0
KEPT = 600.0 + STARTS
"""Ten minutes from a switch that comes as late as it may."""


class World:
    def __init__(self, root: Path):
        self.layout = Layout(drafts=root / "in", state=root / "state", run=root, logs=root)
        self.now = 1000.0
        self.assets = OldAssets(self.layout, start_timeout=STARTS, clock=lambda: self.now)

    def made(self, number, *names, below=".next/static", **changes):
        """A release with these files, each with its own name in it."""
        folder = self.layout.release(HELLO, release_id(number))
        app = folder / release.APP
        for name in names:
            path = app / changes.get("cwd", ".") / below / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} of {number}")
        app.mkdir(parents=True, exist_ok=True)
        made = a_release(number, path=str(app), **changes)
        release.write_manifest(folder, made)
        return made

    def lend(self, old, new):
        return self.assets.lend(old, new)

    def files(self, made, below=".next/static"):
        top = Path(made.path) / made.cwd / below
        return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_the_new_release_gets_what_it_has_not_for_a_while(world):
    old, new = world.made(1, "chunks/a.js", "same.js"), world.made(2, "chunks/b.js", "same.js")
    assert world.lend(old, new) == 1
    both = {"chunks/a.js": "chunks/a.js of 1", "chunks/b.js": "chunks/b.js of 2", "same.js": "same.js of 2"}
    assert world.files(new) == both
    world.now += KEPT - 1
    assert world.assets.sweep() == 0
    assert world.files(new) == both
    world.now += 1
    assert world.assets.sweep() == 1
    assert world.files(new) == {"chunks/b.js": "chunks/b.js of 2", "same.js": "same.js of 2"}
    assert not world.layout.assets(HELLO).exists()
    assert world.files(old) == {"chunks/a.js": "chunks/a.js of 1", "same.js": "same.js of 1"}


def test_what_was_lent_is_lent_on_as_long_as_it_was_promised(world):
    one, two, three = world.made(1, "one.js"), world.made(2, "two.js"), world.made(3, "three.js")
    world.lend(one, two)
    world.now += KEPT / 2
    world.lend(two, three)
    assert world.files(three).keys() == {"one.js", "two.js", "three.js"}
    world.now += KEPT / 2
    world.assets.sweep()
    assert world.files(three).keys() == {"two.js", "three.js"}
    world.now += KEPT / 2
    world.assets.sweep()
    assert world.files(three).keys() == {"three.js"}


def test_back_and_forth_keeps_what_is_a_releases_own(world):
    one, two = world.made(1, "one.js"), world.made(2, "two.js")
    world.lend(one, two)
    world.lend(two, one)
    world.lend(one, two)
    assert world.files(one).keys() == world.files(two).keys() == {"one.js", "two.js"}
    world.now += KEPT
    assert world.assets.sweep() == 2
    assert (world.files(one), world.files(two)) == ({"one.js": "one.js of 1"}, {"two.js": "two.js of 2"})


def test_it_is_repeatable_and_mends_what_a_kill_left(world, monkeypatch):
    old, new = world.made(1, "a.js", "b.js"), world.made(2, "c.js")

    def killed(*_, **__):
        raise KeyboardInterrupt

    (Path(new.path) / ".next/static" / f"{files.TEMPORARY}asset").write_text("half")
    monkeypatch.setattr(os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        world.lend(old, new)
    monkeypatch.undo()
    assert world.lend(old, new) == 2
    assert world.lend(old, new) == 0
    assert world.files(new).keys() == {"a.js", "b.js", "c.js"}
    world.now += KEPT
    assert world.assets.sweep() == 2


@pytest.mark.parametrize("changes", [{"cwd": "apps/web"}, {"argv": (), "below": "_next/static"}])
def test_servers_that_lie_deeper_and_exported_files(world, changes):
    old, new = world.made(1, "a.js", **changes), world.made(2, "b.js", **changes)
    assert world.lend(old, new) == 1
    assert world.files(new, changes.get("below", ".next/static")).keys() == {"a.js", "b.js"}


def test_other_kinds_have_nothing_to_lend(world):
    old, new = world.made(1, "index.html", below="."), world.made(2, "index.html", below=".")
    assert world.lend(old, new) == 0
    assert not world.layout.assets(HELLO).exists()


def test_no_link_is_followed_on_either_side(world, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    old, new = world.made(1, "good.js"), world.made(2, "chunks/new.js")
    static = Path(old.path) / ".next/static"
    (static / "key").symlink_to(tmp_path / "secret" / "key")
    (static / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(static / "pipe")
    (static / "css").mkdir()
    (static / "css" / "old.css").write_text("old")
    outside = tmp_path / "outside"
    outside.mkdir()
    (Path(new.path) / ".next/static/css").symlink_to(outside)
    assert world.lend(old, new) == 1
    assert world.files(new).keys() == {"good.js", "chunks/new.js"}
    assert not any(outside.iterdir())


@pytest.mark.parametrize("part", [".next", ".next/static"])
def test_a_folder_that_is_a_link_itself_has_nothing(world, tmp_path, part):
    old, new = world.made(1, "a.js"), world.made(2, "b.js")
    for made in (old, new):
        place = Path(made.path) / part
        moved = tmp_path / f"moved-{made.id}"
        place.rename(moved)
        place.symlink_to(moved)
    assert world.lend(old, new) == 0


def test_the_book_of_a_hostile_draft_leads_nowhere(world, tmp_path):
    new = world.made(2, "b.js")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    up = os.path.relpath(precious, Path(new.path) / ".next/static")
    world.layout.assets(HELLO).write_text(f'{{"r2": {{"{up}": 1.0, "{precious}": 1.0, "b.js/": 1.0}}}}')
    assert world.assets.sweep() == 0
    assert precious.read_text() == "mine"


def test_no_more_is_lent_than_there_is_room_for(world, monkeypatch):
    monkeypatch.setattr(assets, "FILES_MAX", 2)
    old, new = world.made(1, "a.js", "b.js", "c.js"), world.made(2, "d.js")
    assert world.lend(old, new) == 2
    monkeypatch.setattr(assets, "BYTES_MAX", 10)
    assert world.lend(old, world.made(3, "d.js")) == 1


def test_what_was_lent_to_a_release_that_is_gone_is_forgotten(world):
    world.lend(world.made(1, "a.js"), world.made(2, "b.js"))
    release.prune(world.layout, HELLO, release_id(2))
    assert world.assets.sweep() == 0
    assert not world.layout.assets(HELLO).exists()

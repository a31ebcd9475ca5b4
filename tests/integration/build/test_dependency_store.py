"""Stored trees of packages: given whole or not at all, whatever became of them meanwhile."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from drafterd import files
from drafterd.build.dependency_store import DependencyStore
from tests.disks import fill, namespaces, small_disk

KEY = "k1"

small = pytest.mark.skipif(not namespaces(), reason="no user namespaces: a small disk cannot be mounted here")


@pytest.fixture(params=[True, False], ids=["linked", "copied"])
def store(request, tmp_path):
    return DependencyStore(folder=tmp_path / "store", budget=10_000_000, linked=request.param, clock=lambda: 1000.0)


@pytest.fixture
def scratch(tmp_path):
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def installed(tmp_path):
    return a_tree(tmp_path / "installed")


def a_tree(place: Path, text: str = "1") -> Path:
    modules = place / "node_modules"
    for name in ("left/index.js", "@scope/right/index.js", ".package-lock.json", "@prisma/client/index.js"):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).write_text(f"{name} {text}")
    (modules / "left" / "cli.js").write_text("#!/usr/bin/env node\n")
    (modules / "left" / "cli.js").chmod(0o755)
    (modules / ".bin").mkdir()
    (modules / ".bin" / "left").symlink_to("../left/cli.js")
    (place / "package-lock.json").write_text("{}")
    return place


def contents(place: Path) -> dict[str, str]:
    root = place / "node_modules"
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(root))] = str(path.readlink())
        elif path.is_file():
            found[str(path.relative_to(root))] = f"{path.stat().st_mode:o} {path.read_text()}"
    return found


def a_source(tmp_path: Path, name: str = "source") -> Path:
    place = tmp_path / name
    place.mkdir()
    return place


def test_a_source_gets_the_very_tree(store, installed, scratch, tmp_path):
    assert store.keep(KEY, installed, scratch=scratch, locks=["package-lock.json"])
    source = a_source(tmp_path)
    assert store.restore(KEY, source)
    assert contents(source) == contents(installed)
    assert (source / "package-lock.json").read_text() == "{}"
    assert list(scratch.iterdir()) == []


def test_what_is_not_there_is_not_given(store, tmp_path):
    source = a_source(tmp_path)
    assert not store.restore(KEY, source)
    assert list(source.iterdir()) == []


def test_what_tools_write_in_place_is_each_drafts_own(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch)
    first, second = a_source(tmp_path, "one"), a_source(tmp_path, "two")
    store.restore(KEY, first)
    for name in (".package-lock.json", "@prisma/client/index.js"):
        with (first / "node_modules" / name).open("w") as file:
            file.write("written in place")
    (installed / "node_modules" / ".package-lock.json").write_text("also here")
    assert store.restore(KEY, second)
    assert (second / "node_modules" / "@prisma/client/index.js").read_text() == "@prisma/client/index.js 1"
    assert (second / "node_modules" / ".package-lock.json").read_text() == ".package-lock.json 1"


def _cut(place: Path) -> None:
    (place / "left/index.js").write_text("")


def _same_size_and_time(place: Path) -> None:
    path = place / "left/index.js"
    known = path.stat()
    path.write_text("LEFT/index.js 1"[: known.st_size])
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def _gone(place: Path) -> None:
    (place / "@scope/right/index.js").unlink()


def _more(place: Path) -> None:
    (place / "left/more.js").write_text("x")


def _other_link(place: Path) -> None:
    (place / ".bin/left").unlink()
    (place / ".bin/left").symlink_to("/etc/passwd")


@pytest.mark.parametrize("damage", [_cut, _same_size_and_time, _gone, _more, _other_link])
def test_a_damaged_tree_is_dropped(store, installed, scratch, tmp_path, damage):
    store.keep(KEY, installed, scratch=scratch)
    damage(store.folder / KEY / "node_modules")
    source = a_source(tmp_path)
    assert not store.restore(KEY, source)
    assert list(source.iterdir()) == []
    assert not (store.folder / KEY).exists()
    assert store.keep(KEY, a_tree(tmp_path / "anew"), scratch=scratch)
    assert store.restore(KEY, source)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "created": "x"}'])
def test_an_entry_that_cannot_be_read_is_none(store, installed, scratch, tmp_path, text):
    store.keep(KEY, installed, scratch=scratch)
    (store.folder / KEY / "entry.json").write_text(text)
    assert not store.restore(KEY, a_source(tmp_path))
    assert store.keep(KEY, installed, scratch=scratch)
    assert store.restore(KEY, a_source(tmp_path, "again"))


def test_what_a_kill_left_half_written_is_swept(store, installed, scratch, tmp_path):
    half = store.folder / "half" / "node_modules"
    half.mkdir(parents=True)
    (half / "x.js").write_text("x")
    assert not store.restore("half", a_source(tmp_path))
    store.sweep()
    assert not half.exists()


def test_one_that_is_too_old_is_made_anew(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch)
    assert not store.restore(KEY, a_source(tmp_path), not_before=1000.5)
    later = replace(store, clock=lambda: 2000.0)
    assert later.keep(KEY, a_tree(tmp_path / "anew", "2"), scratch=scratch, replace=True)
    source = a_source(tmp_path, "again")
    assert later.restore(KEY, source, not_before=1000.5)
    assert (source / "node_modules/left/index.js").read_text() == "left/index.js 2"


def test_one_that_is_there_is_kept(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch)
    assert store.keep(KEY, a_tree(tmp_path / "other", "2"), scratch=scratch)
    source = a_source(tmp_path)
    store.restore(KEY, source)
    assert (source / "node_modules/left/index.js").read_text() == "left/index.js 1"


def test_beyond_the_budget_the_one_used_longest_ago_goes(store, scratch, tmp_path):
    for number in (1, 2, 3):
        assert store.keep(f"k{number}", a_tree(tmp_path / f"i{number}"), scratch=scratch)
        os.utime(store.folder / f"k{number}", (number, number))
    assert store.restore("k1", a_source(tmp_path))
    replace(store, budget=250).sweep()  # each takes a good hundred bytes
    assert {path.name for path in store.folder.iterdir()} == {"k1", "k3"}


def test_a_store_that_cannot_be_written_costs_the_entry_and_nothing_else(store, installed, scratch, tmp_path):
    (tmp_path / "store").write_text("no folder can be made here")
    assert not store.keep(KEY, installed, scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert contents(installed)


@small
@pytest.mark.parametrize("moved", [True, False])
def test_a_full_disk_costs_the_entry_and_nothing_else(tmp_path, moved):
    with small_disk(tmp_path / "disk", 100) as disk:
        store = DependencyStore(folder=disk / "store", budget=1 << 30, linked=False, clock=lambda: 1000.0)
        installed = a_tree(disk / "installed")
        before = contents(installed)
        (disk / "scratch").mkdir()
        filler = fill(disk)
        assert not store.keep(KEY, installed, scratch=disk / "scratch", moved=moved)
        assert contents(installed) == before
        assert list((disk / "scratch").iterdir()) == []
        filler.unlink()
        assert store.keep(KEY, installed, scratch=disk / "scratch", moved=moved)
        assert store.restore(KEY, a_source(tmp_path))


@small
def test_a_full_disk_of_one_build_costs_the_others_nothing(store, installed, scratch, tmp_path):
    (installed / "node_modules" / "large.js").write_bytes(b"x" * 200_000)
    store.keep(KEY, installed, scratch=scratch)
    with small_disk(tmp_path / "disk", 100) as disk:
        source = a_source(disk)
        with pytest.raises(OSError, match="No space left"):
            store.restore(KEY, source)
        assert list(source.iterdir()) == []
    source = a_source(tmp_path)
    assert store.restore(KEY, source)
    assert contents(source) == contents(installed)


def test_a_tree_that_is_a_link_is_not_kept(store, installed, scratch, tmp_path):
    source = a_source(tmp_path)
    (source / "node_modules").symlink_to(installed / "node_modules")
    assert not store.keep(KEY, source, scratch=scratch)
    assert not store.restore(KEY, a_source(tmp_path, "other"))


def test_a_moved_tree_is_lent_and_stays_while_it_is_used(store, installed, scratch, tmp_path):
    before = contents(installed)
    source = a_source(tmp_path)
    assert store.keep(KEY, installed, scratch=scratch, moved=True)
    assert not (installed / "node_modules").exists()
    with store.using(KEY):
        lent = store.lend(KEY, source)
        assert contents(lent.parent) == before
        assert list((source / "node_modules").iterdir()) == []
        replace(store, budget=0).sweep()
        with store.using(KEY):  # another build
            assert not store.keep(KEY, a_tree(tmp_path / "anew", "2"), scratch=scratch, replace=True)
        assert contents(lent.parent) == before
    replace(store, budget=0).sweep()
    assert not lent.exists()


def test_a_tree_whose_files_have_other_names_is_copied(store, installed, scratch, tmp_path):
    (tmp_path / "elsewhere.js").hardlink_to(installed / "node_modules/left/index.js")
    assert store.keep(KEY, installed, scratch=scratch, linked=False, moved=True)
    (tmp_path / "elsewhere.js").write_text("poison")
    lent = store.lend(KEY, a_source(tmp_path))
    assert (lent / "left/index.js").read_text() == "left/index.js 1"


def test_a_tree_that_cannot_be_stored_stays_with_its_source(store, installed, scratch, tmp_path):
    before = contents(installed)
    (tmp_path / "store").write_text("no folder can be made here")
    assert not store.keep(KEY, installed, scratch=scratch, moved=True)
    assert contents(installed) == before
    assert list(scratch.iterdir()) == []


def test_a_damaged_tree_is_not_lent(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch, moved=True)
    _cut(store.folder / KEY / "node_modules")
    assert store.lend(KEY, a_source(tmp_path)) is None
    assert not (store.folder / KEY).exists()


def test_a_damaged_tree_that_a_build_still_uses_goes_when_that_one_has_ended(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch, moved=True)
    with store.using(KEY):
        lent = store.lend(KEY, a_source(tmp_path))
        _cut(lent)
        assert not store.restore(KEY, a_source(tmp_path, "other"))
        assert (lent / "@scope/right/index.js").exists(), "the build that it was lent to goes on"
        with store.using(KEY):
            assert not store.keep(KEY, a_tree(tmp_path / "anew"), scratch=scratch)
    assert not lent.exists()
    assert store.keep(KEY, a_tree(tmp_path / "again"), scratch=scratch)
    assert store.restore(KEY, a_source(tmp_path, "third"))
    store.sweep()
    assert [path.name for path in store.folder.iterdir()] == [KEY]


def test_a_lock_that_is_a_link_is_no_lock(store, installed, scratch, tmp_path):
    (tmp_path / "token").write_text("the operator's")
    (installed / "package-lock.json").unlink()
    (installed / "package-lock.json").symlink_to(tmp_path / "token")
    assert store.keep(KEY, installed, scratch=scratch, locks=["package-lock.json"])
    source = a_source(tmp_path)
    assert store.restore(KEY, source)
    assert [path.name for path in source.iterdir()] == ["node_modules"]


def test_a_stored_lock_that_is_not_what_it_was_is_damage(store, installed, scratch, tmp_path):
    store.keep(KEY, installed, scratch=scratch, locks=["package-lock.json"])
    (store.folder / KEY / "locks" / "package-lock.json").write_text("")
    assert not store.restore(KEY, a_source(tmp_path))


def test_only_the_locks_of_the_manager_in_use_are_kept(store, installed, scratch, tmp_path):
    (installed / "bun.lock").write_text("left by a script")
    store.keep(KEY, installed, scratch=scratch, locks=["package-lock.json"])
    source = a_source(tmp_path)
    store.restore(KEY, source)
    assert {path.name for path in source.iterdir()} == {"node_modules", "package-lock.json"}


def test_others_do_not_wait_while_a_tree_is_deleted(store, installed, scratch, monkeypatch):
    store.keep(KEY, installed, scratch=scratch)
    waited = []

    def remove(path):
        waited.append(store._lock.locked())
        remove_tree(path)

    remove_tree = files.remove_tree
    monkeypatch.setattr("drafterd.files.remove_tree", remove)
    replace(store, budget=0).sweep()
    assert waited == [False]
    assert list(store.folder.iterdir()) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("moved", [True, False])
def test_a_tree_with_a_pipe_in_it_is_not_kept(store, installed, scratch, moved):
    os.mkfifo(installed / "node_modules" / "left" / "pipe")
    assert not store.keep(KEY, installed, scratch=scratch, moved=moved)
    assert (installed / "node_modules" / "left" / "index.js").exists()

"""What can be made again stays within its budget: the cheapest to make again goes first, what is in use never."""

import json
import os
from dataclasses import replace

import pytest

from drafterd.build.dependency_store import DependencyStore
from drafterd.build.eviction import Budget, write_size
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.layout import Layout

OLD, NEW = DraftId("old"), DraftId("new")
KB = 1000


@pytest.fixture
def layout(tmp_path):
    """Two downloads, two package managers, two dependency trees and two `.next/cache`, of 10 kB each."""
    made = Layout(drafts=tmp_path / "d", state=tmp_path / "s", run=tmp_path / "r", logs=tmp_path / "l")
    for number, draft in enumerate((OLD, NEW), start=1):
        filled(made.downloads / "sha512" / f"{number}", at=number)
        filled(made.next_cache(draft) / "cache", at=number)
        os.utime(made.next_cache(draft), (number, number))
        manager = made.managers / f"pnpm@{number}"
        filled(manager / "node_modules", at=number)
        write_size(manager)
        os.utime(manager, (number, number))
        entry = made.dependencies / f"key-{number}"
        filled(entry / "node_modules", at=number)
        facts = {"format": 2, "created": 1.0, "stamp": "s", "size": 10 * KB, "samples": {}, "locks": {}}
        (entry / "entry.json").write_text(json.dumps(facts))
        os.utime(entry, (number, number))
    return made


@pytest.fixture
def budget(layout):
    store = DependencyStore(folder=layout.dependencies, budget=100 * KB, linked=False, clock=lambda: 10.0)
    return Budget(layout=layout, store=store, most=0, building=lambda _draft: False, idle=60)


def filled(folder, *, at):
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 10 * KB)
    os.utime(folder / "file", (at, at))
    os.utime(folder, (at, at))


def left(layout):
    names = {"next-old": layout.next_cache(OLD), "next-new": layout.next_cache(NEW)}
    for number in (1, 2):
        names |= {
            f"download-{number}": layout.downloads / "sha512" / f"{number}" / "file",
            f"pnpm@{number}": layout.managers / f"pnpm@{number}",
            f"key-{number}": layout.dependencies / f"key-{number}",
        }
    return {name for name, path in names.items() if path.exists()}


ORDER = ("download-1", "download-2", "pnpm@1", "pnpm@2", "key-1", "key-2", "next-old", "next-new")


@pytest.mark.parametrize(
    ("most", "gone"), [(80, 0), (79, 1), (70, 1), (69, 2), (59, 3), (45, 4), (39, 5), (25, 6), (15, 7), (0, 8)]
)
def test_the_order(layout, budget, most, gone):
    freed = replace(budget, most=most * KB).keep()
    assert left(layout) == set(ORDER[gone:])
    assert freed == gone * 10 * KB
    assert not list((layout.state / "toolchain").rglob(".draft-tmp-*"))


def test_what_a_kill_left_half_deleted_goes_the_next_time(layout, budget):
    """It has been put aside by then: no budget counts it any more."""
    aside = [
        folder.with_name(f".draft-tmp-evicted-{folder.name}")
        for folder in (layout.next_cache(OLD), layout.managers / "pnpm@1")
    ]
    for folder in aside:
        filled(folder, at=1)
    replace(budget, most=100 * KB).keep()
    assert not any(folder.exists() for folder in aside)
    assert left(layout) == set(ORDER)


def test_a_full_disk_takes_all_of_it_whatever_the_budget(layout, budget, monkeypatch):
    monkeypatch.setattr("drafterd.build.eviction._free", lambda _folder: 0)
    assert replace(budget, most=1 << 40).make_room() == 80 * KB
    assert left(layout) == set()


def test_a_disk_with_room_takes_nothing(layout, budget, monkeypatch):
    monkeypatch.setattr("drafterd.build.eviction._free", lambda _folder: 1 << 50)
    assert replace(budget, most=1 << 40).make_room() == 0
    assert left(layout) == set(ORDER)


def test_nothing_that_a_build_uses_goes(layout, budget):
    os.utime(layout.managers / "pnpm@1")
    with budget.store.using("key-1"):
        replace(budget, building=lambda draft: draft == OLD).keep()
    assert left(layout) == {"pnpm@1", "key-1", "next-old"}


def test_a_package_manager_that_a_servers_start_script_calls_stays(layout, budget):
    programs = layout.release(NEW, ReleaseId("r1")) / "app" / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    program = layout.managers / "pnpm@1" / "node_modules" / ".bin" / "pnpm"
    (programs / "pnpm").symlink_to(os.path.relpath(program, programs))
    budget.keep()
    assert left(layout) == {"pnpm@1"}


def test_nothing_there_is_fine(tmp_path, budget):
    empty = Layout(drafts=tmp_path, state=tmp_path / "none", run=tmp_path, logs=tmp_path)
    assert replace(budget, layout=empty, store=replace(budget.store, folder=empty.dependencies)).keep() == 0

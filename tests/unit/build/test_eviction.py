"""What can be made again stays within its budget: the cheapest to make again goes first, what is in use never."""

import json
import os

import pytest

from drafterd.build.dependency_store import DependencyStore
from drafterd.build.eviction import evict
from drafterd.domain.names import DraftId
from drafterd.layout import Layout

OLD, NEW = DraftId("old"), DraftId("new")
KB = 1000


@pytest.fixture
def layout(tmp_path):
    """Downloads, two dependency trees and two `.next/cache`, of 10 kB each."""
    made = Layout(drafts=tmp_path / "d", state=tmp_path / "s", run=tmp_path / "r", logs=tmp_path / "l")
    filled(made.npm_cache / "content", at=5)
    for number, draft in enumerate((OLD, NEW), start=1):
        filled(made.next_cache(draft) / "cache", at=number)
        os.utime(made.next_cache(draft), (number, number))
        entry = made.dependencies / f"key-{number}"
        filled(entry / "node_modules", at=number)
        facts = {"format": 1, "created": 1.0, "stamp": "s", "size": 10 * KB, "samples": {}}
        (entry / "entry.json").write_text(json.dumps(facts))
        os.utime(entry, (number, number))
    return made


@pytest.fixture
def store(layout):
    return DependencyStore(folder=layout.dependencies, budget=100 * KB, linked=False, clock=lambda: 10.0)


def filled(folder, *, at):
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 10 * KB)
    os.utime(folder, (at, at))


def left(layout):
    names = {"downloads": layout.npm_cache, "next-old": layout.next_cache(OLD), "next-new": layout.next_cache(NEW)}
    names |= {f"key-{number}": layout.dependencies / f"key-{number}" for number in (1, 2)}
    return {name for name, path in names.items() if path.exists()}


@pytest.mark.parametrize(
    ("budget", "gone"),
    [
        (50, set()),
        (49, {"downloads"}),
        (40, {"downloads"}),
        (39, {"downloads", "key-1"}),
        (25, {"downloads", "key-1", "key-2"}),
        (15, {"downloads", "key-1", "key-2", "next-old"}),
        (0, {"downloads", "key-1", "key-2", "next-old", "next-new"}),
    ],
)
def test_the_order(layout, store, budget, gone):
    everything = left(layout)
    freed = evict(layout, store, budget=budget * KB, building=())
    assert left(layout) == everything - gone
    assert freed == len(gone) * 10 * KB


def test_nothing_that_a_build_uses_goes(layout, store):
    with store.using("key-1"):
        evict(layout, store, budget=0, building=[OLD])
    assert left(layout) == {"downloads", "key-1", "next-old"}


def test_nothing_there_is_fine(tmp_path):
    empty = Layout(drafts=tmp_path, state=tmp_path / "s", run=tmp_path, logs=tmp_path)
    store = DependencyStore(folder=empty.dependencies, budget=0, linked=False, clock=lambda: 1.0)
    assert evict(empty, store, budget=0, building=()) == 0

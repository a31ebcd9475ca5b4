"""The real watchdog on a real folder."""

import asyncio
import contextlib
import time

import pytest

from drafterd.domain.model import Presence
from drafterd.domain.names import DraftId
from drafterd.watch import watcher as watching
from drafterd.watch.watcher import FolderWatcher
from tests.builders import eventually

A = DraftId("a")
SETTLE = 0.2


class Watched:
    """A watcher that runs, and what it told."""

    def __init__(self, root, known=(), stamps=None):
        self.root = root
        self.changes: list[DraftId] = []
        self.stamps = stamps or {}
        self.watcher = FolderWatcher(
            root, settle=SETTLE, known=known, settled_stamp=self.stamps.get, on_change=self.changes.append
        )

    def write(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def settled(self, draft=A):
        return self.watcher.observe(draft).settled


@contextlib.asynccontextmanager
async def watched(root, **options):
    it = Watched(root, **options)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(it.watcher.run())
        await eventually(root.is_dir)
        yield it
        task.cancel()


@pytest.fixture(autouse=True)
def lively(monkeypatch):
    monkeypatch.setattr(watching, "ROOT_EVERY", 0.2)
    monkeypatch.setattr(watching, "LIVELY_EVERY", 0.2)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "drafts"


async def test_a_new_folder_is_noticed_and_settles(root):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        await eventually(lambda: A in it.watcher.known())
        await eventually(it.settled)
        assert A in it.changes


async def test_an_event_beats_the_walk(root, monkeypatch):
    monkeypatch.setattr(watching, "ROOT_EVERY", 30)
    async with watched(root) as it:
        await asyncio.sleep(0.1)  # the first look is over, the next one is half a minute away
        it.write("a/package.json", "{}")
        await eventually(lambda: A in it.watcher.known(), within=5)


async def test_a_folder_that_keeps_changing_does_not_settle(root):
    async with watched(root) as it:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            it.write("a/page.js", str(time.monotonic()))
            assert not it.settled()
            await asyncio.sleep(SETTLE / 4)
        await eventually(it.settled)


async def test_an_edit_deep_inside_is_found_by_the_walk(root):
    async with watched(root) as it:
        it.write("a/app/deep/page.js", "1")
        await eventually(it.settled)
        before = it.watcher.observe(A).stamp
        it.write("a/app/deep/page.js", "22")
        await eventually(lambda: it.watcher.observe(A).stamp != before)


async def test_node_modules_are_never_watched_or_walked(root):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        await eventually(it.settled)
        stamp = it.watcher.observe(A).stamp
        it.changes.clear()
        for number in range(300):
            it.write(f"a/node_modules/p{number}/index.js", "x")
        await it.watcher.scan()
        assert it.watcher.observe(A).stamp == stamp
        assert it.changes == []


async def test_draft_ready_skips_the_wait_and_draft_skip_keeps_it_out(root, monkeypatch):
    monkeypatch.setattr(watching, "LIVELY_FOR", 1000)
    async with watched(root) as it:
        it.watcher._settle = 60
        it.write("a/package.json", "{}")
        await eventually(lambda: it.watcher.observe(A).stamp)
        assert not it.settled()
        it.write("a/.draft-ready")
        await eventually(it.settled)
        it.write("a/.draft-skip")
        await eventually(lambda: it.watcher.observe(A).skip)


async def test_a_folder_is_gone_at_the_second_look(root):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        await eventually(it.settled)
        (root / "a").rename(root.parent / "away")
        await it.watcher.scan()
        seen = {it.watcher.observe(A).presence}
        await it.watcher.scan()
        seen.add(it.watcher.observe(A).presence)
        assert Presence.GONE in seen
        (root.parent / "away").rename(root / "a")
        await eventually(lambda: it.watcher.observe(A).presence is Presence.PRESENT)


async def test_missing_once_is_not_believed(root):
    it = Watched(root, known=[A])
    root.mkdir()
    await it.watcher.scan()
    assert it.watcher.observe(A).presence is Presence.MISSING
    await it.watcher.scan()
    assert it.watcher.observe(A).presence is Presence.GONE
    it.watcher.forget(A)
    assert A not in it.watcher.known()


async def test_a_renamed_folder_is_a_removal_and_an_arrival(root):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        await eventually(it.settled)
        (root / "a").rename(root / "b")
        await eventually(lambda: it.watcher.observe(A).presence is Presence.GONE)
        await eventually(lambda: it.settled(DraftId("b")))


@pytest.mark.parametrize("name", ["a b", "-x", "ünï", "x" * 255, "new\nline", "`id`", "api"])
async def test_an_unusable_name_is_reported_and_never_tracked(root, name):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        (root / name).mkdir()
        await eventually(it.watcher.rejected)
        ((shown, problem),) = it.watcher.rejected().items()
        assert shown.isprintable()
        assert shown.isascii()
        assert "rename the folder" in problem.hint
        assert list(it.watcher.known()) == [A]


async def test_an_undecodable_name_is_reported(root):
    async with watched(root) as it:
        (root / "a").mkdir()
        bad = str(root).encode() + b"/\xff\xfe"
        __import__("os").mkdir(bad)
        await eventually(it.watcher.rejected)
        assert list(it.watcher.known()) == [A]


async def test_a_link_in_place_of_a_folder_is_a_problem(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    async with watched(root) as it:
        (root / "a").symlink_to(tmp_path / "elsewhere")
        await eventually(lambda: it.watcher.observe(A).problem)
        assert it.watcher.observe(A).problem.code == "bad-folder"


async def test_an_unchanged_draft_has_nothing_to_wait_for_after_a_restart(root):
    async with watched(root) as it:
        it.write("a/package.json", "{}")
        await eventually(it.settled)
        stamp = it.watcher.observe(A).stamp
    again = Watched(root, known=[A], stamps={A: stamp})
    again.watcher._settle = 60
    await again.watcher.scan()
    assert again.settled()


async def test_a_root_that_cannot_be_read_removes_nothing(root):
    it = Watched(root, known=[A])
    (root / "a").mkdir(parents=True)
    await it.watcher.scan()
    root.rename(root.parent / "unmounted")
    for _ in range(3):
        await it.watcher.scan()
    assert it.watcher.observe(A).presence is Presence.PRESENT
    assert it.watcher.problem
    assert it.watcher.problem.code == "drafts-unreadable"
    (root.parent / "unmounted").rename(root)
    await it.watcher.scan()
    assert it.watcher.problem is None

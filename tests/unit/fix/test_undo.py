import json
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drafterd import files
from drafterd.domain.errors import WrongState
from drafterd.domain.names import DraftId
from drafterd.fix import FixSettings, FolderFixes, pipeline
from drafterd.fix.undo import BESIDE, Originals
from drafterd.fix.undo_index import load
from drafterd.layout import Layout
from tests.unit.fix.folders import folder, snapshot
from tests.unit.fix.shapes import SHAPES

ID = DraftId("d")
KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
PACKAGE = '{\r\n\t"dependencies": {"next": "16"},\r\n}'
FILES = {
    "package.json": "\ufeff" + PACKAGE,
    "auth.ts": f"export const k = '{KEY}'\n",
    "next.config.js": "module.exports = {}",
    ".env.local": "A=1",
}
SETTINGS = FixSettings(variables={"GROQ_MODEL": "m"})


def fixes(tmp_path, content=FILES, settings=SETTINGS):
    layout = Layout(tmp_path / "drafts", tmp_path / "state", tmp_path / "run", tmp_path / "log")
    folder(layout.source(ID), content)
    return FolderFixes(layout=layout, settings=settings, home_port=lambda _draft: 3001), layout


def modes(root):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}


async def test_every_byte_and_mode_comes_back(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    (root / "package.json").chmod(0o640)
    before, mode = snapshot(root), modes(root)
    await made.apply(ID)
    assert snapshot(root).keys() - before.keys() == {".env.example"}
    assert all(snapshot(root)[name] != before[name] for name in before)
    done = await made.undo(ID)
    assert sorted(done.restored) == [".env.example", ".env.local", "auth.ts", "next.config.js", "package.json"]
    assert not done.left
    assert snapshot(root) == before
    assert modes(root) == mode
    assert await made.undo(ID) == type(done)()


async def test_after_it_the_source_rests_and_the_builds_get_the_fixes(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    await made.apply(ID)
    await made.undo(ID)
    before = snapshot(root)
    record = made.record(ID)
    assert record is not None
    assert not record.edits
    for _ in range(2):
        record = await made.apply(ID)
        assert snapshot(root) == before
        assert record.recipe is not None
        assert record.edits
        assert not any(edit.applied for edit in record.edits)
    copied = folder(tmp_path / "copy", {name: text for name, text in FILES.items() if name != ".env.local"})
    made.prepare(ID, copied, recipe=record.recipe, base_path="")
    assert "next build" in (copied / "package.json").read_text()
    assert KEY not in (copied / "auth.ts").read_text()


async def test_a_change_by_its_author_ends_the_rest(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    await made.undo(ID)
    await made.apply(ID)
    (layout.source(ID) / "page.txt").write_text("new")
    record = await made.apply(ID)
    assert "next build" in (layout.source(ID) / "package.json").read_text()
    assert all(edit.applied for edit in record.edits)
    (layout.source(ID) / "page.txt").unlink()
    await made.undo(ID)
    assert snapshot(layout.source(ID)) == {name: text.encode() for name, text in FILES.items()}


async def test_a_file_that_changed_since_is_left_alone_and_named(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    await made.apply(ID)
    (root / "package.json").write_text('{"dependencies":{"next":"16"},"scripts":{}}')
    done = await made.undo(ID)
    assert done.left == {"package.json": "it was changed since"}
    assert "scripts" in (root / "package.json").read_text()
    assert (root / "auth.ts").read_text() == FILES["auth.ts"]


async def test_values_stay_while_a_file_that_reads_them_does(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    await made.apply(ID)
    changed = (root / "auth.ts").read_text() + "// mine\n"
    (root / "auth.ts").write_text(changed)
    done = await made.undo(ID)
    assert set(done.left) == {"auth.ts", ".env.local"}
    assert KEY in (root / ".env.local").read_text()
    assert (root / "auth.ts").read_text() == changed


async def test_what_the_author_wrote_last_is_the_original(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    await made.apply(ID)
    newer = '{"name":"newer","dependencies":{"next":"16"}}'
    (root / "package.json").write_text(newer)
    await made.apply(ID)
    await made.undo(ID)
    assert (root / "package.json").read_text() == newer


async def test_our_own_later_edits_keep_the_first_original(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    moved = FolderFixes(layout=layout, settings=SETTINGS, home_port=lambda _draft: 3077)
    await moved.apply(ID)
    assert "3077" in (layout.source(ID) / "package.json").read_text()
    await moved.undo(ID)
    assert snapshot(layout.source(ID)) == {name: text.encode() for name, text in FILES.items()}


async def test_a_deleted_file_stays_deleted(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    (layout.source(ID) / "auth.ts").unlink()
    (layout.source(ID) / ".env.example").unlink()
    done = await made.undo(ID)
    assert done.left["auth.ts"] == "it was deleted since"
    assert ".env.example" in done.restored


async def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    await made.apply(ID)
    outside = tmp_path / "outside"
    (root / "package.json").rename(outside)
    before = outside.read_bytes()
    (root / "package.json").symlink_to(outside)
    done = await made.undo(ID)
    assert done.left["package.json"] == "it is no plain file any more"
    assert outside.read_bytes() == before


class Killed(BaseException):
    """As kill -9 does it: no code of ours runs any more."""


@pytest.mark.parametrize("survived", range(12))
async def test_a_kill_between_any_two_writes_loses_no_original(tmp_path, monkeypatch, survived):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    before = snapshot(root)
    writing = files.write_atomic
    left = [survived]

    def write(path, data, **how):
        if not left[0]:
            raise Killed
        left[0] -= 1
        writing(path, data, **how)

    monkeypatch.setattr(files, "write_atomic", write)
    with pytest.raises(Killed):
        made._apply(ID, 3001)
    monkeypatch.setattr(files, "write_atomic", writing)
    if survived % 2:
        await made.apply(ID)
    else:
        left[0] = survived // 2
        monkeypatch.setattr(files, "write_atomic", write)
        try:
            made._undo(ID)
        except Killed:
            monkeypatch.setattr(files, "write_atomic", writing)
            await made.apply(ID)
        monkeypatch.setattr(files, "write_atomic", writing)
    await made.undo(ID)
    assert snapshot(root) == before


async def test_an_undo_that_was_cut_short_is_completed_by_the_next_pass(tmp_path, monkeypatch):
    made, layout = fixes(tmp_path)
    root = layout.source(ID)
    before = snapshot(root)
    await made.apply(ID)
    original = Originals._put_back

    def once(self, root, name, entry):
        if name == "package.json":
            raise Killed
        return original(self, root, name, entry)

    monkeypatch.setattr(Originals, "_put_back", once)
    with pytest.raises(Killed):
        made._undo(ID)
    monkeypatch.setattr(Originals, "_put_back", original)
    assert snapshot(root) != before
    record = await made.apply(ID)
    assert snapshot(root) == before
    assert not any(edit.applied for edit in record.edits)


async def test_the_originals_are_closed_to_others_and_go_with_their_draft(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    kept = layout.originals(ID)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    made.discard(ID)
    assert kept.exists()
    files.remove_tree(layout.source(ID))
    made.discard(ID)
    assert not kept.exists()


async def test_originals_that_nothing_needs_are_deleted(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    await made.undo(ID)
    assert sorted(path.name for path in layout.originals(ID).iterdir()) == [".gitignore", "index.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    made, layout = fixes(tmp_path)
    await made.apply(ID)
    layout.originals(ID).chmod(0o500)
    try:
        with pytest.raises(WrongState):
            await made.undo(ID)
    finally:
        layout.originals(ID).chmod(0o700)


async def test_the_authors_source_can_be_laid_into_a_snapshot(tmp_path):
    made, layout = fixes(tmp_path)
    record = await made.apply(ID)
    assert record.recipe is not None
    root = layout.source(ID)
    fixed = {name: data for name, data in snapshot(root).items() if name != ".env.local"}
    copied = folder(tmp_path / "copy", {**fixed, "middleware.ts": "1"})
    made.prepare(ID, copied, recipe=record.recipe, base_path="", source_edits=False)
    assert (copied / "auth.ts").read_text() == FILES["auth.ts"]
    assert (copied / "package.json").read_bytes() == fixed["package.json"]
    assert not (copied / ".env.local").exists()
    (copied / "auth.ts").write_text("another")
    made.prepare(ID, copied, recipe=record.recipe, base_path="", source_edits=False)
    assert (copied / "auth.ts").read_text() == "another"
    plain, _ = fixes(tmp_path / "plain", settings=FixSettings(write_back=False))
    bare = folder(tmp_path / "bare", {name: text for name, text in FILES.items() if name != ".env.local"})
    plain.prepare(ID, bare, recipe=record.recipe, base_path="", source_edits=False)
    assert (bare / "auth.ts").read_text() == FILES["auth.ts"]
    assert "next build" in (bare / "package.json").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"undone": 1},
        {"entries": {"../x": {}}},
        {"entries": {"/x": {}}},
        {"entries": {"a": {"original": "../../x", "mode": 0, "written": None, "pending": None, "rules": []}}},
        {"entries": {"a": {"original": None, "mode": -1, "written": None, "pending": None, "rules": []}}},
        {"entries": []},
    ],
)
def test_a_list_that_is_none_of_ours_is_empty(change):
    assert not load(json.dumps({"version": 1, "undone": None, "entries": {}, **change}).encode()).entries


def test_a_link_beside_the_source_is_not_written_through(tmp_path):
    root = folder(tmp_path / "d", FILES)
    (tmp_path / "o").mkdir()
    (root / BESIDE).symlink_to(tmp_path / "o")
    changes = pipeline.propose(root, port=3001, settings=SETTINGS).changes
    originals = Originals(root / BESIDE)
    with originals.held(), pytest.raises(files.NotRegular):
        originals.keep(root, changes)
    assert not list((tmp_path / "o").iterdir())


NAMES = st.sampled_from(
    ["package.json", "auth.ts", "app/api/x/route.js", ".env", ".env.local", ".env.example", "a.css"]
)
SOURCES = st.sampled_from(
    [
        PACKAGE,
        '{"scripts":{"dev":"next"},"dependencies":{"next":"14"}}',
        f"export const k = '{KEY}'\n",
        "fetch('http://localhost:3000/x')\r\n",
        "A=1\n# c\nPORT=9",
        "",
        "\ufeffx",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, SOURCES, max_size=5), st.sampled_from(sorted(SHAPES)))
def test_any_folder_comes_back_and_a_second_pass_changes_nothing(tmp_path_factory, content, shape):
    config, text, *_ = SHAPES[shape]
    made, layout = fixes(tmp_path_factory.mktemp("d"), {"package.json": PACKAGE, **content, config: text})
    root = layout.source(ID)
    before = snapshot(root)
    made._apply(ID, 3001)
    once = snapshot(root)
    made._apply(ID, 3001)
    assert snapshot(root) == once
    done = made._undo(ID)
    assert not done.left
    assert snapshot(root) == before

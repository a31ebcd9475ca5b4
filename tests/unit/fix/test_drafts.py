import asyncio
import json
import os
import time

import pytest

from drafterd.domain.errors import BadDraft, Superseded
from drafterd.domain.model import Edit, FixRecord, Kind, Mend, Problem, Recipe, Site
from drafterd.domain.names import DraftId
from drafterd.files import TEMPORARY
from drafterd.fix import FixSettings, FolderFixes, pipeline
from drafterd.fix.record import dump, load
from drafterd.layout import Layout
from tests.unit.fix.folders import folder, snapshot

ID = DraftId("d")
KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
FILES = {"package.json": '{"dependencies":{"next":"16"}}', "auth.ts": f"export const k = '{KEY}'\n"}
SITE = Site(port=3001, origin="http://localhost:8080", base_path="")


def fixes(tmp_path, files, **settings):
    layout = Layout(tmp_path / "drafts", tmp_path / "state", tmp_path / "run", tmp_path / "log")
    folder(layout.source(ID), files)
    return FolderFixes(layout=layout, settings=FixSettings(**settings), home_port=lambda _draft: 3001), layout


async def test_a_second_pass_changes_nothing_and_keeps_the_report(tmp_path):
    made, layout = fixes(tmp_path, FILES)
    first = await made.apply(ID)
    before = snapshot(layout.source(ID))
    second = await made.apply(ID)
    assert second == first
    assert snapshot(layout.source(ID)) == before
    assert {edit.rule for edit in first.edits} == {"package-scripts", "next-standalone", "env-literals", "env-files"}
    assert made.record(ID) == first
    assert layout.fix_record(ID).stat().st_mode & 0o777 == 0o600
    assert KEY.encode() not in layout.fix_record(ID).read_bytes()
    assert made.environment(ID, SITE)["GROQ_API_KEY"] == KEY


async def test_what_a_kill_left_in_the_folder_is_swept(tmp_path):
    made, layout = fixes(tmp_path, FILES)
    left = layout.source(ID) / f"{TEMPORARY}.env.local.1.ab"
    left.write_text("NEXTAUTH_SECRET=half")
    await made.apply(ID)
    assert not left.exists()


async def test_without_write_back_the_folder_rests_and_the_snapshot_is_fixed(tmp_path):
    made, layout = fixes(tmp_path, FILES, write_back=False)
    before = snapshot(layout.source(ID))
    record = await made.apply(ID)
    assert snapshot(layout.source(ID)) == before
    assert record.recipe is not None
    assert record.edits
    assert not any(edit.applied for edit in record.edits)
    assert made.environment(ID, SITE)["GROQ_API_KEY"] == KEY
    copied = folder(tmp_path / "copy", FILES)
    for _ in range(2):
        made.prepare(ID, copied, recipe=record.recipe, base_path="/api/draft/d")
        assert KEY not in (copied / "auth.ts").read_text()
        assert "next build" in (copied / "package.json").read_text()
        assert '"/api/draft/d"' in (copied / "next.config.mjs").read_text()
        assert not (copied / ".env.local").exists()
    assert await made.apply(ID) == record


async def test_the_environments_digest_follows_the_authors_values_alone(tmp_path):
    made, layout = fixes(tmp_path, {"package.json": FILES["package.json"], ".env": "A=1\n"})
    first = (await made.apply(ID)).environment_digest
    (layout.source(ID) / ".env").write_text("A=1\nPORT=99\nNEXTAUTH_URL=x\n")
    assert (await made.apply(ID)).environment_digest == first
    (layout.source(ID) / ".env").write_text("A=2\n")
    assert (await made.apply(ID)).environment_digest != first


@pytest.mark.parametrize(
    ("files", "code"),
    [({}, "empty-folder"), ({"package.json": "{"}, "bad-package-json"), ({"a.txt": ""}, "unknown-kind")],
)
async def test_what_cannot_be_built_leaves_a_record_and_an_untouched_folder(tmp_path, files, code):
    made, layout = fixes(tmp_path, files)
    record = await made.apply(ID)
    assert record.recipe is None
    assert record.problem is not None
    assert record.problem.code == code
    assert snapshot(layout.source(ID)) == {name: text.encode() for name, text in files.items()}


async def test_a_file_that_changes_every_time_supersedes_the_pass(tmp_path, monkeypatch):
    made, layout = fixes(tmp_path, FILES)
    original = pipeline.apply

    def meddle(proposal):
        (layout.source(ID) / "package.json").write_text(
            json.dumps({"dependencies": {"next": "16"}, "x": time.monotonic_ns()})
        )
        return original(proposal)

    monkeypatch.setattr(pipeline, "apply", meddle)  # the writer who types at the worst moment
    with pytest.raises(Superseded):
        await made.apply(ID)
    assert made.record(ID) is None
    assert "next build" not in (layout.source(ID) / "package.json").read_text()


async def test_another_file_that_changes_meanwhile_is_seen(tmp_path, monkeypatch):
    made, layout = fixes(tmp_path, FILES)
    original = pipeline.apply
    calls = []

    def meddle(proposal):
        calls.append(1)
        if len(calls) == 1:
            (layout.source(ID) / "middleware.ts").write_text(FILES["auth.ts"])
        return original(proposal)

    monkeypatch.setattr(pipeline, "apply", meddle)
    record = await made.apply(ID)
    assert "process.env.GROQ_API_KEY" in (layout.source(ID) / "middleware.ts").read_text()
    assert record == await made.apply(ID)


async def test_a_folder_that_is_gone_is_superseded(tmp_path):
    made, layout = fixes(tmp_path, {})
    layout.source(ID).rmdir()
    with pytest.raises(Superseded):
        await made.apply(ID)


async def test_a_linked_folder_is_refused(tmp_path):
    made, layout = fixes(tmp_path, {})
    layout.source(ID).rmdir()
    layout.source(ID).symlink_to("/tmp")
    with pytest.raises(BadDraft):
        await made.apply(ID)


async def test_the_mode_of_a_file_stays(tmp_path):
    made, layout = fixes(tmp_path, FILES)
    path = layout.source(ID) / "package.json"
    path.chmod(0o640)
    await made.apply(ID)
    assert path.stat().st_mode & 0o777 == 0o640


RECORD = FixRecord(
    stamp="s",
    digest="d",
    environment_digest="e",
    fix_version=1,
    recipe=Recipe(kind=Kind.NODE, why="w", start=("node", "a.js")),
    edits=(Edit(file="f", rule="r", before="\ud800", after="é", reason="x"),),
    problems=(Problem(code="c", summary="s", mend=Mend.CONFIG, tail=("a",)),),
    problem=Problem(code="c", summary="s"),
)


def test_a_record_survives_its_file():
    assert load(dump(RECORD)) == RECORD


@pytest.mark.parametrize(
    "change", [{"stamp": 1}, {"recipe": {"kind": "x"}}, {"edits": [{}]}, {"fix_version": True}, {"problem": 3}]
)
def test_a_record_of_another_shape_is_none(change):
    assert load(json.dumps({**json.loads(dump(RECORD)), **change}).encode()) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_rubbish_is_no_record(data):
    assert load(data) is None


async def test_the_record_is_read_anew_when_its_file_changes(tmp_path):
    made, layout = fixes(tmp_path, FILES)
    record = await made.apply(ID)
    assert made.record(ID) is made.record(ID)
    layout.fix_record(ID).write_bytes(b"rubbish")
    assert made.record(ID) is None
    await made.apply(ID)
    assert made.record(ID) is not None
    made.discard(ID)
    made.discard(ID)
    assert made.record(ID) is None
    assert record.fix_version == made.version


async def test_a_pass_is_quick(tmp_path):
    files = {f"lib/part{number}.ts": f"export const a{number} = {number}\n" * 40 for number in range(300)}
    made, _ = fixes(tmp_path, {**FILES, **files})
    started = time.perf_counter()
    await made.apply(ID)
    first = time.perf_counter()
    await made.apply(ID)
    second = time.perf_counter()
    # Budgets are 0.3 s and 0.06 s on an idle machine; the factor is for a busy one.
    assert first - started < 0.3 * 5
    assert second - first < 0.06 * 5
    if os.environ.get("DRAFTERD_SHOW_TIMES"):
        pass


def test_apply_does_not_block_the_loop(tmp_path):
    made, _ = fixes(tmp_path, FILES)
    assert asyncio.run(made.apply(ID)).recipe is not None

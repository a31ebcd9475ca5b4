"""Publishing into a folder: what it holds afterwards, and what is never touched."""

import json
import stat

import pytest

from drafterd.files import TEMPORARY
from drafterd.publishing import folder
from drafterd.publishing.record import Record, parse
from drafterd.publishing.site import MARKER, PublishFailed
from tests.unit.publishing.sites import ONE, TWO, a_site


def held(place):
    return {
        path.relative_to(place).as_posix(): path.read_text()
        for path in place.rglob("*")
        if path.is_file() and path.name != MARKER
    }


@pytest.fixture
def place(tmp_path):
    return tmp_path / "public" / "site"


def test_the_folder_holds_the_files_and_then_those_of_the_next_release(tmp_path, place):
    done = folder.publish(a_site(tmp_path / "1", ONE), place)
    assert held(place) == ONE
    assert (sorted(done.written), done.same, done.deleted) == (sorted(ONE), 0, [])
    before = (place / "docs" / "index.html").stat()
    done = folder.publish(a_site(tmp_path / "2", TWO, release="r2"), place)
    assert held(place) == TWO
    assert (done.written, done.same, done.deleted) == (
        ["_next/static/b2.js", "app.js", "index.html"],
        1,
        ["_next/static/a1.js"],
    )
    assert (place / "docs" / "index.html").stat() == before, "what is the same is left alone"
    assert stat.S_IMODE((place / "index.html").stat().st_mode) == 0o644
    assert json.loads((place / MARKER).read_text())["release"] == "r2"
    again = folder.publish(a_site(tmp_path / "2", {}, release="r2"), place)
    assert (again.written, again.deleted) == ([], [])


def test_a_dry_run_changes_nothing(tmp_path, place):
    done = folder.publish(a_site(tmp_path / "1", ONE), place, dry=True)
    assert sorted(done.written) == sorted(ONE)
    assert not place.exists()


@pytest.mark.parametrize("name", ["index.html", "own.txt", ".htaccess"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path, place, name):
    place.mkdir(parents=True)
    (place / name).write_text("mine")
    with pytest.raises(PublishFailed, match="did not put there"):
        folder.publish(a_site(tmp_path / "1", ONE), place)
    assert held(place) == {name: "mine"}


def test_the_folder_of_another_draft_is_left_alone(tmp_path, place):
    folder.publish(a_site(tmp_path / "1", ONE), place)
    with pytest.raises(PublishFailed, match="holds the draft hello"):
        folder.publish(a_site(tmp_path / "2", TWO, draft="other"), place)
    assert held(place) == ONE


def test_what_others_put_beside_stays(tmp_path, place):
    folder.publish(a_site(tmp_path / "1", ONE), place)
    (place / "_next" / "static" / "own.txt").write_text("mine")
    folder.publish(a_site(tmp_path / "2", {"index.html": "2"}), place)
    assert held(place) == {"index.html": "2", "_next/static/own.txt": "mine"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "files": []}'])
def test_a_record_that_cannot_be_read_stops_it(tmp_path, place, text):
    folder.publish(a_site(tmp_path / "1", ONE), place)
    (place / MARKER).write_text(text)
    with pytest.raises(PublishFailed):
        folder.publish(a_site(tmp_path / "2", TWO), place)
    assert held(place) == ONE


def test_a_file_becomes_a_folder_and_a_folder_a_file(tmp_path, place):
    folder.publish(a_site(tmp_path / "1", {"a": "file", "b/c": "deep", "index.html": "1"}), place)
    folder.publish(a_site(tmp_path / "2", {"a/x": "deep", "b": "file", "index.html": "2"}), place)
    assert held(place) == {"a/x": "deep", "b": "file", "index.html": "2"}
    folder.publish(a_site(tmp_path / "1", {}), place)
    assert held(place) == {"a": "file", "b/c": "deep", "index.html": "1"}


def test_what_somebody_cut_or_deleted_comes_back(tmp_path, place):
    folder.publish(a_site(tmp_path / "1", ONE), place)
    (place / "app.js").unlink()
    (place / "index.html").write_text("")
    folder.publish(a_site(tmp_path / "1", {}), place)
    assert held(place) == ONE


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", range(6))
def test_a_kill_at_any_moment_is_put_right_by_the_next_one(tmp_path, place, monkeypatch, after):
    folder.publish(a_site(tmp_path / "1", ONE), place)
    two = a_site(tmp_path / "2", TWO, release="r2")
    steps = 0

    def step():
        nonlocal steps
        steps += 1
        if steps > after:
            raise Killed

    def cut_after(real):
        def cut(*words):
            real(*words)
            step()

        return cut

    for name in ("_copy", "_keep", "_delete"):
        monkeypatch.setattr(folder, name, cut_after(getattr(folder, name)))
    with pytest.raises(Killed):
        folder.publish(two, place)
    shown = held(place)
    assert shown["index.html"] == ONE["index.html"] or "_next/static/b2.js" in shown, "no page before its assets"
    (place / f"{TEMPORARY}publish.1.x").write_text("left")
    monkeypatch.undo()
    folder.publish(two, place)
    assert held(place) == TWO
    folder.publish(a_site(tmp_path / "1", {}), place)
    assert held(place) == ONE


def test_what_a_kill_left_in_a_new_folder_is_known_as_ours(tmp_path, place, monkeypatch):
    monkeypatch.setattr(folder, "_copy", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        folder.publish(a_site(tmp_path / "1", ONE), place)
    monkeypatch.undo()
    folder.publish(a_site(tmp_path / "2", TWO), place)
    assert held(place) == TWO


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "public").write_text("")
    with pytest.raises(PublishFailed):
        folder.publish(a_site(tmp_path / "1", ONE), tmp_path / "public" / "site")


def test_a_record_is_read_back():
    record = Record(draft="hello", release="r1", files={"a ü": "1", "b": ""})
    assert parse(record.text(), "there") == record

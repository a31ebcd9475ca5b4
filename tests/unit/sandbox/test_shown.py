"""Files that are shown in the place of others: written once, and pruned when nothing needs them."""

import os

from drafterd.sandbox.shown import kept, prune

OLD = 10_000


def test_a_text_is_written_once(tmp_path):
    first = kept(tmp_path / "new", {"/etc/hosts": "a", "/etc/passwd": "a"})
    assert {place: file.read_text() for place, file in first.items()} == {"/etc/hosts": "a", "/etc/passwd": "a"}
    number = first["/etc/hosts"].stat().st_ino
    assert kept(tmp_path / "new", {"/etc/hosts": "a"})["/etc/hosts"].stat().st_ino == number
    assert kept(tmp_path / "new", {"/etc/hosts": "b"})["/etc/hosts"] != first["/etc/hosts"]


def _aged(files):
    for file in files:
        os.utime(file, (0, file.stat().st_mtime - OLD))


def test_what_nothing_needs_goes(tmp_path):
    folder, instances = tmp_path / "sandbox", tmp_path / "instances"
    instances.mkdir()
    old, named, used = (kept(folder, {"/etc/hosts": text})["/etc/hosts"] for text in "abc")
    _aged([old, named, used])
    (instances / "a.r1.json").write_text(f'{{"argv": ["--ro-bind", "{named}"]}}')
    kept(folder, {"/etc/hosts": "c"})
    new = kept(folder, {"/etc/hosts": "d"})["/etc/hosts"]
    assert prune(folder, instances, many=4) == 0, "there are few"
    assert prune(folder, instances, many=3) == 1
    assert set(folder.iterdir()) == {named, used, new}
    assert prune(tmp_path / "gone", instances, many=0) == 0


def test_where_it_is_not_known_what_is_needed_nothing_goes(tmp_path):
    folder, instances = tmp_path / "sandbox", tmp_path / "instances"
    (instances / "a.r1.json").mkdir(parents=True)
    old = kept(folder, {"/etc/hosts": "a"})["/etc/hosts"]
    _aged([old])
    assert prune(folder, instances, many=0) == 0

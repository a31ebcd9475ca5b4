"""What is done with a file, by what lies there and what was laid there before."""

from pathlib import Path

import pytest

from drafterd.install.laid import Laid
from drafterd.install.plan import Change, Verdict, changes, digest
from drafterd.install.record import digests_of

FILE = Path("/etc/drafterd/x")


def known(*texts: bytes) -> dict[Path, frozenset[str]]:
    return {FILE: frozenset(map(digest, texts))}


@pytest.mark.parametrize(
    ("found", "before", "verdict"),
    [
        (None, {}, Verdict.NEW),
        (None, known(b"old"), Verdict.NEW),
        (b"new", {}, Verdict.SAME),
        (b"new", known(b"old"), Verdict.SAME),
        (b"old", known(b"old"), Verdict.CHANGED),
        (b"old", known(b"older", b"old"), Verdict.CHANGED),
        (b"mine", {}, Verdict.BESIDE),
        (b"mine", known(b"old"), Verdict.BESIDE),
        (b"mine", known(b"new"), Verdict.OWN),
    ],
)
def test_what_an_administrator_changed_is_kept(found, before, verdict):
    lies = {} if found is None else {FILE: found}
    (change,) = changes([Laid(FILE, b"new")], lies, before)
    assert change.verdict is verdict
    assert change.writes is (verdict in (Verdict.NEW, Verdict.CHANGED, Verdict.BESIDE))
    assert change.target == (Path("/etc/drafterd/x.new") if verdict is Verdict.BESIDE else FILE)


@pytest.mark.parametrize("before", [{}, known(b"mine"), known(b"old")])
def test_what_is_written_once_is_never_written_again(before):
    (change,) = changes([Laid(FILE, b"new", once=True)], {FILE: b"mine"}, before)
    assert change.verdict is Verdict.OWN


@pytest.mark.parametrize(("found", "verdict"), [(b"old", Verdict.GONE), (b"mine", Verdict.LEFT)])
def test_what_is_not_wanted_any_more_goes_unless_it_was_changed(found, verdict):
    (change,) = changes([], {FILE: found}, known(b"old"))
    assert change.verdict is verdict
    assert changes([], {}, known(b"old")) == ()


def test_a_kill_while_files_are_written_makes_nobody_their_author():
    decided = changes([Laid(FILE, b"new")], {FILE: b"old"}, known(b"old"))
    record = digests_of(decided, known(b"old"), under_way=True)
    for left in (b"old", b"new"):
        (again,) = changes([Laid(FILE, b"newest")], {FILE: left}, record)
        assert again.verdict is Verdict.CHANGED
    assert digests_of(decided, known(b"old"), under_way=False) == known(b"new")


def test_the_record_forgets_what_is_gone_or_somebody_elses():
    for verdict in (Verdict.GONE, Verdict.LEFT):
        assert digests_of([Change(FILE, verdict)], known(b"old"), under_way=False) == {}
    assert digests_of([Change(FILE, Verdict.GONE)], known(b"old"), under_way=True) == known(b"old")

"""When a folder counts as settled."""

from drafterd.watch.settle import Quiet


def test_a_folder_settles_when_a_look_shows_that_it_was_quiet():
    quiet = Quiet().seen("a", 10.0)
    assert quiet.settles_in(2, 10.0) == 2
    assert quiet.settles_in(2, 11.5) == 0.5
    assert quiet.settles_in(2, 20.0) > 0  # time alone shows nothing
    assert quiet.seen("a", 12.0).settles_in(2, 12.0) == 0


def test_a_change_starts_anew():
    quiet = Quiet().seen("a", 10.0).seen("a", 13.0).seen("b", 14.0)
    assert quiet.settles_in(2, 14.0) == 2


def test_our_own_writes_need_no_rest():
    quiet = Quiet().seen("a", 10.0).rest("b")
    assert quiet.settles_in(2, 10.0) == 0
    assert quiet.seen("b", 11.0).settles_in(2, 11.0) == 0
    assert quiet.seen("c", 12.0).settles_in(2, 12.0) == 2

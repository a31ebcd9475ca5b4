"""Guessing gets slower, for who guesses alone."""

from drafterd.domain.attempts import FORGET, FREE, LONGEST, REMEMBERED, Attempts

ME, YOU = ("draft", "1.2.3.4"), ("draft", "5.6.7.8")


def fail(attempts, who, times, now=0.0):
    assert [attempts.begin(who, now) for _ in range(times)] == [0.0] * times


def test_the_first_tries_are_free_and_then_each_takes_longer():
    attempts = Attempts()
    fail(attempts, ME, FREE)
    waits = []
    now = 0.0
    for _ in range(12):
        wait = attempts.begin(ME, now)
        assert attempts.begin(ME, now) == wait, "asking again costs nothing"
        assert attempts.begin(ME, now + wait - 0.1) > 0
        now += wait
        waits.append(wait)
        assert attempts.begin(ME, now) == 0.0
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LONGEST


def test_one_visitor_does_not_lock_others_out_nor_other_drafts():
    attempts = Attempts()
    fail(attempts, ME, FREE)
    assert attempts.begin(ME, 0.0) > 0
    assert attempts.begin(YOU, 0.0) == 0.0
    assert attempts.begin(("other", "1.2.3.4"), 0.0) == 0.0


def test_success_and_time_forgive():
    attempts = Attempts()
    fail(attempts, ME, FREE)
    attempts.succeeded(ME)
    fail(attempts, ME, FREE)
    assert attempts.begin(ME, 1.0) > 0
    fail(attempts, ME, FREE, now=FORGET + 1.0)


def test_many_at_once_count_each():
    attempts = Attempts()
    started = [attempts.begin(ME, 0.0) for _ in range(50)]
    assert started.count(0.0) == FREE


def test_only_so_many_are_remembered():
    attempts = Attempts()
    fail(attempts, ME, FREE)
    for number in range(REMEMBERED):
        attempts.begin(("draft", str(number)), 0.0)
    assert attempts.begin(ME, 0.0) == 0.0

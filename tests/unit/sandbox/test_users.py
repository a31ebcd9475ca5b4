"""Numbers of users: whose they are, and how many a machine knows."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from drafterd.sandbox import users
from drafterd.sandbox.users import Of, known, number_of

STATE = Path("/var/lib/drafterd")
ALL = "         0          0 4294967295\n"


def test_each_has_a_number_of_its_own_the_same_in_every_run(monkeypatch):
    monkeypatch.setattr(users, "_known", lambda: known(ALL))
    found = [number_of(what, name, STATE) for what in Of for name in ("a.r1", "a.r2", "b.r1")]
    found += [number_of(Of.INSTANCE, "a.r1", Path("/other")), users.builder(STATE), users.builder(Path("/other"))]
    assert len(set(found)) == len(found)
    assert number_of(Of.BUILDER, "a.r1", STATE) == found[0]
    assert os.getuid() not in found
    assert all(1_879_048_192 <= number < 1 << 31 for number in found), "what systemd gives to nobody"


def test_the_ranges_do_not_meet():
    for at in (0, 2):
        ranges = sorted((what.value[at], what.value[at] + what.value[at + 1]) for what in Of)
        assert all(end <= first for (_, end), (first, _) in pairwise(ranges))


@pytest.mark.parametrize(
    ("uid_map", "many"),
    [
        (ALL, 4_294_967_295),
        ("0 100000 65536\n", 65_536),
        ("0 1000 1\n1 100000 65535\n", 65_536),
        ("1 100000 65535\n", 0),
        ("0 1000 1\n", 1),
        ("", 0),
    ],
)
def test_a_container_knows_fewer(uid_map, many):
    assert known(uid_map) == many


def test_in_a_container_the_numbers_are_those_that_it_knows(monkeypatch):
    monkeypatch.setattr(users, "_known", lambda: 65_536)
    assert users.enough()
    assert 30_000 <= number_of(Of.INSTANCE, "a.r1", STATE) < 60_000
    monkeypatch.setattr(users, "_known", lambda: 1)
    assert not users.enough()
    assert number_of(Of.INSTANCE, "a.r1", STATE) == users.builder(STATE) == 65_534

"""The configuration's word for a sandbox."""

from pathlib import Path

import pytest

from drafterd import sandbox
from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address, InstanceSpec
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.sandbox import choose, own_users
from drafterd.sandbox.network import Reach, Way, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import Found, WayFound
from drafterd.sandbox.walls import Level, Machine

PLACES = Places(layout=Layout(drafts=Path("/d"), state=Path("/s"), run=Path("/r"), logs=Path("/l")))
WALLS = Found(Machine(bwrap="/usr/bin/bwrap", level=Level.FULL))


def test_auto_takes_the_walls_where_they_can_be_had(monkeypatch):
    monkeypatch.setattr(sandbox, "strongest", lambda: WALLS)
    assert choose("auto", PLACES).name == "bubblewrap"
    assert choose("auto", PLACES).isolation.startswith("full: ")
    assert choose("plain", PLACES).name == "plain"


def test_what_builds_reach_is_said_with_the_walls(monkeypatch):
    monkeypatch.setattr(sandbox, "strongest", lambda: WALLS)
    monkeypatch.setattr(sandbox, "way_out", lambda *_: WayFound(Way(program="", user_namespace=True)))
    assert choose("auto", PLACES, Wish(reach=Reach.OFF)).isolation.endswith("builds nothing")
    assert choose("auto", PLACES).isolation.endswith("drafts share the network")
    monkeypatch.setattr(sandbox, "way_out", lambda *_: WayFound(None, "no way"))
    assert choose("bubblewrap", PLACES, Wish()).isolation.endswith("builds share the network: no way")
    assert choose("plain", PLACES, Wish()).isolation.startswith("none: ")


def test_auto_takes_users_of_their_own_where_there_are_no_walls(monkeypatch):
    monkeypatch.setattr(sandbox, "strongest", lambda: Found(None, "no bubblewrap here"))
    monkeypatch.setattr(own_users, "missing", lambda _: "")
    made = choose("auto", PLACES, network="drafts reach nothing")
    assert (made.name, made.apart) == ("users", True)
    assert made.isolation.startswith("uid-only: ")
    assert made.isolation.endswith("; no bubblewrap here; drafts reach nothing")
    assert choose("auto", PLACES, Wish()).isolation.endswith("builds share the network")
    assert "no bubblewrap" not in choose("users", PLACES).isolation


def test_users_of_their_own_or_nothing(monkeypatch):
    monkeypatch.setattr(own_users, "missing", lambda _: "no users here")
    with pytest.raises(ConfigError, match="no users here"):
        choose("users", PLACES)


def test_auto_says_why_there_are_none(monkeypatch):
    monkeypatch.setattr(sandbox, "strongest", lambda: Found(None, "no bubblewrap here"))
    monkeypatch.setattr(own_users, "missing", lambda _: "no users here")
    assert choose("auto", PLACES).name == "plain"
    assert choose("auto", PLACES).isolation.startswith("none: ")
    assert choose("auto", PLACES).isolation.endswith("no bubblewrap here; no users here")
    assert "no bubblewrap" not in choose("plain", PLACES).isolation


def test_bubblewrap_or_nothing(monkeypatch):
    monkeypatch.setattr(sandbox, "strongest", lambda: Found(None, "no bubblewrap here"))
    with pytest.raises(ConfigError, match="no bubblewrap here") as caught:
        choose("bubblewrap", PLACES)
    assert "auto" in caught.value.hint


def test_an_unknown_word_lists_the_known_ones():
    with pytest.raises(ConfigError, match="bubblewrap9") as caught:
        choose("bubblewrap9", PLACES)
    assert caught.value.hint == "use one of: auto, bubblewrap, plain, users"


def test_plain_changes_no_command():
    spec = InstanceSpec(
        id=InstanceId("a.r1"),
        draft=DraftId("a"),
        release=ReleaseId("r1"),
        argv=("/usr/bin/node", "server.js"),
        cwd="/",
        environment={},
        address=Address("127.0.0.1", 3001),
    )
    assert choose("plain", PLACES).wrap(spec).argv == spec.argv

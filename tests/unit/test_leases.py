"""Ports belong to drafts, whatever happens to the daemon."""

import json
import socket

import pytest

from drafterd.domain.errors import PortsExhausted
from drafterd.domain.names import DraftId, instance_id, release_id
from drafterd.layout import Layout
from drafterd.leases import PortLeases, is_free
from tests.builders import free_port

A, B = DraftId("a"), DraftId("b")


@pytest.fixture
def layout(tmp_path):
    return Layout(drafts=tmp_path / "d", state=tmp_path / "s", run=tmp_path / "r", logs=tmp_path / "l")


@pytest.fixture
def first():
    return free_port(52)


def test_home_ports_count_up_and_are_kept_in_files(layout, first):
    leases = PortLeases(layout, first=first, last=first + 50)
    homes = leases.home(A), leases.home(B)
    assert homes[0] < homes[1]
    assert layout.home_port(A).read_text() == f"{homes[0]}\n"
    again = PortLeases(layout, first=first, last=first + 50)
    assert (again.home(B), again.home(A)) == (homes[1], homes[0])


def test_the_ports_of_other_drafts(layout, first):
    leases = PortLeases(layout, first=first, last=first + 50)
    home, one, two = leases.home(A), instance_id(A, release_id(1)), instance_id(A, release_id(2))
    ports = {leases.lease(one, A), leases.lease(two, A)}
    assert leases.others(A) == set()
    assert leases.others(B) == {home, *ports}
    leases.home(B)
    assert leases.others(A) == {leases.home(B)}


def test_an_instance_gets_the_home_port_and_a_switch_borrows_one(layout, first):
    leases = PortLeases(layout, first=first, last=first + 50)
    one, two = (instance_id(A, release_id(n)) for n in (1, 2))
    assert leases.lease(one, A) == leases.home(A)
    assert leases.lease(one, A) == leases.home(A)
    borrowed = leases.lease(two, A)
    assert borrowed not in (leases.home(A), leases.home(B))
    leases.release(one)
    assert leases.lease(instance_id(A, release_id(3)), A) == leases.home(A)


def test_nobody_else_gets_a_home_port(layout, first):
    leases = PortLeases(layout, first=first, last=first + 50)
    home = leases.home(A)
    assert leases.lease(instance_id(B, release_id(1)), B) != home


def test_running_instances_are_known_from_their_specifications(layout, first):
    spec = layout.spec(instance_id(A, release_id(1)))
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"address": {"host": "127.0.0.1", "port": first}}))
    (spec.parent / "b.r1.json").write_text("half a fi")
    leases = PortLeases(layout, first=first, last=first + 50)
    assert leases.home(B) != first
    assert leases.free == 49


def test_an_empty_pool_is_said(layout, first):
    leases = PortLeases(layout, first=first, last=first)
    layout.source(A).mkdir(parents=True)
    leases.home(A)
    with pytest.raises(PortsExhausted):
        leases.home(B)
    leases.discard(A)
    assert leases.home(B) == first


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_is_seen(host):
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_a_discarded_draft_holds_nothing(layout, first):
    leases = PortLeases(layout, first=first, last=first + 50)
    for number in (1, 2):
        leases.lease(instance_id(A, release_id(number)), A)
    leases.discard(A)
    assert leases.free == 51


def test_the_port_of_a_draft_that_is_gone_is_taken_over(layout, first):
    taken: list[DraftId] = []
    leases = PortLeases(layout, first=first, last=first, on_taken=taken.append)
    layout.source(A).mkdir(parents=True)
    leases.home(A)
    with pytest.raises(PortsExhausted):
        leases.home(B)
    layout.source(A).rmdir()

    assert leases.home(B) == first

    assert taken == [A]
    assert not layout.home_port(A).exists()
    assert layout.home_port(B).read_text() == f"{first}\n"


def test_the_port_of_a_draft_that_still_runs_is_not_taken_over(layout, first):
    leases = PortLeases(layout, first=first, last=first)
    leases.lease(instance_id(A, release_id(1)), A)
    with pytest.raises(PortsExhausted):
        leases.home(B)

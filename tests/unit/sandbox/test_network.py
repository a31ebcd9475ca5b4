"""What a step is let through to, from plain facts."""

import pytest

from drafterd.domain.model import Address
from drafterd.fence.plan import Hole, Plan, of_word
from drafterd.sandbox.network import Fence, Reach, Way, Wish, fenced, nameservers

WAY = Way(program="/usr/bin/slirp4netns", user_namespace=False)
FOUND = {"db": ("10.1.2.3",), "registry": ("192.0.2.80",), "me": ("192.0.2.2",), "six": ("2001:db8::1",), "gone": ()}


def _plan(*names: str, reach: Reach = Reach.INTERNET, own: tuple[str, ...] = ()) -> tuple[Plan, str]:
    """The plan, and the file of hosts, for what is allowed at port 9."""
    wish = Wish(reach=reach, registry=tuple(Address(name, 9) for name in names))
    made = fenced(wish, WAY, FOUND | {"127.0.0.1": ("127.0.0.1",)}, own, resolv="nameserver 10.0.0.1")
    return of_word(made.words[-1]), made.files["/etc/hosts"]


def _through(plan: Plan) -> set[str]:
    return {hole.listen for hole in plan.holes if hole.listen_port != 53}


def test_private_places_need_a_hole_and_public_ones_do_not():
    plan, hosts = _plan("db", "registry", "127.0.0.1", "six", "gone")
    assert _through(plan) == {"10.1.2.3", "127.0.0.1", "2001:db8::1"}
    assert hosts.splitlines() == ["10.1.2.3 db", "127.0.0.1 127.0.0.1", "2001:db8::1 six"]


def test_the_machines_own_public_address_is_closed_and_may_be_allowed():
    plan, _ = _plan("me", own=("192.0.2.2",))
    assert "192.0.2.2/32" in plan.closed
    assert _through(plan) == {"192.0.2.2"}
    assert _through(_plan("me")[0]) == set()


@pytest.mark.parametrize("reach", [Reach.REGISTRY, Reach.OFF])
def test_without_the_internet_all_goes_through_holes_and_no_name_is_asked_for(reach):
    plan, hosts = _plan("registry", reach=reach)
    assert plan.program == ""
    assert plan.holes == (Hole("192.0.2.80", 9, "192.0.2.80", 9),)
    assert hosts == "192.0.2.80 registry\n"


def test_names_are_asked_of_the_machines_own_servers():
    wish = Wish()
    made = fenced(wish, WAY, {}, (), resolv="search a.test\nnameserver 10.0.0.1\nnameserver fd00::1\noptions ndots:2\n")
    lines = made.files["/etc/resolv.conf"].splitlines()
    assert lines == ["nameserver 127.0.0.53", "nameserver 127.0.0.54", "search a.test", "options ndots:2"]
    plan = of_word(made.words[-1])
    assert {(hole.listen, hole.target) for hole in plan.holes} == {
        ("127.0.0.53", "10.0.0.1"),
        ("127.0.0.54", "fd00::1"),
    }
    assert {hole.datagrams for hole in plan.holes} == {True, False}


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ["127.0.0.1"]),
        ("nameserver\n#nameserver 10.0.0.9\nnameserver x\nnameserver fe80::1%eth0", ["127.0.0.1"]),
        ("nameserver 1.1.1.1 # mine\n" * 5, ["1.1.1.1"] * 3),
    ],
)
def test_a_resolv_conf_is_read_as_the_system_reads_it(text, servers):
    assert nameservers(text) == servers


async def test_off_reaches_the_registry_when_dependencies_are_installed():
    wish = Wish(reach=Reach.OFF, registry=(Address("192.0.2.80", 443),), allowed=(Address("127.0.0.1", 5432),))
    fence = Fence(wish, WAY)
    assert _through(of_word((await fence.around("install")).words[-1])) == {"192.0.2.80", "127.0.0.1"}
    assert _through(of_word((await fence.around("build")).words[-1])) == {"127.0.0.1"}


async def test_a_name_that_is_none_lets_nothing_through():
    fence = Fence(Wish(allowed=(Address("a..b", 1), Address("nothing.invalid", 1))), WAY)
    assert _through(of_word((await fence.around("build")).words[-1])) == set()

"""Which port a server gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.errors import PortsExhausted
from drafterd.domain.ports import pick


def test_the_home_port_first_then_the_next_one():
    assert pick(3001, 3005, prefer=3003, taken=(), is_free=lambda _: True) == 3003
    assert pick(3001, 3005, prefer=3003, taken=(3003, 3001), is_free=lambda _: True) == 3002
    assert pick(3001, 3005, prefer=9999, taken=(), is_free=lambda _: True) == 3001


def test_a_strangers_port_is_left_alone():
    assert pick(3001, 3005, prefer=3001, taken=(), is_free=lambda port: port > 3002) == 3003


def test_an_empty_pool_says_what_to_do():
    with pytest.raises(PortsExhausted, match="3001 and 3002") as caught:
        pick(3001, 3002, prefer=None, taken=(3001,), is_free=lambda port: port != 3002)
    assert "ports.last" in caught.value.hint


@given(
    taken=st.sets(st.integers(3001, 3010)),
    held=st.sets(st.integers(3001, 3010)),
    prefer=st.none() | st.integers(3001, 3010),
)
def test_never_a_port_that_is_taken_or_held(taken, held, prefer):
    try:
        port = pick(3001, 3010, prefer=prefer, taken=taken, is_free=lambda port: port not in held)
    except PortsExhausted:
        assert taken | held >= set(range(3001, 3011))
    else:
        assert port in range(3001, 3011)
        assert port not in taken | held

"""Messages to the kernel, as their bytes; whether it understands them: tests/integration/sandbox/test_network.py."""

import socket
import struct

from drafterd.fence import netlink


def test_each_message_says_its_length():
    for message in (netlink.up(), netlink.add("192.0.2.1"), netlink.add("2001:db8::1"), netlink.close("10.0.0.0/8")):
        assert struct.unpack_from("=I", message) == (len(message),)
        assert len(message) % 4 == 0


def test_a_closed_network_is_named_with_its_length():
    message = netlink.close("172.16.0.0/12")
    assert (message[16], message[17]) == (socket.AF_INET, 12)
    assert message.endswith(bytes([172, 16, 0, 0]))


def test_an_address_is_all_of_a_network():
    assert netlink.add("192.0.2.1")[16:18] == bytes([socket.AF_INET, 32])
    assert netlink.add("2001:db8::1")[16:18] == bytes([socket.AF_INET6, 128])

"""The few words of the kernel's language for networks that are needed inside: no other program is."""

import os
import socket
import struct
from collections.abc import Iterable

_HEADER, _ROUTE, _ADDRESS, _LINK = "=IHHII", "=BBBBBBBBI", "=BBBBI", "=BxHiII"
_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE = 16, 20, 24
_ERROR = 2
_REQUEST, _ACKNOWLEDGE, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_UP = 0x1
_LOOPBACK = 1
"""The number of `lo` in every network namespace."""

_NO_DETECTION = 0x02
_MAIN, _STATIC, _UNREACHABLE = 254, 4, 7
_DESTINATION, _OWN, _LOCAL = 1, 1, 2
_BITS = {socket.AF_INET: 32, socket.AF_INET6: 128}


def up() -> bytes:
    """Switch the loopback on."""
    return _message(_NEW_LINK, struct.pack(_LINK, socket.AF_UNSPEC, 0, _LOOPBACK, _UP, _UP))


def add(address: str) -> bytes:
    """Give the loopback one more address."""
    family, packed = _packed(address)
    flags = _NO_DETECTION if family is socket.AF_INET6 else 0
    body = struct.pack(_ADDRESS, family, _BITS[family], flags, 0, _LOOPBACK)
    return _message(_NEW_ADDRESS, body + _attribute(_LOCAL, packed) + _attribute(_OWN, packed))


def close(network: str) -> bytes:
    """Make a network such as `10.0.0.0/8` unreachable."""
    address, _, length = network.partition("/")
    family, packed = _packed(address)
    body = struct.pack(_ROUTE, family, int(length), 0, 0, _MAIN, _STATIC, 0, _UNREACHABLE, 0)
    return _message(_NEW_ROUTE, body + _attribute(_DESTINATION, packed))


def tell(messages: Iterable[bytes]) -> None:
    """Have them done, in order. Raises `OSError` for the first one that is refused."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        for message in messages:
            kernel.send(message)
            _, kind, *_ = struct.unpack_from(_HEADER, answer := kernel.recv(8192))
            (number,) = struct.unpack_from("=i", answer, struct.calcsize(_HEADER))
            if kind == _ERROR and number:
                raise OSError(-number, os.strerror(-number))


def family(address: str) -> socket.AddressFamily:
    """Which kind a numeric address is of."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _packed(address: str) -> tuple[socket.AddressFamily, bytes]:
    return family(address), socket.inet_pton(family(address), address)


def _message(kind: int, body: bytes) -> bytes:
    flags = _REQUEST | _ACKNOWLEDGE | (0 if kind == _NEW_LINK else _CREATE | _REPLACE)
    return struct.pack(_HEADER, struct.calcsize(_HEADER) + len(body), kind, flags, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value  # addresses need no padding

"""The relay between real sockets, all of them on the loopback."""

import contextlib
import os
import selectors
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from drafterd.fence.plan import Hole
from drafterd.fence.relay import Relay

BIG = os.urandom(8_000_000)


def _bound(kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.bind(("127.0.0.1", 0))
    made.settimeout(20)
    return made


@contextlib.contextmanager
def _relaying(target: tuple[str, int], kind: socket.SocketKind) -> Iterator[tuple[str, int]]:
    """Where the hole to the target is."""
    with _bound(kind) as listener:
        if kind is socket.SOCK_STREAM:
            listener.listen()
        where = listener.getsockname()
        relay, (ended, end) = Relay(), os.pipe()
        relay.open(Hole(where[0], where[1], target[0], target[1], datagrams=kind is socket.SOCK_DGRAM), listener)
        thread = threading.Thread(target=relay.until, args=(ended,))
        thread.start()
        try:
            yield where
        finally:
            os.close(end)
            thread.join(20)
            os.close(ended)
        assert not thread.is_alive()


def _all(peer: socket.socket) -> bytes:
    return b"".join(iter(lambda: peer.recv(1 << 16), b""))


def _echo(server: socket.socket, turns: int = 1) -> threading.Thread:
    """Takes all until the other side ends, then sends it back."""

    def serve() -> None:
        for _ in range(turns):
            peer, _ = server.accept()
            with peer, contextlib.suppress(ConnectionError):
                peer.settimeout(20)
                peer.sendall(_all(peer))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_stream_arrives_whole_both_ways_and_its_ends_are_told():
    with _bound(socket.SOCK_STREAM) as server:
        server.listen()
        thread = _echo(server)
        with (
            _relaying(server.getsockname(), socket.SOCK_STREAM) as where,
            socket.create_connection(where, 20) as client,
        ):
            client.sendall(BIG)
            client.shutdown(socket.SHUT_WR)
            assert _all(client) == BIG
        thread.join(20)


def test_a_connection_that_both_sides_break_off_at_once_ends_alone():
    """The relay hears of both in one turn; the first has closed the second by then."""
    held, released = threading.Event(), threading.Event()
    gate, opener = socket.socketpair()
    relay, (ended, end) = Relay(), os.pipe()

    def hold(_events: int) -> None:
        gate.recv(1)
        held.set()
        released.wait(20)

    with gate, opener, _bound(socket.SOCK_STREAM) as server, _bound(socket.SOCK_STREAM) as listener:
        server.listen()
        listener.listen()
        where = listener.getsockname()
        relay.open(Hole(*where, *server.getsockname()), listener)
        relay.watch(gate, selectors.EVENT_READ, hold)
        thread = threading.Thread(target=relay.until, args=(ended,))
        thread.start()
        client = socket.create_connection(where, 20)
        peer, _ = server.accept()
        client.sendall(b"x")
        assert peer.recv(1) == b"x"
        opener.send(b"x")
        assert held.wait(20)
        for side in (client, peer):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()  # says that it breaks off
        released.set()
        with socket.create_connection(where, 20) as other:
            following, _ = server.accept()
            with following:
                following.settimeout(20)
                other.sendall(b"y")
                assert following.recv(1) == b"y"
        os.close(end)
        thread.join(20)
        os.close(ended)
        assert not thread.is_alive()


def test_one_that_does_not_read_stops_nobody_else():
    with _bound(socket.SOCK_STREAM) as server:
        server.listen()
        thread = _echo(server, 2)
        with _relaying(server.getsockname(), socket.SOCK_STREAM) as where:
            with socket.create_connection(where, 20) as deaf:
                deaf.sendall(BIG)
                deaf.shutdown(socket.SHUT_WR)
            with socket.create_connection(where, 20) as client:
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b"hello"
        thread.join(20)


def test_where_nothing_listens_the_connection_ends():
    with _bound(socket.SOCK_STREAM) as nobody:
        target = nobody.getsockname()
    with (
        _relaying(target, socket.SOCK_STREAM) as where,
        socket.create_connection(where, 20) as client,
        contextlib.suppress(ConnectionError),
    ):
        assert client.recv(1) == b""


@pytest.mark.parametrize("askers", [1, 300])
def test_each_answer_comes_to_who_asked(askers):
    with _bound(socket.SOCK_DGRAM) as server, contextlib.ExitStack() as stack:

        def serve() -> None:
            for _ in range(askers):
                question, asker = server.recvfrom(100)
                server.sendto(b"answer to " + question, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        with _relaying(server.getsockname(), socket.SOCK_DGRAM) as where:
            for number in range(askers):
                client = stack.enter_context(_bound(socket.SOCK_DGRAM))
                client.sendto(b"%d" % number, where)
                assert client.recv(100) == b"answer to %d" % number
        thread.join(20)

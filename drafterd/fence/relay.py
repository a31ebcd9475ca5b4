"""Carries bytes between sockets inside and places outside; looks at none of them."""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial

from drafterd.fence.netlink import family
from drafterd.fence.plan import Hole

_CHUNK = 1 << 18
_STREAMS_MAX = 512
"""Connections at once; more are refused."""

_QUESTIONS_MAX = 256
_ANSWER_WITHIN = 10.0
_DATAGRAM = 65_535

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Relay:
    """All that goes through the holes of one command, in one thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._questions: dict[socket.socket, float] = {}
        self.streams: set[_Stream] = set()

    def open(self, hole: Hole, listener: socket.socket) -> None:
        """Serve a hole by its socket inside, which listens already."""
        listener.setblocking(False)
        serve = self._ask if hole.datagrams else self._accept
        self._selector.register(listener, _READ, lambda _: serve(hole, listener))

    def until(self, descriptor: int) -> None:
        """Carry until this descriptor can be read; then end all connections."""
        self._selector.register(descriptor, _READ, None)
        self._carry()
        for stream in list(self.streams):
            stream.close()
        for outside in list(self._questions):
            self._drop(outside)

    def _carry(self) -> None:
        while True:
            for key, events in self._selector.select():
                if key.data is None:
                    return
                if self._is_watched(key):  # one before it may have ended it
                    key.data(events)

    def _is_watched(self, key: selectors.SelectorKey) -> bool:
        """Whether the same socket is still there: a closed one's number may be another's by now."""
        now = self._selector.get_map().get(key.fd)
        return now is not None and now.fileobj is key.fileobj

    def watch(self, end: socket.socket, events: int, call: Callable[[int], None]) -> None:
        """Call when one of the events comes; none: do not call any more."""
        known = end in self._selector.get_map()
        if events and known:
            self._selector.modify(end, events, call)
        elif events:
            self._selector.register(end, events, call)
        elif known:
            self._selector.unregister(end)

    def _accept(self, hole: Hole, listener: socket.socket) -> None:
        try:
            inside, _ = listener.accept()
        except OSError:
            return
        if len(self.streams) >= _STREAMS_MAX:
            inside.close()
            return
        try:
            outside = socket.socket(family(hole.target), socket.SOCK_STREAM)
        except OSError:
            inside.close()
            return
        _Stream(self, inside, outside).connect((hole.target, hole.target_port))

    def _ask(self, hole: Hole, listener: socket.socket) -> None:
        """Each question goes out by a socket of its own: by that its answer is known."""
        self._forget()
        try:
            question, asker = listener.recvfrom(_DATAGRAM)
            outside = socket.socket(family(hole.target), socket.SOCK_DGRAM)
        except OSError:
            return
        try:
            outside.setblocking(False)
            outside.connect((hole.target, hole.target_port))
            outside.send(question)
        except OSError:
            outside.close()
            return
        self._questions[outside] = time.monotonic()
        self.watch(outside, _READ, lambda _: self._answer(outside, listener, asker))

    def _answer(self, outside: socket.socket, listener: socket.socket, asker: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            listener.sendto(outside.recv(_DATAGRAM), asker)
        self._drop(outside)

    def _forget(self) -> None:
        old = time.monotonic() - _ANSWER_WITHIN
        for outside, asked in list(self._questions.items()):
            if asked > old and len(self._questions) < _QUESTIONS_MAX:
                break
            self._drop(outside)

    def _drop(self, outside: socket.socket) -> None:
        del self._questions[outside]
        self.watch(outside, 0, lambda _: None)
        outside.close()


class _Stream:
    """One connection: what comes at one end goes out at the other, and waits there until it can."""

    def __init__(self, relay: Relay, inside: socket.socket, outside: socket.socket) -> None:
        self._relay = relay
        self._ends = (inside, outside)
        self._waiting = {inside: bytearray(), outside: bytearray()}
        self._finished: set[socket.socket] = set()
        self._told: set[socket.socket] = set()
        relay.streams.add(self)
        for end in self._ends:
            end.setblocking(False)

    def connect(self, target: tuple[str, int]) -> None:
        """Begin: nothing is read before the place outside has answered."""
        _, outside = self._ends
        if outside.connect_ex(target) not in {0, 11, 115}:  # EAGAIN, EINPROGRESS
            self.close()
            return
        self._relay.watch(outside, _WRITE, lambda _: self._connected())

    def _connected(self) -> None:
        _, outside = self._ends
        if outside.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
            return
        self._look()

    def _look(self) -> None:
        """Read from an end only while nothing waits to go out at the other."""
        for end, other in (self._ends, self._ends[::-1]):
            reads = _READ if end not in self._finished and not self._waiting[other] else 0
            writes = _WRITE if self._waiting[end] else 0
            self._relay.watch(end, reads | writes, partial(self._carry, end, other))

    def _carry(self, end: socket.socket, other: socket.socket, events: int) -> None:
        try:
            if events & _WRITE:
                del self._waiting[end][: end.send(self._waiting[end])]
            if events & _READ:
                self._take(end, other)
            self._pass_on_ends()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self._finished) == len(self._ends) and not any(self._waiting.values()):
            self.close()
        else:
            self._look()

    def _take(self, end: socket.socket, other: socket.socket) -> None:
        data = end.recv(_CHUNK)
        if not data:
            self._finished.add(end)
            return
        with contextlib.suppress(BlockingIOError):
            data = data[other.send(data) :]
        self._waiting[other] += data

    def _pass_on_ends(self) -> None:
        """Where one end has said all, tell the other, once: a second time may be an error."""
        for end, other in (self._ends, self._ends[::-1]):
            if end in self._finished and not self._waiting[other] and other not in self._told:
                self._told.add(other)
                other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End both connections."""
        self._relay.streams.discard(self)
        for end in self._ends:
            self._relay.watch(end, 0, lambda _: None)
            end.close()

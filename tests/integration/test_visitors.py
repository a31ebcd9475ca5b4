"""The visitors that prove the switch are strict: each way to lose a request shows in what they saw."""

import contextlib
import itertools
import socketserver
import threading
from collections.abc import Mapping

import pytest

from bench.visitors import Ended, Seen, visitors
from drafterd.domain.model import Address
from tests.builders import eventually

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"
PAGE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nok"
SILENT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
WORD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: w\n\n\r\n0\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Has an answer for each kind of request."""

    answers: Mapping[str, bytes]


class Handler(socketserver.StreamRequestHandler):
    """Answers with the bytes of its kind, and closes the connection after the second."""

    server: Server

    def handle(self):
        with contextlib.suppress(OSError):
            for _ in range(2):
                lines = list(itertools.takewhile(bytes.strip, self.rfile))
                if not lines:
                    return  # the visitor has left
                size = next((int(line[16:]) for line in lines if line.startswith(b"Content-Length: ")), 0)
                self.rfile.read(size)
                kind = "events" if b"/events" in lines[0] else "socket" if b"/socket" in lines[0] else "page"
                answer = self.server.answers[kind]
                self.wfile.write(answer)
                if answer is not WHOLE:
                    return


@contextlib.contextmanager
def answering(answers):
    """A server of these answers; its address."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers = answers
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Address("127.0.0.1", server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


async def seen_of(enough, **answers):
    with answering({"page": WHOLE, "events": WORD, "socket": PAGE, **answers}) as server:
        async with visitors(server, "/", each=1, streams=1) as seen:
            await eventually(lambda: enough(seen))
    return seen


async def test_a_kept_connection_that_is_closed_is_seen():
    """A library would ask again over a new one."""
    seen = await seen_of(lambda seen: seen.reset > 1)
    assert all(failed.startswith("/socket") for failed in seen.failed)
    assert seen.words.keys() == {"ok"}


@pytest.mark.parametrize("page", [EMPTY, CUT, PAGE, b""], ids=["empty", "cut", "503", "nothing"])
async def test_an_answer_that_is_none_has_failed(page):
    seen = await seen_of(lambda seen: any(failed.startswith("/:") for failed in seen.failed), page=page)
    assert seen.requests == 0


@pytest.mark.parametrize("events", [SILENT, PAGE, b""], ids=["no word", "503", "nothing"])
async def test_a_stream_that_ends_before_its_first_word_has_failed(events):
    seen = await seen_of(lambda seen: any(failed.startswith("/events") for failed in seen.failed), events=events)
    assert seen.ended == []


async def test_a_stream_that_has_said_something_has_ended():
    seen = await seen_of(lambda seen: seen.ended)
    assert seen.ended[0].word == "w"


def test_a_stream_is_cut_whose_server_should_have_gone_on():
    def ended(word, opened, at):
        return Ended(word=word, opened=opened, at=at)

    still, early, late, again = ended("b", 0, 9), ended("a", 1, 12), ended("a", 1, 16), ended("a", 11, 30)
    seen = Seen(ended=[still, early, late, again])
    assert seen.cut([("a", 10.0)], 5) == [still, early, again]
    assert seen.cut([("a", 10.0), ("a", 20.0)], 5) == [still, early]
    assert seen.short(12) == [still, early]

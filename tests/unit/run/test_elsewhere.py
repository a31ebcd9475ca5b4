"""Where a server may be reached that does not listen where it was told to."""

import json

import pytest

from drafterd.domain.model import Address
from drafterd.run.elsewhere import reachable, remember, remembered, taken_port

GIVEN = Address("127.0.0.1", 3007)
V4, V6 = "127.0.0.1", "::1"


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ([], {}),
        ([("127.0.0.1", 4321)], {4321: ((V4, 4321),)}),
        ([("0.0.0.0", 4321)], {4321: ((V4, 4321),)}),
        ([("::", 4321)], {4321: ((V4, 4321), (V6, 4321))}),
        ([("::1", 4321)], {4321: ((V6, 4321),)}),
        ([("::1", 4321), ("127.0.0.1", 4321)], {4321: ((V4, 4321), (V6, 4321))}),
        ([("::ffff:127.0.0.1", 4321)], {4321: ((V4, 4321),)}),
        ([("127.0.0.9", 4321)], {4321: (("127.0.0.9", 4321),)}),
        ([("::1", 3007)], {3007: ((V6, 3007),)}),
        ([("192.168.0.7", 4321)], {}),
        ([("fe80::1%eth0", 4321)], {}),
        ([("127.0.0.1", 9229)], {}),
        ([("127.0.0.1", 3008)], {}),
        ([("127.0.0.1", 4321), ("127.0.0.1", 3007)], {}),
        ([("::", 3007)], {}),
        ([("127.0.0.1", 5001), ("0.0.0.0", 5000)], {5000: ((V4, 5000),), 5001: ((V4, 5001),)}),
    ],
)
def test_what_can_be_reached(places, wanted):
    assert reachable(places, GIVEN, {3008}) == wanted


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("Error: listen EADDRINUSE: address already in use :::4321", 4321),
        ("Error: listen EADDRINUSE: address already in use 0.0.0.0:4321", 4321),
        ("Error: listen EADDRINUSE: address already in use ::1:4321", 4321),
        ("error: Failed to start server. Is port 4321 in use?", 4321),
        ("Port 4321 is already in use", 4321),
        ("Something else runs: port 4321 is in use.", 4321),
        ("Error: listen EADDRINUSE: address already in use 127.0.0.1:3007", None),
        ("listening on 4321", None),
        ("EADDRINUSE", None),
        ("EADDRINUSE " + ":" * 100_000, None),
    ],
)
def test_a_taken_port(line, port):
    assert taken_port(["> start", line, "    at Server.setupListenHandle", "}"], GIVEN) == port


def test_only_the_last_lines_count():
    assert taken_port(["EADDRINUSE: address already in use :::4321", *["up"] * 30], GIVEN) is None


def test_it_is_remembered(tmp_path):
    file = tmp_path / "demo.r1.listens"
    assert remembered(file) is None
    remember(file, Address("::1", 4321))
    assert remembered(file) == Address("::1", 4321)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "[]",
        json.dumps({"host": "127.0.0.1"}),
        json.dumps({"host": "10.0.0.1", "port": 80}),
        json.dumps({"host": "127.0.0.1", "port": 0}),
        json.dumps({"host": "127.0.0.1", "port": 70_000}),
        json.dumps({"host": "example.org", "port": 80}),
    ],
)
def test_what_cannot_be_is_not_believed(tmp_path, content):
    file = tmp_path / "demo.r1.listens"
    file.write_text(content)
    assert remembered(file) is None

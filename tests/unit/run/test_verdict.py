"""The words for a failure."""

import pytest

from drafterd.domain.model import Address, Mend
from drafterd.run.probe import Answer
from drafterd.run.track import Verdict
from drafterd.run.verdict import Facts, listens_elsewhere, problem

ADDRESS = Address("127.0.0.1", 3007)


@pytest.mark.parametrize(
    ("verdict", "facts", "code", "summary"),
    [
        (Verdict.LATE, {}, "never-listened", "the server did not listen on any port within 60 seconds"),
        (
            Verdict.LATE,
            {"listens": frozenset({("127.0.0.1", 4321)})},
            "wrong-port",
            "the server listens on 4321, was given 3007",
        ),
        (
            Verdict.LATE,
            {"listens": frozenset({("::1", 3007)})},
            "wrong-port",
            "the server listens on [::1]:3007, was given 127.0.0.1:3007",
        ),
        (
            Verdict.LATE,
            {"answer": Answer.SILENT, "listens": frozenset({("127.0.0.1", 3007), ("127.0.0.1", 9229)})},
            "never-answered",
            "the server listens, but gave no HTTP answer within 60 seconds",
        ),
        (Verdict.EXITED, {"last_exit": "exit status 7"}, "exited", "the server ended by itself (exit status 7)"),
        (Verdict.EXITED, {"taken": True}, "port-taken", "another program listens on port 3007"),
        (
            Verdict.EXITED,
            {"last_exit": "exit status 1", "tail": ("Error: listen EADDRINUSE: address already in use :::4321",)},
            "fixed-port-taken",
            "the server wants port 4321 for itself, which is taken",
        ),
        (
            Verdict.BLOCKED,
            {"tail": ("Error: listen EADDRINUSE: address already in use 127.0.0.1:4321", "    at x")},
            "fixed-port-taken",
            "the server wants port 4321 for itself, which is taken",
        ),
        (
            Verdict.LATE,
            {"tail": ("Port 4321 is already in use",)},
            "fixed-port-taken",
            "the server wants port 4321 for itself, which is taken",
        ),
        (Verdict.PORT_TAKEN, {}, "port-taken", "another program listens on port 3007"),
        (Verdict.CRASH_LOOP, {}, "crash-loop", "the server ended 5 times within 60 seconds"),
        (Verdict.CRASH_LOOP, {"taken": True}, "port-taken", "another program listens on port 3007"),
    ],
)
def test_each_verdict_has_its_words(verdict: Verdict, facts: dict[str, object], code: str, summary: str):
    found = problem(verdict, Facts(address=ADDRESS, seconds=60.0, **facts), 5.0)  # type: ignore[arg-type]
    assert (found.code, found.summary, found.since) == (code, summary, 5.0)
    assert found.hint
    assert found.where == ("port 4321" if code == "fixed-port-taken" else "port 3007")


def test_only_a_taken_port_is_the_machines_fault():
    facts = Facts(address=ADDRESS, seconds=1.0)
    machines = {verdict for verdict in Verdict if problem(verdict, facts, 0.0).mend is Mend.MACHINE}
    assert machines == {Verdict.PORT_TAKEN}


def test_a_server_that_is_reached_on_a_port_of_its_own():
    found = listens_elsewhere(ADDRESS, Address("127.0.0.1", 4321), 5.0)
    assert (found.code, found.mend, found.where) == ("wrong-port", Mend.DRAFT, "port 4321")
    assert found.summary == "the server listens on 4321, was given 3007"


def test_a_server_that_is_reached_by_the_other_loopback():
    found = listens_elsewhere(ADDRESS, Address("::1", 3007), 5.0)
    assert found.summary == "the server listens on [::1]:3007, was given 127.0.0.1:3007"

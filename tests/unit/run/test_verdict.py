"""The words for a failure."""

import pytest

from drafterd.domain.model import Address, Mend
from drafterd.run.probe import Answer
from drafterd.run.track import Verdict
from drafterd.run.verdict import Facts, problem

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
        (Verdict.PORT_TAKEN, {}, "port-taken", "another program listens on port 3007"),
        (Verdict.CRASH_LOOP, {}, "crash-loop", "the server ended 5 times within 60 seconds"),
    ],
)
def test_each_verdict_has_its_words(verdict: Verdict, facts: dict[str, object], code: str, summary: str):
    found = problem(verdict, Facts(address=ADDRESS, seconds=60.0, **facts), 5.0)  # type: ignore[arg-type]
    assert (found.code, found.summary, found.since) == (code, summary, 5.0)
    assert found.hint
    assert found.where == "port 3007"


def test_only_a_taken_port_is_the_machines_fault():
    facts = Facts(address=ADDRESS, seconds=1.0)
    machines = {verdict for verdict in Verdict if problem(verdict, facts, 0.0).mend is Mend.MACHINE}
    assert machines == {Verdict.PORT_TAKEN}

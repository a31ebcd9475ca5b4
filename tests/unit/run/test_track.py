"""Courses of events at one instance."""

from drafterd.domain.model import Address, InstanceStatus, Problem
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.run.programs import Program, ProgramState
from drafterd.run.spec import KnownSpec
from drafterd.run.track import LOOP_EXITS, Track, Verdict

ID = InstanceId("demo.r1")
SPEC = KnownSpec(
    id=ID, draft=DraftId("demo"), release=ReleaseId("r1"), address=Address("127.0.0.1", 3001), probe_path="/"
)


def started() -> Track:
    track = Track(id=ID, spec=SPEC)
    track.begin(SPEC, 100.0)
    return track


def running(pid: int = 7, at: int = 100, state: ProgramState = ProgramState.RUNNING) -> Program:
    return Program(ID, state, pid, at)


def test_it_is_ready_once_its_own_process_answered():
    track = started()
    track.see(running(), 101.0)
    assert track.status is InstanceStatus.STARTING
    track.answer(7, 102.0)
    track.see(running(), 103.0)
    assert (track.status, track.since, track.pid) == (InstanceStatus.READY, 102.0, 7)


def test_another_process_must_answer_anew():
    track = started()
    track.see(running(), 101.0)
    track.answer(7, 102.0)
    track.see(running(pid=8, at=110), 110.0)
    assert (track.status, track.restarts, track.since) == (InstanceStatus.STARTING, 1, 110.0)
    track.answer(8, 111.0)
    track.see(running(pid=8, at=110), 112.0)
    assert track.status is InstanceStatus.READY


def test_a_pause_between_tries_is_still_starting():
    track = started()
    track.see(Program(ID, ProgramState.BACKOFF, 0, 100), 101.0)
    assert (track.status, track.pid, track.verdict) == (InstanceStatus.STARTING, None, None)


def test_a_fatal_one_is_to_be_given_up():
    track = started()
    track.see(Program(ID, ProgramState.FATAL, 0, 106), 107.0)
    assert track.verdict is Verdict.EXITED
    assert track.status is InstanceStatus.STARTING


def test_an_end_that_supervisord_takes_for_its_wish_is_none_of_ours():
    track = started()
    track.see(Program(ID, ProgramState.EXITED, 0, 100, 0), 107.0)
    assert track.verdict is Verdict.EXITED


def test_a_crash_that_supervisord_will_mend_is_no_verdict():
    track = started()
    track.see(Program(ID, ProgramState.EXITED, 0, 100, 3), 107.0)
    assert (track.verdict, track.status) == (None, InstanceStatus.STARTING)


def crashes(every: float) -> Track:
    track = started()
    for number in range(LOOP_EXITS + 1):
        at = 100 + number * every
        track.see(running(pid=10 + number, at=int(at)), at)
    return track


def test_five_exits_within_a_minute_are_a_loop():
    assert crashes(every=10).verdict is Verdict.CRASH_LOOP


def test_five_exits_over_hours_are_not():
    assert crashes(every=1000).verdict is None


def test_a_failure_stays_until_it_is_started_again():
    track = started()
    problem = Problem(code="exited", summary="ended")
    track.fail(problem, 120.0)
    track.see(Program(ID, ProgramState.STOPPED, 0, 100), 121.0)
    assert (track.instance().status, track.instance().problem) == (InstanceStatus.FAILED, problem)
    track.begin(SPEC, 130.0)
    assert (track.status, track.problem, track.since) == (InstanceStatus.STARTING, None, 130.0)


def test_one_that_supervisord_does_not_know_is_stopped():
    track = started()
    track.see(running(), 101.0)
    track.see(None, 102.0)
    assert (track.status, track.pid) == (InstanceStatus.STOPPED, None)


def test_a_stop_forgets_the_exits_before_it():
    track = crashes(every=10)
    track.verdict = None
    track.see(Program(ID, ProgramState.STOPPED, 0, 0), 200.0)
    track.see(running(pid=50, at=201), 201.0)
    assert track.status is InstanceStatus.STARTING
    assert track.verdict is None


def test_a_server_that_was_found_elsewhere_keeps_its_place_over_a_crash():
    track = started()
    found = Address("::1", 4321)
    note = Problem(code="wrong-port", summary="it listens on 4321")
    track.see(running(), 101.0)
    track.answer(7, 102.0, found=found, note=note)
    assert (track.instance().address, track.instance().problem) == (found, note)
    assert track.addresses == (SPEC.address, found)
    track.see(running(pid=8, at=110), 110.0)
    assert (track.status, track.instance().address, track.instance().problem) == (InstanceStatus.STARTING, found, None)
    track.answer(8, 111.0)
    assert (track.instance().address, track.instance().problem) == (SPEC.address, None)


def test_a_new_start_forgets_where_it_was_found():
    track = started()
    track.answer(7, 102.0, found=Address("::1", 4321))
    track.block(4321)
    track.begin(SPEC, 103.0)
    assert (track.found, track.wanted, track.verdict) == (None, None, None)


def test_the_first_verdict_stays():
    track = started()
    track.block(4321)
    assert (track.verdict, track.wanted) == (Verdict.BLOCKED, 4321)
    track = started()
    track.verdict = Verdict.EXITED
    track.block(4321)
    assert (track.verdict, track.wanted) == (Verdict.EXITED, None)

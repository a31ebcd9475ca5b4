"""What is remembered of one instance between two looks at supervisord, and what a look means.

Pure: no I/O and no clock, so that every course of events can be tested in a moment.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from drafterd.domain.model import Address, Instance, InstanceStatus, Problem
from drafterd.domain.names import InstanceId, parse_instance_id
from drafterd.run.programs import Program, ProgramState
from drafterd.run.spec import KnownSpec

LOOP_EXITS = 5
LOOP_SECONDS = 60.0


class Verdict(StrEnum):
    """Why an instance is given up."""

    EXITED = "exited"
    """it ended by itself, or did not stay up at any try"""
    CRASH_LOOP = "crash-loop"
    LATE = "late"
    """it gave no answer in time"""
    PORT_TAKEN = "port-taken"
    """somebody else answers on its port"""
    BLOCKED = "blocked"
    """it wants a port of its own, which somebody else has"""
    MEMORY = "memory"
    """its processes take more memory than they may"""
    PROCESSES = "processes"
    """it runs more processes and threads than it may"""
    DISK = "disk"
    """it has written more into its folder than it may"""


@dataclass(slots=True, kw_only=True)
class Track:
    """One instance.

    Attributes:
        spec: None for a program whose specification is lost.
        found: Where it listens instead of the address it was given, or None.
        note: What is to be said of that.
        wanted: The port of its own that it could not get, beside the verdict that says so.
        log_start: Where its log stood when we started it; 0 if that is not known.
        answered: The pid that answered a probe; another pid must answer anew.
        generation: Counts up when it is started or stopped: what was found out before is void.
        touched: When we last did something to it (loop time); an older look says nothing about it.
        held: We are doing something to it right now.
        verdict: Why it is to be given up; carried out by the runtime.
        task: Proves it, or carries out the verdict.
        probing: The task waits for an answer: it may be cancelled once there is a verdict.
    """

    id: InstanceId
    spec: KnownSpec | None
    status: InstanceStatus = InstanceStatus.STOPPED
    since: float = 0.0
    pid: int | None = None
    restarts: int = 0
    problem: Problem | None = None
    found: Address | None = None
    note: Problem | None = None
    wanted: int | None = None
    log_start: int = 0
    answered: int | None = None
    generation: int = 0
    touched: float = 0.0
    held: bool = False
    verdict: Verdict | None = None
    task: asyncio.Task[None] | None = None
    probing: bool = False
    _started: int | None = None
    _exits: deque[float] = field(default_factory=lambda: deque(maxlen=LOOP_EXITS))

    def instance(self) -> Instance:
        """The value that the rest of the house sees."""
        draft, release = parse_instance_id(self.id)
        return Instance(
            id=self.id,
            draft=draft,
            release=release,
            status=self.status,
            address=self.found or (self.spec.address if self.spec else None),
            pid=self.pid,
            since=self.since,
            restarts=self.restarts,
            problem=self.problem or (self.note if self.status is InstanceStatus.READY else None),
        )

    def begin(self, spec: KnownSpec, now: float, *, log_start: int = 0) -> None:
        """It has just been started."""
        self.log_start = log_start
        self.spec, self.problem, self.verdict, self.pid, self.answered = spec, None, None, None, None
        self.restarts, self._started, self.found, self.note, self.wanted = 0, None, None, None, None
        self._exits.clear()
        self._enter(InstanceStatus.STARTING, now)

    def answer(self, pid: int | None, now: float, *, found: Address | None = None, note: Problem | None = None) -> None:
        """Its own process answered a probe; `found` tells where, if not at the address it was given."""
        self.pid = self.answered = pid
        self.found, self.note = found, note
        self._enter(InstanceStatus.READY, now)

    def fail(self, problem: Problem, now: float) -> None:
        """It is given up, and nothing of it runs any more."""
        self.problem, self.verdict, self.pid, self.answered = problem, None, None, None
        self._enter(InstanceStatus.FAILED, now)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it may listen: the address it was given, and the one where it was found."""
        given = (self.spec.address,) if self.spec else ()
        return (*given, self.found) if self.found else given

    def block(self, port: int) -> None:
        """It is to be given up: somebody else has the port that it wants for itself."""
        if self.verdict is None:
            self.verdict, self.wanted = Verdict.BLOCKED, port

    def exceed(self, limit: Verdict) -> None:
        """It is to be given up for what it uses, and has been killed."""
        if self.problem is None and self.status in (InstanceStatus.STARTING, InstanceStatus.READY):
            self.verdict = limit

    def stopping(self, now: float) -> None:
        """It is being stopped."""
        self._enter(InstanceStatus.STOPPING, now)

    def see(self, program: Program | None, now: float) -> None:
        """Take in what supervisord says now."""
        if self.problem is not None:
            return  # given up until it is started again
        self.pid = program.pid or None if program else None
        if program is None or program.state is ProgramState.STOPPED:
            self._started, self.answered, self.verdict = None, None, None
            self._enter(InstanceStatus.STOPPED, now)
            return
        if program.state is ProgramState.STOPPING:
            self._enter(InstanceStatus.STOPPING, now)
            return
        self._count(program, now)
        self.verdict = self.verdict or self._judge(program, now)
        answered = self.answered is not None and self.answered == self.pid and self.verdict is None
        self._enter(InstanceStatus.READY if answered else InstanceStatus.STARTING, now)

    def _count(self, program: Program, now: float) -> None:
        """A new start without us is an exit before it."""
        if self._started is not None and program.started != self._started:
            self.restarts += 1
            self._exits.append(now)
        self._started = program.started

    def _judge(self, program: Program, now: float) -> Verdict | None:
        if program.state in (ProgramState.FATAL, ProgramState.UNKNOWN):
            return Verdict.EXITED
        if program.state is ProgramState.EXITED and program.exit_code == 0:
            return Verdict.EXITED  # supervisord takes this for its wish
        if len(self._exits) == LOOP_EXITS and now - self._exits[0] <= LOOP_SECONDS:
            return Verdict.CRASH_LOOP
        return None

    def _enter(self, status: InstanceStatus, now: float) -> None:
        if status is not self.status:
            self.status, self.since = status, now

"""Says in words why an instance was given up, from what was found out about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import Address, Limits, Mend, Problem
from drafterd.run.elsewhere import taken_port
from drafterd.run.probe import Answer
from drafterd.run.track import LOOP_EXITS, LOOP_SECONDS, Verdict

_ANY_HOSTS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound
_PORT_HINT = "let the server listen on process.env.PORT, and on process.env.HOSTNAME or on every address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an instance that is given up.

    Attributes:
        address: Where it should have answered.
        seconds: How long it was given for its first answer.
        answer: What the last probe met.
        listens: Where its processes listen.
        last_exit: How its process last ended, or "".
        wanted: The port of its own that it could not get, or None.
        taken: Whether somebody else holds its port once nothing of it runs any more.
        limits: What it may use.
        tail: The last lines of its log.
    """

    address: Address
    seconds: float
    answer: Answer = Answer.REFUSED
    listens: frozenset[tuple[str, int]] = frozenset()
    last_exit: str = ""
    wanted: int | None = None
    taken: bool = False
    limits: Limits = field(default_factory=Limits)
    tail: tuple[str, ...] = ()


def problem(verdict: Verdict, facts: Facts, now: float) -> Problem:
    """What a person must know."""
    code, summary, hint, mend = _SAID[verdict](facts)
    port = _wanted(facts) if code == _FIXED else None
    return Problem(
        code=code,
        summary=summary,
        where=f"port {port or facts.address.port}",
        hint=hint,
        mend=mend,
        since=now,
        tail=facts.tail,
    )


_FIXED = "fixed-port-taken"
_Words = tuple[str, str, str, Mend]


def listens_elsewhere(given: Address, found: Address, now: float) -> Problem:
    """What is said of a server that answers, but not where it was told to."""
    right_port = found.port == given.port
    there, wanted = (str(found), str(given)) if right_port else (str(found.port), str(given.port))
    return Problem(
        code="wrong-port",
        summary=f"the server listens on {there}, was given {wanted}",
        where=f"port {found.port}",
        hint=f"visitors are led there; {_PORT_HINT}",
        since=now,
    )


def _wanted(facts: Facts) -> int | None:
    return facts.wanted or taken_port(facts.tail, facts.address)


def _blocked(facts: Facts) -> _Words:
    summary = f"the server wants port {_wanted(facts)} for itself, which is taken"
    return _FIXED, summary, f"{_PORT_HINT} instead: it was given {facts.address.port}", Mend.DRAFT


def _port_taken(facts: Facts) -> _Words:
    summary = f"another program listens on port {facts.address.port}"
    return "port-taken", summary, "end that program; until then the draft gets another port", Mend.MACHINE


def _exited(facts: Facts) -> _Words:
    if facts.taken:
        return _port_taken(facts)
    if _wanted(facts):
        return _blocked(facts)
    how = f" ({facts.last_exit})" if facts.last_exit else ""
    hint = "start it by hand with `npm start` and mend what the last lines of its log say"
    return "exited", f"the server ended by itself{how}", hint, Mend.DRAFT


def _crash_loop(facts: Facts) -> _Words:
    if facts.taken:
        return _port_taken(facts)
    if _wanted(facts):
        return _blocked(facts)
    how = f", last with {facts.last_exit}" if facts.last_exit else ""
    summary = f"the server ended {LOOP_EXITS} times within {LOOP_SECONDS:g} seconds{how}"
    return "crash-loop", summary, "mend what the last lines of its log say", Mend.DRAFT


def _late(facts: Facts) -> _Words:
    elsewhere = sorted(place for place in facts.listens if not _reaches(place, facts.address))
    if facts.answer is Answer.REFUSED and elsewhere:
        there = ", ".join(_shown(place, facts.address) for place in elsewhere)
        right_port = any(port == facts.address.port for _, port in elsewhere)
        given = str(facts.address) if right_port else str(facts.address.port)
        return "wrong-port", f"the server listens on {there}, was given {given}", _PORT_HINT, Mend.DRAFT
    if facts.answer is Answer.SILENT:
        summary = f"the server listens, but gave no HTTP answer within {facts.seconds:g} seconds"
        return "never-answered", summary, "look at what it does before its first answer", Mend.DRAFT
    if not facts.listens and _wanted(facts):
        return _blocked(facts)
    summary = f"the server did not listen on any port within {facts.seconds:g} seconds"
    return "never-listened", summary, _PORT_HINT, Mend.DRAFT


def _memory(facts: Facts) -> _Words:
    summary = f"the server was ended: its processes took more than {_size(facts.limits.memory)} of memory"
    return "out-of-memory", summary, "let it keep less in memory, or raise `run.memory_max`", Mend.CONFIG


def _processes(facts: Facts) -> _Words:
    summary = f"the server was ended: it ran more than {facts.limits.processes} processes and threads at once"
    return "too-many-processes", summary, "look for what starts itself again and again", Mend.DRAFT


def _disk(facts: Facts) -> _Words:
    summary = f"the server was ended: its folder holds more than {_size(facts.limits.disk)}"
    return (
        "too-much-disk",
        summary,
        "let it write less, or delete what it does not need, or raise `run.disk_max`",
        Mend.CONFIG,
    )


def _size(count: int | None) -> str:
    megabytes = (count or 0) / (1 << 20)
    return f"{megabytes:.4g} MB" if megabytes < 1 << 10 else f"{megabytes / (1 << 10):.3g} GB"


def _reaches(place: tuple[str, int], address: Address) -> bool:
    return place[1] == address.port and (place[0] == address.host or place[0] in _ANY_HOSTS)


def _shown(place: tuple[str, int], address: Address) -> str:
    """The port alone, or with its host where the port is the right one."""
    host, port = place
    if port != address.port:
        return str(port)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_SAID: Mapping[Verdict, Callable[[Facts], _Words]] = {
    Verdict.EXITED: _exited,
    Verdict.CRASH_LOOP: _crash_loop,
    Verdict.LATE: _late,
    Verdict.PORT_TAKEN: _port_taken,
    Verdict.BLOCKED: _blocked,
    Verdict.MEMORY: _memory,
    Verdict.PROCESSES: _processes,
    Verdict.DISK: _disk,
}

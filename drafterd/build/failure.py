"""Why a build failed, as data: from the output of a step to a `Problem`.

The classes are a table (`failure_classes`): the first that matches says code, hint and who can mend it.
"""

import errno
import itertools
import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from drafterd.build.exceeded import told
from drafterd.build.failure_classes import CLASSES, DISK, FULL_HINT, TEMPORARY
from drafterd.build.firsterror import first_error
from drafterd.domain.errors import DrafterdError, SandboxFailed
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import Build, Limits, Mend, Problem

TAIL = 40
"""Lines of the log that a problem carries."""

_SUMMARY = 300
_TAIL_LINE = 1000
_NEARBY = 4
_SIGNALLED = 128
_FULL = (errno.ENOSPC, errno.EDQUOT)


class BuildFailed(DrafterdError):
    """A step of a build did not end well.

    Attributes:
        problem: What the build is to end with.
        timed_out: The deadline of the build ended the step.
    """

    code: ClassVar[str] = "build-failed"
    http_status: ClassVar[int] = 422

    def __init__(self, problem: Problem, *, timed_out: bool = False) -> None:
        super().__init__(problem.summary, hint=problem.hint)
        self.problem = problem
        self.timed_out = timed_out


def failed(
    code: str,
    summary: str,
    *,
    step: str,
    hint: str = "",
    mend: Mend = Mend.DRAFT,
    where: str = "",
    tail: Sequence[str] = (),
    retry_at: float | None = None,
    proposals: Sequence[str] = (),
) -> BuildFailed:
    """A failure with the problem that tells it."""
    return BuildFailed(
        Problem(
            code=code,
            summary=summary[:_SUMMARY],
            step=step,
            hint=hint,
            mend=mend,
            where=where or f"step {step}",
            tail=tuple(tail[-TAIL:]),
            retry_at=retry_at,
            proposals=tuple(proposals),
        )
    )


_NOT_FULL = 1_000_000_000
"""Bytes."""

_KILLED = re.compile(r"signal: SIGKILL|\bKilled\b")


def of_step(
    step: str,
    outcome: Outcome,
    lines: Sequence[str],
    *,
    root: Path,
    now: float,
    retry: float,
    proposals: Sequence[str] = (),
    limits: Limits | None = None,
    disk_max: int | None = None,
    disk_free: int = 0,
) -> BuildFailed:
    """Why a command of a build failed.

    Args:
        lines: What it printed, without colours.
        root: The scratch folder: its name is taken out of what is shown.
        retry: Seconds until a failure by the machine's fault is tried again.
        proposals: What the author could do, and what is not done unasked.
        limits: What the step was given, and `disk_max`: what its folders might hold.
        disk_free: Bytes that are free on the disk: while there are many it was not the disk that was full.
    """
    shown = [inner(line, root) for line in lines]
    if outcome.exceeded:
        words = told(outcome.exceeded, step, limits or Limits(), disk_max)
        return failed(
            words.code,
            words.summary,
            step=step,
            hint=words.hint,
            mend=words.mend,
            tail=shown,
            retry_at=now + retry if words.retried else None,
        )
    if outcome.timed_out:
        return _timed_out(step, outcome, shown)
    summary, where = first_error(shown, step)
    found = next((kind for kind in CLASSES.get(step, ()) if any(kind.sign.search(line) for line in shown)), None)
    if found is DISK and disk_free > _NOT_FULL:
        found = TEMPORARY
    if found is None and (ended_by := _signal(outcome, shown)):
        return failed(
            "build-killed",
            f"the {step} step was ended by {ended_by}",
            step=step,
            hint="most often the machine ran out of memory: look into the system's log, then build again",
            mend=Mend.MACHINE,
            tail=shown,
        )
    ended = f"the {step} step ended with exit code {outcome.code}"
    return failed(
        found.code if found else f"{step}-failed",
        summary or ended,
        step=step,
        hint=found.hint if found else "mend what the log's last lines say; the changed source is built by itself",
        mend=found.mend if found else Mend.DRAFT,
        where=where,
        tail=shown,
        retry_at=now + retry if found and found.retried else None,
        proposals=proposals,
    )


def inner(line: str, root: Path) -> str:
    """A line as a problem tells it: cut, and without the name of the build's folder."""
    return line[:_TAIL_LINE].replace(f"file://{root}/", "").replace(f"{root}/", "")


def _timed_out(step: str, outcome: Outcome, shown: Sequence[str]) -> BuildFailed:
    failure = failed(
        "build-timeout",
        f"the {step} step was still running when the build's time was over ({outcome.seconds:.0f} s)",
        step=step,
        hint="look for a step that waits for something, or raise `build.timeout`",
        tail=shown,
    )
    return BuildFailed(failure.problem, timed_out=True)


def _signal(outcome: Outcome, lines: Sequence[str]) -> str:
    """The name of the signal that ended the command or what it ran, or an empty string."""
    number = outcome.signal
    if number is None and outcome.code is not None and outcome.code > _SIGNALLED:
        number = outcome.code - _SIGNALLED
        number = number if number in set(signal.Signals) else None  # an error's number, as npm gives it
    if number is None and any(_KILLED.search(line) for line in lines[-TAIL:]):
        number = signal.SIGKILL
    if number is None:
        return ""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def of_system(error: OSError, step: str, *, now: float, retry: float) -> BuildFailed:
    """A call to the system failed in one of our own steps."""
    if error.errno in _FULL:
        return failed(
            "disk-full",
            "there is no space left on the disk",
            step=step,
            hint=FULL_HINT,
            mend=Mend.MACHINE,
            retry_at=now + retry,
        )
    return failed(
        "build-io",
        f"the machine failed in the {step} step: {error.strerror or error}",
        step=step,
        hint="look into the daemon's log; the build is tried again by itself",
        mend=Mend.MACHINE,
        retry_at=now + retry,
    )


def of_sandbox(error: SandboxFailed, step: str, *, now: float, retry: float) -> BuildFailed:
    """The walls around a step could not be made: nothing of the draft's ran."""
    return failed(error.code, error.summary, step=step, hint=error.hint, mend=Mend.MACHINE, retry_at=now + retry)


def backed_off(ended: Build, earlier: Sequence[Build], *, longest: float = 3600.0) -> Build:
    """A build that is to be tried again, later each time it fails for the same reason.

    Args:
        earlier: The draft's builds, the newest first.
        longest: Seconds; no wait is longer.
    """
    problem = ended.problem
    if problem is None or problem.retry_at is None or ended.finished is None:
        return ended
    same = itertools.takewhile(
        lambda build: build.key == ended.key and build.problem is not None and build.problem.code == problem.code,
        (build for build in earlier if build.number < ended.number),
    )
    wait = min(longest, (problem.retry_at - ended.finished) * 2 ** min(len(list(same)), 10))
    return replace(ended, problem=replace(problem, retry_at=ended.finished + wait))

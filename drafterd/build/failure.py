"""Why a build failed, as data: from the output of a step to a `Problem`.

The classes are a table, tried in order; the first that matches says code, hint and who can mend it.
"""

import errno
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from drafterd.build.firsterror import first_error
from drafterd.domain.errors import DrafterdError
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import Mend, Problem

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


@dataclass(frozen=True, slots=True)
class _Class:
    """One class of failure: what its output says, and what to tell."""

    code: str
    sign: re.Pattern[str]
    hint: str
    mend: Mend = Mend.DRAFT
    retried: bool = False


_FULL_HINT = "free space where drafterd keeps its state; the build is tried again by itself"

_INSTALL = (
    _Class(
        "npm-network",
        re.compile(
            r"^npm error (?:code|errno) "
            r"(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E5\d\d)"
        ),
        "the package registry cannot be reached from this machine; the build is tried again by itself",
        Mend.MACHINE,
        retried=True,
    ),
    _Class(
        "npm-network",
        re.compile(r"^npm error code (?:SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT)"),
        "the registry's certificate is not trusted: set NODE_EXTRA_CA_CERTS, or `cafile` in npm's global configuration",
        Mend.MACHINE,
        retried=True,
    ),
    _Class(
        "npm-network",
        re.compile(
            r"ERR_PNPM_META_FETCH_FAIL"
            r"|^\s*(?:error |ERR_PNPM_\w+ |\u27a4 YN0001: |RequestError: ).{0,500}"
            r"\b(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ESOCKETTIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH)\b"
            r"|^error: (?:DNSResolveFailed|ConnectionRefused|ConnectionClosed|Timeout|FailedToOpenSocket)\w* downloading"
        ),
        "the package registry cannot be reached from this machine; the build is tried again by itself",
        Mend.MACHINE,
        retried=True,
    ),
    _Class(
        "install-failed",
        re.compile(
            r"ERR_PNPM_(?:FETCH_404|NO_MATCHING_VERSION|NO_VERSIONS)|^error Couldn't find (?:package|any versions)"
            r"|\bYN0035\b.*\b404\b|\bYN0082\b|^error: (?:GET .* - 404|No version matching)"
        ),
        "package.json names a package or a version that does not exist: correct it",
    ),
    _Class(
        "install-failed",
        re.compile(r"ERR_PNPM_(?:WORKSPACE_PKG_NOT_FOUND|CATALOG_ENTRY_NOT_FOUND)\w*"),
        "package.json takes packages from a workspace that is not here: write versions, or drop the whole workspace",
    ),
    _Class(
        "install-failed", re.compile(r"^npm error code ERESOLVE"), "two packages want different versions of a third"
    ),
    _Class(
        "install-failed",
        re.compile(r"^npm error code (?:E404|ETARGET|EINVALIDTAGNAME)"),
        "package.json names a package or a version that does not exist: correct it",
    ),
    _Class(
        "install-failed",
        re.compile(r"^npm error code EUNSUPPORTEDPROTOCOL"),
        "package.json uses `workspace:` or `catalog:`, which npm does not know: write versions",
    ),
    _Class("install-failed", re.compile(r"^npm error code EBADENGINE"), "the draft asks for another version of Node"),
    _Class(
        "install-failed",
        re.compile(r"^npm error code E40[13]"),
        "the registry refuses one of the packages: use public ones",
    ),
)

_ENGINES = _Class(
    "unreachable-host",
    re.compile(r"binaries\.prisma\.sh|Failed to fetch (?:the )?(?:sha256|engine)|fetch .*prisma.*engine.*ENOTFOUND"),
    "Prisma's engines come from binaries.prisma.sh, which this machine must reach; the build is tried again by itself",
    Mend.MACHINE,
    retried=True,
)

_BUILD = (
    _Class(
        "build-failed",
        re.compile(r"JavaScript heap out of memory"),
        "Node ran out of memory: make the build smaller, or give the machine more memory",
        Mend.MACHINE,
    ),
    _ENGINES,
    _Class(
        "unreachable-host",
        re.compile(r"Failed to fetch .{1,80} from Google Fonts|getaddrinfo \w+ fonts\.(?:googleapis|gstatic)\.com"),
        "the host of the fonts cannot be reached from this machine: let it be, or use next/font/local",
        Mend.MACHINE,
    ),
    _Class(
        "missing-variables",
        re.compile(
            r"Invalid environment variables|(?:supabaseUrl|supabaseKey|apiKey) is required"
            r"|\b[Ee]nv(?:ironment)? [Vv]ariables?:? .{0,80}(?:is |are )?(?:missing|not set|required|not defined|undefined)"
            r"|(?:[Mm]issing|MISSING)(?: required)? (?:env(?:ironment)?\b|API key|publishableKey)"
            r"|Your project's URL and (?:API )?[Kk]ey are required"
        ),
        "give the variables that the build asks for: in the draft's .env.local, or in drafterd's configuration (`env`)",
        Mend.CONFIG,
    ),
)

_DISK = _Class("disk-full", re.compile(r"\bENOSPC\b|No space left on device"), _FULL_HINT, Mend.MACHINE, retried=True)
_KILLED = re.compile(r"signal: SIGKILL|\bKilled\b")

_CLASSES = {"install": (_DISK, _ENGINES, *_INSTALL), "build": (_DISK, *_BUILD)}


def of_step(
    step: str,
    outcome: Outcome,
    lines: Sequence[str],
    *,
    root: Path,
    now: float,
    retry: float,
    proposals: Sequence[str] = (),
) -> BuildFailed:
    """Why a command of a build failed.

    Args:
        lines: What it printed, without colours.
        root: The scratch folder: its name is taken out of what is shown.
        retry: Seconds until a failure by the machine's fault is tried again.
        proposals: What the author could do, and what is not done unasked.
    """
    shown = [line[:_TAIL_LINE].replace(f"file://{root}/", "").replace(f"{root}/", "") for line in lines]
    if outcome.timed_out:
        return _timed_out(step, outcome, shown)
    summary, where = first_error(shown, step)
    found = next((kind for kind in _CLASSES.get(step, ()) if any(kind.sign.search(line) for line in shown)), None)
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
            hint=_FULL_HINT,
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

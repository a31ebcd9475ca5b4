"""The errors that drafterd raises on purpose, one tree, and the problems people are shown.

Whether a retry can help is a fact of the class, so that no caller has to guess.
"""

from typing import ClassVar


class DrafterdError(Exception):
    """Something a person must know: what is wrong, and how to mend it.

    Attributes:
        summary: One line for people.
        hint: How to mend it; may be empty.
        code: Stable word for programs, listed in the documentation.
        retryable: Whether the same attempt may succeed later without any change.
        http_status: What the API answers when this error reaches it.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500

    def __init__(self, summary: str, *, hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint


class ConfigError(DrafterdError):
    """The configuration cannot be used."""

    code = "config"


class BadName(DrafterdError):
    """A name cannot be used as an id."""

    code = "bad-name"
    http_status = 404


class BadDraft(DrafterdError):
    """A draft cannot be used as it is; it waits for a change of its source."""

    code = "bad-draft"
    http_status = 422


class NotFound(DrafterdError):
    """There is no such draft, build or release."""

    code = "not-found"
    http_status = 404


class WrongState(DrafterdError):
    """What was asked is not possible in the draft's present state."""

    code = "wrong-state"
    http_status = 409


class BadRelease(WrongState):
    """The release is known not to work: it is not gone back to."""

    code = "bad-release"


class Busy(DrafterdError):
    """Another daemon holds the state folder, or the queue is full."""

    code = "busy"
    retryable = True
    http_status = 429


class SandboxFailed(DrafterdError):
    """The walls around a step could not be made: its command never ran."""

    code = "sandbox-failed"
    retryable = True


class Superseded(DrafterdError):
    """The source changed while it was being read; the newer one will be taken."""

    code = "superseded"
    retryable = True


class RuntimeUnavailable(DrafterdError):
    """The process supervisor does not answer."""

    code = "runtime-unavailable"
    retryable = True
    http_status = 503


class ProxyRejected(DrafterdError):
    """The proxy did not take the route table; the old one stays."""

    code = "proxy-rejected"
    retryable = True
    http_status = 503


class PortsExhausted(DrafterdError):
    """No port of the pool is free."""

    code = "ports-exhausted"
    retryable = True
    http_status = 503


class MachineFailed(DrafterdError):
    """A file or a device of the machine does not do what it must."""

    code = "machine-io"
    retryable = True
    http_status = 503


class DiskFull(DrafterdError):
    """What was asked cannot be kept: the disk is full, or does not let us write."""

    code = "disk-full"
    retryable = True
    http_status = 507

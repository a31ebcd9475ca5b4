"""What ends a command: the exit codes, and the errors that lead to them.

Other programs rely on these numbers.
"""

from enum import IntEnum

from drafterd.domain.errors import BadName, DrafterdError, NotFound, WrongState


class Code(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_DRAFT = 3
    BUILD_FAILED = 4
    UNREACHABLE = 5
    WRONG_STATE = 6
    TIMED_OUT = 124
    INTERRUPTED = 130


class CommandFailed(DrafterdError):
    """A command ends with the exit code `exit_code`."""

    def __init__(self, summary: str, *, hint: str = "", exit_code: Code = Code.FAILED) -> None:
        super().__init__(summary, hint=hint)
        self.exit_code = exit_code


class Unreachable(CommandFailed):
    """No daemon answers."""

    code = "unreachable"
    retryable = True

    def __init__(self, summary: str, *, hint: str = "") -> None:
        super().__init__(summary, hint=hint, exit_code=Code.UNREACHABLE)


class Refused(CommandFailed):
    """The daemon answered with a problem.

    Attributes:
        status: The HTTP status.
        reason: The problem's stable word.
    """

    def __init__(self, status: int, reason: str, summary: str, *, hint: str = "") -> None:
        super().__init__(summary, hint=hint, exit_code=_BY_STATUS.get(status, Code.FAILED))
        self.status = status
        self.reason = reason


_BY_STATUS = {404: Code.NO_DRAFT, 409: Code.WRONG_STATE, 422: Code.USAGE}
_BY_CLASS: tuple[tuple[type[DrafterdError], Code], ...] = (
    (BadName, Code.NO_DRAFT),
    (NotFound, Code.NO_DRAFT),
    (WrongState, Code.WRONG_STATE),
)


def code_of(error: DrafterdError) -> Code:
    """The exit code of an error."""
    if isinstance(error, CommandFailed):
        return error.exit_code
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), Code.FAILED)

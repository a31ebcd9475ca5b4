"""Logging: one event per line, readable on a terminal, JSON for programs."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from drafterd.domain.errors import BadName
from drafterd.domain.names import parse_instance_id

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""The journal's, by the level: sd-daemon(3)."""


def configure(*, terminal: bool, level: int = logging.INFO) -> None:
    """Set up structlog for this process; everything goes to standard error.

    Draft output never comes through here: it has files of its own. Where standard error is the journal's, each line
    says its priority, so that `journalctl -p warning` finds what it should.
    """
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=terminal) if terminal else _json()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            with_draft,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def with_draft(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What is about an instance is about its draft and release too: one filter finds all of a draft."""
    if "draft" not in event and isinstance(name := event.get("instance"), str):
        with suppress(BadName):  # the name of a stranger's file is told as it is
            event["draft"], event["release"] = parse_instance_id(name)
    return event


def _json() -> Processor:
    plain = structlog.processors.JSONRenderer()
    return _for_journal(plain) if _to_journal() else plain


def _to_journal() -> bool:
    """Whether systemd reads our standard error: it says which file that is."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _for_journal(plain: Callable[[WrappedLogger, str, EventDict], str | bytes]) -> Processor:
    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), 5)
        return f"<{priority}>{plain(logger, method, event)!s}"

    return render

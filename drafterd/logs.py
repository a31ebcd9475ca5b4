"""Logging: one event per line, readable on a terminal, JSON for programs.

Whatever this process says comes through here: what libraries say by the standard library, warnings of Python, and
what ends it unexpectedly. A traceback is a field of its event, never lines of its own.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from drafterd.domain.errors import BadName
from drafterd.domain.names import parse_instance_id

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""The journal's, by the level: sd-daemon(3)."""
_LIBRARIES = logging.WARNING
"""What libraries say below that is of no concern here."""


def configure(*, terminal: bool, level: int = logging.INFO) -> None:
    """Set up the logging of this process; everything goes to standard error.

    Draft output never comes through here: it has files of its own. Where standard error is the journal's, each line
    says its priority, so that `journalctl -p warning` finds what it should.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        with_draft,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=terminal) if terminal else _json()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_in_libraries(shared, renderer, max(level, _LIBRARIES))
    if not terminal:
        _take_in_crashes()


def with_draft(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What is about an instance is about its draft and release too: one filter finds all of a draft."""
    if "draft" not in event and isinstance(name := event.get("instance"), str):
        with suppress(BadName):  # the name of a stranger's file is told as it is
            event["draft"], event["release"] = parse_instance_id(name)
    return event


def _take_in_libraries(shared: list[Processor], renderer: Processor, level: int) -> None:
    """What aiohttp, asyncio and others say by the standard library looks like ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)


def _take_in_crashes() -> None:
    """What ends the process, or a thread of it, is an event like others."""
    log = structlog.get_logger(__name__)

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("daemon.crashed", exc_info=(kind, error, trace))

    def thread_crashed(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            thread = args.thread.name if args.thread else ""
            log.error("thread.crashed", thread=thread, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))

    def ignored(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            trace = (args.exc_type, args.exc_value, args.exc_traceback)
            log.error("error.ignored", where=args.err_msg or repr(args.object), exc_info=trace)

    sys.excepthook, threading.excepthook, sys.unraisablehook = crashed, thread_crashed, ignored


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

"""Logging: one event per line, readable on a terminal, JSON for programs."""

import logging
import sys

import structlog


def configure(*, terminal: bool, level: int = logging.INFO) -> None:
    """Set up structlog for this process; everything goes to standard error.

    Draft output never comes through here: it has files of its own.
    """
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )

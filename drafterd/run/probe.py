"""Asks a starting server whether it answers. Any HTTP answer counts: a 500 is the draft's own error page."""

import asyncio
import re
from enum import StrEnum
from urllib.parse import quote

from drafterd.domain.model import Address

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25
_PAUSE_GROWTH = 1.3
_CONNECT_TIMEOUT = 2.0
_LONGEST_LINE = 4096
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? ([1-5]\d\d)\b")
_KEEP_IN_PATH = "/%?=&:@!$'()*+,;~[]"


class Answer(StrEnum):
    """What came back."""

    HTTP = "http"
    SILENT = "silent"
    """somebody listens, but nothing like HTTP came back in time"""
    REFUSED = "refused"
    """nobody listens"""


def next_pause(pause: float) -> float:
    """Seconds until the next attempt: short at first, so that a quick start is seen at once."""
    return min(pause * _PAUSE_GROWTH, LONGEST_PAUSE)


async def ask(address: Address, path: str, *, patience: float) -> Answer:
    """Send one GET and look at the first line of the answer; wait `patience` seconds for that line."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection(address.host, address.port, limit=_LONGEST_LINE)
    except (OSError, TimeoutError):
        return Answer.REFUSED
    try:
        writer.write(
            f"GET {quote(path, safe=_KEEP_IN_PATH)} HTTP/1.1\r\n"
            "Host: localhost\r\nUser-Agent: drafterd-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        async with asyncio.timeout(patience):
            line = await reader.readline()
    except (OSError, TimeoutError, ValueError):
        return Answer.SILENT
    finally:
        writer.transport.abort()
    return Answer.HTTP if _STATUS_LINE.match(line) else Answer.SILENT

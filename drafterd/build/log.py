"""The log of one build: one line per line, each with its time; what a draft prints stays text.

Lines are `<ISO time> <text>`; our own marks are `== install`. Colours stay, every other control
character is taken out, secrets are masked, all before anything reaches the disk.
"""

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

FLUSH_AFTER = 0.1
"""Seconds until a written line is in the file."""

_FLUSH_SIZE = 65_536
_KEPT_LINES = 2000
_RECENT_LINES = 40
_FOLLOW_EVERY = 0.1
_FOLLOW_CHUNK = 262_144
_TAIL_MAX = 4_000_000

_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,40}m")
_ESCAPES = re.compile(
    r"(?P<colour>\x1b\[[0-9;:]{0,40}m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences: cursor, screen
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings: titles, links, device control
    r"|\x1b."
)
# What is left of control characters, of both blocks, and what turns the direction of text or ends
# a line elsewhere than we do. The escape itself stays: here it only begins colours.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONE_ESCAPE = re.compile(r"\x1b(?!\[[0-9;:]{0,40}m)")


def plain(text: str) -> str:
    """A line without its colours."""
    return _COLOUR.sub("", text)


def sanitise(line: bytes) -> str:
    """A line as it may be shown anywhere: text and colours."""
    text = line.decode("utf-8", "replace").rstrip("\r").replace("\r", " ")
    text = _ESCAPES.sub(lambda match: match["colour"] or "", text)
    return _LONE_ESCAPE.sub("\ufffd", _CONTROL.sub("\ufffd", text))


class Mask:
    """Puts names in the place of secret values, longest first."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        names: dict[str, str] = {}
        for name, value in secrets.items():
            for form in (value, quote(value, safe="")):
                for line in form.splitlines():
                    names.setdefault(line, name)
        self._names = {value: name for value, name in names.items() if value.strip()}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """`text` without them."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[{self._names[match[0]]}]", text)


class BuildLog:
    """Writes one build's log. A full disk loses lines, never the build.

    `limit` bounds the file, in bytes; one line says that more was left out.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit: int,
        secrets: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._mask = Mask(secrets or {})
        self._left = limit
        self._limit = limit
        self._waiting: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._recent: deque[str] = deque(maxlen=_RECENT_LINES)
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o640)

    def step(self, name: str) -> None:
        """Mark the begin of a step; what `lines` gives is of this step only."""
        self._lines.clear()
        self._write(f"== {name}")

    def again(self, text: str) -> None:
        """Say that the step is tried in another way; `lines` begins anew."""
        self._lines.clear()
        self.note(text)

    def note(self, text: str) -> None:
        """A line of our own."""
        self._write(f"-- {self._mask(sanitise(text.encode()))}")

    def line(self, line: bytes) -> None:
        """A line that the draft printed."""
        text = self._mask(sanitise(line))
        shown = plain(text)
        self._lines.append(shown)
        self._recent.append(shown)
        self._write(text)

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines that the draft printed in this step, without colours."""
        return tuple(self._lines)

    @property
    def recent(self) -> tuple[str, ...]:
        """The last few lines that the draft printed in any step, without colours."""
        return tuple(self._recent)

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self._flush()
        os.close(self._file)

    def _write(self, text: str) -> None:
        if self._left < 0:
            return
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{now} {text}\n".encode()
        self._left -= len(line)
        if self._left < 0:
            line = f"{now} -- the log has reached {self._limit} bytes: the rest is left out\n".encode()
        self._waiting.append(line)
        self._size += len(line)
        if self._size > _FLUSH_SIZE:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_AFTER, self._flush)

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        data, self._waiting, self._size = b"".join(self._waiting), [], 0
        while data:
            try:
                data = data[os.write(self._file, data) :]
            except OSError:
                return  # a full disk: the steps themselves will say so


def tail(path: Path, lines: int) -> tuple[str, ...]:
    """The last `lines` lines of a log; none when it is not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - min(_TAIL_MAX, max(1, lines) * 16_384))
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    found = text.split("\n")
    if found and not found[-1]:
        found.pop()
    whole = found[1:] if start else found
    return tuple(whole[max(0, len(whole) - lines) :])


async def follow(path: Path, from_offset: int, ended: Callable[[], bool]) -> AsyncIterator[tuple[int, str]]:
    """Each line from a byte offset on, with the offset after it, until the log has ended.

    An offset that lies beyond the file begins anew: the file is another one.
    """
    offset, rest = from_offset, b""
    while True:
        last = ended()  # asked before reading: what was written until then is read below
        data = _read(path, offset + len(rest))
        if data is None:
            offset, rest = 0, b""
            continue
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            offset += len(line) + 1
            yield offset, line.decode("utf-8", "replace")
        if data:
            continue
        if last:
            break
        await asyncio.sleep(_FOLLOW_EVERY)
    if rest:
        yield offset + len(rest), rest.decode("utf-8", "replace")


def _read(path: Path, offset: int) -> bytes | None:
    """A piece of a file that grows; None when it is shorter than that."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                return None
            file.seek(offset)
            return file.read(_FOLLOW_CHUNK)
    except FileNotFoundError:
        return b""

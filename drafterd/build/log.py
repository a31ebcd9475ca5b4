"""The log of one build: one line per line, each with its time; what a draft prints stays text.

Its form is that of `domain.log_lines`. Colours stay, every other control character is taken out,
secrets are masked, all before anything reaches the disk.
"""

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from drafterd.domain.log_lines import LineKind, plain, written
from drafterd.domain.masking import Mask
from drafterd.lines import CUT

FLUSH_AFTER = 0.02
"""Seconds until a written line is in the file."""

_FLUSH_SIZE = 65_536
_KEPT_LINES = 2000
_KEPT_LENGTH = 2000
"""Characters of a line that are looked through for what went wrong: a flood of long ones would take seconds."""
_RECENT_LINES = 40

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


def sanitise(line: bytes) -> str:
    """A line as it may be shown anywhere: text and colours."""
    text = line.decode("utf-8", "replace").rstrip("\r").replace("\r", " ")
    text = _ESCAPES.sub(lambda match: match["colour"] or "", text)
    return _LONE_ESCAPE.sub("\ufffd", _CONTROL.sub("\ufffd", text))


class BuildLog:
    """Writes one build's log. A full disk loses lines, never the build.

    `limit` bounds the file, in bytes; one line says that more was left out.

    Attributes:
        mask: Takes the secrets out of a text.
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
        self._secrets = dict(secrets or {})
        self.mask = Mask(self._secrets)
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

    def hide(self, secrets: Mapping[str, str]) -> None:
        """Mask more values, in what is written from now on."""
        if secrets:
            self._secrets |= secrets
            self.mask = Mask(self._secrets)

    def step(self, name: str) -> None:
        """Mark the begin of a step; what `lines` gives is of this step only."""
        self._lines.clear()
        self._write(LineKind.STEP, name)

    def again(self, text: str) -> None:
        """Say that the step is tried in another way; `lines` begins anew."""
        self._lines.clear()
        self.note(text)

    def note(self, text: str) -> None:
        """A line of our own."""
        self._write(LineKind.NOTE, self.mask(sanitise(text.encode(errors="replace"))))

    def line(self, line: bytes) -> None:
        """A line that the draft printed."""
        whole = line.removesuffix(CUT)
        text = self.mask(sanitise(line)) if whole == line else f"{self.mask.cut(sanitise(whole))}{CUT.decode()}"
        shown = plain(text)[:_KEPT_LENGTH]
        self._lines.append(shown)
        self._recent.append(shown)
        self._write(LineKind.OUTPUT, text)

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

    def _write(self, kind: LineKind, text: str) -> None:
        if self._left < 0:
            return
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{written(now, kind, text)}\n".encode()
        self._left -= len(line)
        if self._left < 0:
            said = f"the log has reached {self._limit} bytes: the rest is left out"
            line = f"{written(now, LineKind.NOTE, said)}\n".encode()
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

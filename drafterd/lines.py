"""Cuts what a child prints into lines, however long they are and however many."""

from collections.abc import Callable

LINE_MAX = 8192
"""Bytes of one line that are kept."""

CUT = b" [the rest of this line is left out]"
"""Stands in the place of what was too long of a line."""

_LINE_COST = 200
"""Each line counts so many bytes more: a flood of empty lines is a flood too."""


class Lines:
    """Cuts a stream into lines, bounded per line and in total.

    Args:
        output_max: Bytes that are given out; one line says that there were more.

    Attributes:
        full: Nothing more is given out.
    """

    def __init__(self, on_line: Callable[[bytes], None], output_max: int) -> None:
        self._on_line = on_line
        self._output_max = output_max
        self._left = output_max
        self._line = bytearray()
        self._cut = False
        self.full = False

    def feed(self, data: bytes) -> None:
        """Take a piece of the stream."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._append(piece)
            self._emit()
        self._append(rest)

    def finish(self) -> None:
        """Give out a last line that has no end."""
        if self._line:
            self._emit()

    def _append(self, piece: bytes) -> None:
        room = LINE_MAX - len(self._line)
        self._line += piece[:room]
        self._cut = self._cut or len(piece) > room

    def _emit(self) -> None:
        line = bytes(self._line).rstrip(b"\r") + (CUT if self._cut else b"")
        self._line.clear()
        self._cut = False
        if self.full:
            return
        self._left -= len(line) + _LINE_COST
        if self._left < 0:
            self.full = True
            line = b"[more than %d bytes of output: the rest is left out]" % self._output_max
        self._on_line(line)

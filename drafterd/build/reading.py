"""Reads the logs of builds: their end, their lines as they come, and where a build went wrong."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from drafterd.build.commands import SOURCE
from drafterd.build.failure import inner
from drafterd.domain.log_lines import LineKind, LogLine, plain, read_all
from drafterd.domain.model import Problem

FOLLOW_EVERY = 0.05
"""Seconds between two looks at a log that grows."""

AROUND = 10
"""Lines before and after the first error."""

_CHUNK = 262_144
_PIECE = 32_768
"""Bytes that a follower is given at once: of short lines there are a thousand in it, and others wait meanwhile."""
_TAIL_MAX = 4_000_000
_LINE_MAX = 65_536
_LOG_MAX = 64_000_000
_OVERLAP = 200
"""Bytes that two pieces share: more than the line of a step has."""

_STEP = re.compile(rb"^(?:[0-9T:.+Z-]{20,32} )?== ([^\n]{1,100})$", re.MULTILINE)


def tail(path: Path, lines: int) -> tuple[str, ...]:
    """The last `lines` lines of a log; none when it is not there."""
    start, data = _end_of(path, lines)
    found = data.decode("utf-8", "replace").split("\n")
    if found and not found[-1]:
        found.pop()
    whole = found[1:] if start else found
    return tuple(whole[max(0, len(whole) - lines) :])


def _end_of(path: Path, lines: int) -> tuple[int, bytes]:
    """A piece that holds the last lines, and where it begins."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - min(_TAIL_MAX, max(1, lines) * 16_384))
            file.seek(start)
            return start, file.read()
    except OSError:
        return 0, b""


def last(path: Path, lines: int) -> tuple[LogLine, ...]:
    """The last `lines` lines of a build's log, each with its step."""
    start, data = _end_of(path, lines)
    if start:
        cut = data.find(b"\n") + 1
        start, data = start + cut, data[cut:]
    whole = data.removesuffix(b"\n").split(b"\n") if data else []
    left = len(whole) - lines
    if left > 0:
        start += sum(len(line) + 1 for line in whole[:left])
        whole = whole[left:]
    return tuple(read_all(whole, step=_step_before(path, start), begin=start))


async def follow(path: Path, from_offset: int, ended: Callable[[], bool]) -> AsyncIterator[tuple[LogLine, ...]]:
    """The lines of a build's log from a byte on, as many at once as there are, until the log has ended.

    A byte inside of a line stands for the begin of that line; one beyond the file for the file's begin: it is
    another file.
    """
    offset = await asyncio.to_thread(_line_begin, path, from_offset)
    step = await asyncio.to_thread(_step_before, path, offset)
    rest = b""
    while True:
        finished = ended()  # asked before reading: what was written until then is read below
        data = _read(path, offset + len(rest))
        if data is None:
            offset, rest, step = 0, b"", ""
            continue
        *whole, rest = (rest + data).split(b"\n")
        if whole:
            lines = tuple(read_all(whole, step=step, begin=offset))
            offset, step = lines[-1].end, lines[-1].step
            yield lines
        if data:
            continue
        if finished:
            break
        await asyncio.sleep(FOLLOW_EVERY)
    if rest:
        (line,) = read_all([rest], step=step, begin=offset - 1)
        yield (line,)


def _read(path: Path, offset: int) -> bytes | None:
    """A piece of a file that grows; None when it is shorter than that."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                return None
            file.seek(offset)
            return file.read(_PIECE)
    except FileNotFoundError:
        return b""


def _line_begin(path: Path, offset: int) -> int:
    """Where the line begins that a byte stands in."""
    start = max(0, offset - _LINE_MAX)
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(offset - start)
    except OSError:
        return offset
    if len(data) < offset - start:
        return 0
    found = data.rfind(b"\n")
    return start + found + 1 if found >= 0 else start


def _step_before(path: Path, offset: int) -> str:
    """The step that was begun last before a byte that begins a line."""
    try:
        with path.open("rb") as file:
            while offset > 0:
                start = max(0, offset - _CHUNK)
                file.seek(start)
                data = file.read(offset - start)
                # Half a line at the begin could look like a mark.
                found = _STEP.findall(data, data.find(b"\n") + 1 if start else 0)
                if found:
                    return bytes(found[-1]).decode("utf-8", "replace")
                offset = start + _OVERLAP if start else 0
    except OSError:
        pass
    return ""


def around_error(path: Path, problem: Problem, scratch: Path) -> tuple[tuple[LogLine, ...], int]:
    """The lines around the first error of a failed build, and which of them it is; -1 where it cannot be found.

    Args:
        scratch: The build's folder, whose name the problem leaves out.
    """
    lines = [line for line in _all(path) if not problem.step or line.step == problem.step]
    texts = [inner(plain(line.text), scratch / SOURCE) for line in lines]
    found = _find(lines, texts, problem.summary.strip())
    if found < 0:
        return tuple(lines[-2 * AROUND :]), -1
    first = max(0, found - AROUND)
    return tuple(lines[first : found + AROUND + 1]), found - first


def _find(lines: Sequence[LogLine], texts: Sequence[str], summary: str) -> int:
    """Where the summary was printed first in the last try that printed it; -1 for nowhere."""
    # What npm says is a code and a sentence, which it prints apart from each other.
    for wanted in filter(None, (summary, summary.partition(": ")[2])):
        tries: dict[int, int] = {}
        attempt = 0
        for number, (line, text) in enumerate(zip(lines, texts, strict=True)):
            if line.kind is not LineKind.OUTPUT:
                attempt = number  # words of ours stand between two tries
            elif wanted in text:
                tries.setdefault(attempt, number)
        if tries:
            return tries[max(tries)]
    ours = (number for number, line in enumerate(lines) if line.kind is LineKind.NOTE and summary in line.text)
    return next(ours, -1)


def _all(path: Path) -> tuple[LogLine, ...]:
    try:
        with path.open("rb") as file:
            data = file.read(_LOG_MAX)
    except OSError:
        return ()
    return tuple(read_all(data.removesuffix(b"\n").split(b"\n"), step="", begin=0)) if data else ()

"""Ends a supervisord that others started, and all of its programs at once: `python -m drafterd.run.drain SOCKET`.

What its unit runs before a stop. supervisord's own end takes its programs one after another, a second for each;
and while it is shutting down it starts none anew, whatever the daemon asks.
"""

import asyncio
import sys
from pathlib import Path

from drafterd.domain.errors import RuntimeUnavailable
from drafterd.run import processes
from drafterd.run.programs import Programs

_PAUSE = 0.05
_WITHIN = 40.0
"""Seconds; a program that does not end is killed by supervisord long before."""


async def drain(socket: Path, *, within: float = _WITHIN) -> bool:
    """Ask all programs to end, then supervisord, and wait for that; whether it is gone. Repeatable."""
    programs = Programs(socket)
    try:
        pid = await programs.supervisor_pid()
    except RuntimeUnavailable:
        return True  # nobody there, or it is ending already
    try:
        for name, program in (await programs.all()).items():
            if program.active:
                await programs.end(name)
        await programs.shutdown()
    except RuntimeUnavailable as error:
        sys.stderr.write(f"drafterd: {error}\n")  # its unit sends TERM next, which ends it too
    for _ in range(round(within / _PAUSE)):
        if not processes.alive(pid):
            return True
        await asyncio.sleep(_PAUSE)
    return False


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(drain(Path(sys.argv[1]))) else 1)

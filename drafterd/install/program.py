"""Whether a service runs the program that lies there now, or one of before."""

import filecmp
from pathlib import Path


def is_another(pid: int, program: Path) -> bool:
    """Whether a process runs something else than `program` holds; where nobody can say: no.

    By content: two environments may hold the same version, and starting it anew would interrupt visitors for nothing.
    """
    try:
        return not filecmp.cmp(f"/proc/{pid}/exe", program, shallow=False)
    except OSError:
        return False

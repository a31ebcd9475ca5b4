"""Runs a harmless command within walls, or as another user, to see whether that works here."""

import subprocess
from collections.abc import Sequence

_TIMEOUT = 10.0
_SHOWN = 200
"""Characters of what a program says that are passed on."""


def refusal(argv: Sequence[str]) -> str | None:
    """Why the command did not run, or did not succeed, in one line; None: it did."""
    try:
        subprocess.run(argv, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=True)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").split("\n")
        return (lines[0].strip() or f"exit code {error.returncode}")[:_SHOWN]
    except (OSError, subprocess.SubprocessError) as error:
        return " ".join(str(error).split())[:_SHOWN]
    return None

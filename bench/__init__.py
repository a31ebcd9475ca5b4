"""Measurements, side by side in one run: medians, ratios, and how many runs.

`python -m bench NAME [--json]`; see `python -m bench` for the names.
"""

import json
import os
import platform
import sys
from collections.abc import Mapping
from typing import Any


def machine() -> Mapping[str, Any]:
    """What the numbers were measured on."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "platform": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def say(text: str) -> None:
    """A line for people; the standard output's last line is the object."""
    print(text, file=sys.stderr, flush=True)


def finish(result: Mapping[str, Any], *, runs: int, as_json: bool) -> int:
    """Print the object, if it was asked for; the exit code."""
    if as_json:
        print(json.dumps({"runs": runs, "machine": machine(), **result}), flush=True)
    return 0

"""What the machine has left: free memory, and how much everything waits for it."""

import re
from pathlib import Path

import psutil

_PRESSURE = Path("/proc/pressure/memory")
"""Pressure stall information, where the kernel has it: https://docs.kernel.org/accounting/psi.html"""


def memory() -> tuple[int, float]:
    """The bytes that are free or can be made so, and the percent of the last ten seconds in which all waited."""
    return psutil.virtual_memory().available, stalled(_PRESSURE)


def stalled(file: Path) -> float:
    """The ten-second average of a pressure file's line `full`; 0 where there is none."""
    try:
        found = re.search(r"^full avg10=(\d{1,3}\.\d{1,2})", file.read_text("ascii"), re.MULTILINE)
    except (OSError, ValueError):
        return 0.0
    return float(found[1]) if found else 0.0

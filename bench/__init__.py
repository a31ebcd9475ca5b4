"""Measurements, side by side in one run: medians, ratios, and how many runs.

`python -m bench NAME [--json]`; see `python -m bench` for the names.
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Goal:
    """What a figure should come to.

    Attributes:
        least: Whether the limit is the least that will do; else the most.
    """

    name: str
    found: float
    limit: float
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether it does."""
        return self.found >= self.limit if self.least else self.found <= self.limit

    def __str__(self) -> str:
        """A line for people."""
        word = "met" if self.met else "MISSED"
        return f"{self.name:>38} {self.found:>12,} (at {'least' if self.least else 'most'} {self.limit:,}): {word}"


def finish(result: Mapping[str, Any], *, runs: int, as_json: bool, goals: Sequence[Goal] = ()) -> int:
    """Judge the goals, and print the object, if it was asked for; the exit code: 1 where a goal was missed."""
    for goal in goals:
        say(str(goal))
    if as_json:
        judged = {goal.name: {"found": goal.found, "limit": goal.limit, "met": goal.met} for goal in goals}
        told = {"runs": runs, "machine": machine(), **result, **({"goals": judged} if goals else {})}
        print(json.dumps(told), flush=True)
    return 0 if all(goal.met for goal in goals) else 1

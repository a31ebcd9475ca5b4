"""What to tell of a limit that ended a step."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drafterd.build.failure_classes import FULL_HINT
from drafterd.domain.interfaces import Exceeded
from drafterd.domain.model import Limits, Mend


@dataclass(frozen=True, slots=True)
class Told:
    """The words of a problem.

    Attributes:
        summary: What the step did; `{step}` and `{most}` are filled in.
        retried: Whether it may pass by itself, so that the build is tried again.
    """

    code: str
    summary: str
    hint: str
    mend: Mend = Mend.DRAFT
    retried: bool = False


TOLD: Mapping[Exceeded, Told] = {
    Exceeded.MEMORY: Told(
        "out-of-memory",
        "the {step} step was ended: its processes took more than {most} of memory",
        "make the build smaller, or raise `build.memory_max`",
        Mend.CONFIG,
    ),
    Exceeded.PROCESSES: Told(
        "too-many-processes",
        "the {step} step was ended: it ran more than {most} processes and threads at once",
        "look for a script that starts itself again and again",
    ),
    Exceeded.OUTPUT: Told(
        "too-much-output",
        "the {step} step was ended: it printed without an end",
        "look for a script that prints in a loop",
    ),
    Exceeded.DISK: Told(
        "too-much-disk",
        "the {step} step was ended: it wrote more than {most} into its folders",
        "look for a script that writes in a loop, or ask for fewer and smaller dependencies",
    ),
    Exceeded.FULL: Told(
        "disk-full",
        "the {step} step was ended: it was filling the disk, of which next to nothing was left",
        f"{FULL_HINT}; if there was enough, look for a script that writes in a loop",
        Mend.MACHINE,
        retried=True,
    ),
}


def told(found: Exceeded, step: str, limits: Limits, disk_max: int | None) -> Told:
    """The words for a limit with its number in them."""
    most = {
        Exceeded.MEMORY: _gigabytes(limits.memory),
        Exceeded.PROCESSES: str(limits.processes),
        Exceeded.DISK: _gigabytes(disk_max),
    }
    words = TOLD[found]
    return replace(words, summary=words.summary.format(step=step, most=most.get(found, "")))


def _gigabytes(size: int | None) -> str:
    return f"{(size or 0) / (1 << 30):.3g} GB"

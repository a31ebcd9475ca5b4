"""The numbers and values that steer builds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drafterd.build import environment, pressure
from drafterd.domain.model import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """How builds are run. Seconds, bytes and counts.

    Attributes:
        slots: How many builds run at once.
        burst_slots: How many more while many wait: see `domain.capacity.BURST`.
        timeout: For a whole build, from its first step to its release.
        grace: Between TERM and KILL.
        queue_max: How many builds may wait.
        keep_builds: How many builds of a draft are remembered, with their logs.
        output_max: Output that is kept of one build.
        next_cache_max: A larger `.next/cache` is not kept.
        disk_budget: What kept dependencies, downloads, package managers and `.next/cache` may take together.
        dependencies_age: How long dependencies without a lock file are taken from an earlier build.
        retry_after: When a build that failed by the machine's fault is tried again.
        limits: For all processes of a build together; files and open files: for each of them.
        disk_max: What a build's own folders may hold; None is no limit.
        surroundings: What the operator's machine needs to reach the registry: proxies,
            certificates, the registry's address; read from this process by default.
        notice: Whether a failure is written into the draft's folder too.
        memory: The bytes that are free, and the percent of the last seconds in which everything waited for some.
    """

    slots: int = 1
    burst_slots: int = 0
    timeout: float = 600.0
    grace: float = 10.0
    queue_max: int = 100
    keep_builds: int = 20
    output_max: int = 20_000_000
    next_cache_max: int = 500_000_000
    disk_budget: int = 20 << 30
    dependencies_age: float = 86_400.0
    retry_after: float = 60.0
    disk_max: int | None = None
    limits: Limits = field(default_factory=Limits)
    surroundings: Mapping[str, str] = field(default_factory=environment.of_daemon)
    notice: bool = True
    memory: Callable[[], tuple[int, float]] = pressure.memory

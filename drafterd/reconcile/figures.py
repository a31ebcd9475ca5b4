"""What is counted and measured, for Prometheus: from views and reports to the daemon's metrics."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import Gauge

from drafterd.domain.model import Build, BuildStatus
from drafterd.domain.report import DraftReport, StatusReport
from drafterd.domain.view import View
from drafterd.metrics import Metrics


def count_builds(metrics: Metrics, before: View | None, view: View) -> None:
    """Count the builds that have ended between two views of a draft.

    Those that had ended when it was first seen are an earlier daemon's.
    """
    if before is None:
        return
    ended = {build.number for build in before.builds if not build.status.active}
    for build in view.builds:
        if not build.status.active and build.number not in ended:
            metrics.builds.labels(outcome=build.status.value).inc()
            for step, seconds in build.steps.items():
                metrics.build_seconds.labels(step=step).observe(seconds)


def measure(
    metrics: Metrics,
    *,
    status: StatusReport,
    reports: Iterable[DraftReport],
    views: Iterable[View],
    queue: Iterable[Build],
) -> None:
    """Set what is true at this moment."""
    found = tuple(reports)
    _set(metrics.drafts, "state", Counter(report.state.value for report in found))
    _set(metrics.problems, "code", Counter(report.problem.code for report in found if report.problem))
    _set(metrics.instances, "status", Counter(each.status.value for view in views for each in view.instances))
    waiting = [build for build in queue if build.status is BuildStatus.QUEUED]
    metrics.queue_depth.set(len(waiting))
    metrics.drafts_memory.set(sum(report.rss_bytes or 0 for report in found))
    metrics.isolation_weak.set(status.weak)
    metrics.ports_free.set(status.ports_free)
    metrics.disk_free.set(status.disk["free"])
    metrics.memory_available.set(status.memory["available"])
    for check in (status.runtime, status.proxy):
        metrics.up.labels(part=check.name).set(check.ok)


def _set(gauge: Gauge, label: str, numbers: Counter[str]) -> None:
    gauge.clear()
    for word, number in numbers.items():
        gauge.labels(**{label: word}).set(number)

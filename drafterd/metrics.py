"""What Prometheus may ask: one registry per daemon, no global state."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600)


class Metrics:
    """The daemon's counters; names are part of the interface (docs/api.md)."""

    def __init__(self, version: str = "") -> None:
        self._registry = CollectorRegistry()
        Gauge("drafterd_info", "This daemon.", ["version"], registry=self._registry).labels(version=version).set(1)
        self.up = Gauge(
            "drafterd_part_up", "Whether supervisord and the proxy answer.", ["part"], registry=self._registry
        )
        self.drafts = Gauge("drafterd_drafts", "Drafts by state.", ["state"], registry=self._registry)
        self.problems = Gauge(
            "drafterd_problems", "Drafts with a problem, by its code.", ["code"], registry=self._registry
        )
        self.builds = Counter("drafterd_builds", "Ended builds by outcome.", ["outcome"], registry=self._registry)
        self.build_seconds = Histogram(
            "drafterd_build_seconds", "Seconds by build step.", ["step"], buckets=_SECONDS, registry=self._registry
        )
        self.queue_depth = Gauge("drafterd_queue_depth", "Builds that wait.", registry=self._registry)
        self.reconcile_seconds = Histogram(
            "drafterd_reconcile_seconds", "Seconds of one look at one draft.", buckets=_SECONDS, registry=self._registry
        )
        self.reconcile_errors = Counter(
            "drafterd_reconcile_errors", "Looks that ended in an unexpected error.", registry=self._registry
        )
        self.illegal_edges = Counter(
            "drafterd_illegal_edges", "Changes of state that should not happen.", registry=self._registry
        )
        self.instances = Gauge("drafterd_instances", "Instances by status.", ["status"], registry=self._registry)
        self.drafts_memory = Gauge(
            "drafterd_drafts_memory_bytes", "What all running drafts hold in memory.", registry=self._registry
        )
        self.memory_available = Gauge(
            "drafterd_memory_available_bytes", "Memory that is free on this machine.", registry=self._registry
        )
        self.disk_free = Gauge(
            "drafterd_disk_free_bytes", "Space that is free where the state lies.", registry=self._registry
        )
        self.isolation_weak = Gauge(
            "drafterd_isolation_weak", "Whether drafts or builds have no walls of their own.", registry=self._registry
        )
        self.ports_free = Gauge("drafterd_ports_free", "Ports of the pool that nobody has.", registry=self._registry)
        self.publish_seconds = Histogram(
            "drafterd_route_publish_seconds",
            "Seconds until the proxy confirmed a table.",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

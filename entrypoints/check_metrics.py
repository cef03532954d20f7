"""What the worker tells Prometheus of its standing checks. No label names a tenant."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from activities.orders import Audited


class CheckMetrics:
    """Sums the latest check of every tenant's log."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._latest: dict[str, tuple[Audited, datetime]] = {}
        self._findings = Gauge(
            "counterseal_log_findings",
            "What the latest checks of all logs found; anything but 0 means tampering or damage",
            registry=self.registry,
        )
        self._events = Gauge(
            "counterseal_log_checked_events",
            "Events read by the latest checks of all logs",
            registry=self.registry,
        )
        self._oldest = Gauge(
            "counterseal_log_checked_timestamp_seconds",
            "When the log whose latest check is the oldest was checked (Unix time)",
            registry=self.registry,
        )

    def checked(self, audited: Audited, at: datetime) -> None:
        """Take note of a check."""
        self._latest[audited.tenant] = (audited, at)
        latest = self._latest.values()
        self._findings.set(sum(each.findings for each, _ in latest))
        self._events.set(sum(each.size for each, _ in latest))
        self._oldest.set(min(at.timestamp() for _, at in latest))

    def serve(self, host: str, port: int) -> None:
        """Answer ``/metrics`` from a thread, for as long as the process runs."""
        start_http_server(port, host, self.registry)

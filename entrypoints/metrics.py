"""Prometheus metrics, with names that are fixed."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0)


class Metrics:
    """Counts what the API answers. Labels are closed sets, never names from callers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decisions = Counter(
            "counterseal_decisions",
            "Answers given to candidate actions",
            ["effective"],
            registry=self.registry,
        )
        self.decision_seconds = Histogram(
            "counterseal_decision_seconds",
            "Time from a candidate action to its first answer",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.votes = Counter("counterseal_votes", "Votes taken", ["result"], registry=self.registry)
        self.redemptions = Counter(
            "counterseal_redemptions", "Redemptions asked for", ["result"], registry=self.registry
        )
        self.receipts = Counter(
            "counterseal_receipts", "Receipts taken", ["outcome"], registry=self.registry
        )
        self.refusals = Counter(
            "counterseal_refusals", "Requests declined, by code", ["code"], registry=self.registry
        )

    def text(self) -> bytes:
        """Write everything in the Prometheus text format."""
        return generate_latest(self.registry)

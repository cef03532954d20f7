"""What the signer counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class SealingMetrics:
    """The signer's own registry. Tenants are no labels: there may be thousands."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("counterseal_sealed_events", "Events sealed", registry=self.registry)
        self.checkpoints = Counter(
            "counterseal_checkpoints", "Checkpoints published", ["level"], registry=self.registry
        )
        self.lag = Gauge(
            "counterseal_seal_lag_seconds",
            "How long the oldest event that is not sealed has waited",
            registry=self.registry,
        )
        self.refusing = Gauge(
            "counterseal_logs_not_sealed",
            "Logs that contradict what was signed of them, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.failures = Counter(
            "counterseal_sealing_failures",
            "Seals that will be tried again, by the part that failed",
            ["part"],
            registry=self.registry,
        )
        self.witness_failures = Counter(
            "counterseal_witness_failures",
            "Cosignatures asked for in vain, by witness and reason",
            ["witness", "reason"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Write everything in the Prometheus text format."""
        return generate_latest(self.registry)

"""Closed-loop load, percentiles, and CPU time by process."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

Job = Callable[[], Awaitable[float]]
"""Does one piece of work and says how many seconds the part that counts took."""


@dataclass
class Tally:
    """What was measured of one way of doing one thing, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    def percentile(self, part: float) -> float:
        """Give a percentile of the latencies, in milliseconds."""
        ranked = sorted(self.seconds)
        return 1000 * ranked[min(len(ranked) - 1, int(part * len(ranked)))]

    @property
    def median(self) -> float:
        """Give the median latency in milliseconds."""
        return 1000 * statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Give pieces of work per second."""
        return len(self.seconds) / self.elapsed

    def report(self) -> dict[str, object]:
        """Sum up, with CPU seconds per 1,000 pieces of work."""
        return {
            "n": len(self.seconds),
            "p50_ms": round(self.median, 2),
            "p95_ms": round(self.percentile(0.95), 2),
            "p99_ms": round(self.percentile(0.99), 2),
            "per_second": round(self.rate, 1),
            "cpu_s_per_1000": {
                name: round(1000 * spent / len(self.seconds), 2) for name, spent in self.cpu.items()
            },
        }


async def drive(
    job: Job, count: int, concurrency: int, tally: Tally, watched: Mapping[str, int]
) -> None:
    """Do ``count`` jobs, ``concurrency`` at a time, and add what was measured to ``tally``."""
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            tally.seconds.append(await job())

    before = {name: cpu_of(pid) for name, pid in watched.items()}
    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(concurrency)))
    tally.elapsed += time.perf_counter() - began
    for name, pid in watched.items():
        tally.cpu[name] = tally.cpu.get(name, 0.0) + cpu_of(pid) - before[name]


def cpu_of(pid: int) -> float:
    """Sum the CPU seconds of a process and of its children, living or waited for."""
    total = 0.0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        own = process.cpu_times()
        total += own.user + own.system
        if process.name() == "postgres":
            for child in process.children(recursive=True):
                with suppress(psutil.Error):
                    times = child.cpu_times()
                    total += times.user + times.system
    return total

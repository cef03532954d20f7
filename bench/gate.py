"""Race a decision through our gate against a bare Temporal workflow, in one run, interleaved.

Example: python -m bench.gate --held 10000
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.bare import QUEUE, Bare
from bench.load import Job, Tally, drive
from bench.policy import write_policy
from entrypoints.processes import Child
from entrypoints.stack import ROOT, Stack

OUT = ROOT / "bench" / "out" / "gate.json"
SMALL = {"amount": 20.0, "order_id": "order-1", "reason": "arrived broken, photos attached"}
LARGE = {**SMALL, "amount": 500.0}
console = Console(stderr=True)


class Ours:
    """One agent and two approvers who speak HTTP."""

    def __init__(self, stack: Stack) -> None:
        keys = stack.keys
        if keys is None:
            raise AssertionError("the stack has not been started")
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        self._http = httpx.AsyncClient(base_url=stack.url, limits=limits, timeout=60)
        self._agent = {"Authorization": f"Bearer {keys.agent}"}
        self._approvers = [
            {"Authorization": f"Bearer {keys.approvers[name]}"} for name in ("ada", "grace")
        ]

    async def decide(self) -> float:
        """Propose a small refund; the time until ALLOW and its grant are here."""
        began = time.perf_counter()
        answer = await self._propose(SMALL)
        spent = time.perf_counter() - began
        if answer["effective"] != "ALLOW":
            raise AssertionError(answer)
        return spent

    async def hold(self) -> dict[str, object]:
        """Propose a refund that people must approve."""
        answer = await self._propose(LARGE)
        if answer["phase"] != "HELD":
            raise AssertionError(answer)
        return answer

    async def release(self) -> float:
        """Hold an action with an agent waiting; the time from the deciding vote to its grant."""
        held = await self.hold()
        await self._vote(held, self._approvers[0])
        waiting = asyncio.create_task(self._wait(held))
        await asyncio.sleep(0.03)  # the agent is waiting by now; not measured
        began = time.perf_counter()
        await asyncio.gather(self._vote(held, self._approvers[1]), waiting)
        granted_at = waiting.result()
        return granted_at - began

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _propose(self, arguments: dict[str, object]) -> dict[str, object]:
        body = {
            "tool": "refund_order",
            "arguments": {**arguments, "customer": uuid.uuid4().hex},
        }
        headers = {**self._agent, "Idempotency-Key": uuid.uuid4().hex}
        while True:  # as the SDK does: no answer in time means asking again with the same key
            response = await self._http.post("/v1/actions", json=body, headers=headers)
            answer: dict[str, object] = response.json()
            if answer.get("phase") != "UNDECIDED":
                return answer

    async def _vote(self, held: dict[str, object], who: dict[str, str]) -> None:
        ballot = {
            "vote_id": uuid.uuid4().hex,
            "approve": True,
            "reason": "benchmark",
            "digest": held["digest"],
        }
        answer = await self._http.post(
            f"/v1/actions/{held['action_id']}/votes", json=ballot, headers=who
        )
        if not answer.json().get("counted"):
            raise AssertionError(answer.text)

    async def _wait(self, held: dict[str, object]) -> float:
        headers = {**self._agent, "Prefer": "wait=20"}
        answer = await self._http.get(f"/v1/actions/{held['action_id']}", headers=headers)
        if not answer.json().get("grant"):
            raise AssertionError(answer.text)
        return time.perf_counter()


class Floor:
    """The bare workflow, called without anything between."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def decide(self) -> float:
        """Start a workflow and have its answer, in one call."""
        began = time.perf_counter()
        start = WithStartWorkflowOperation(
            Bare.run,
            {**SMALL, "customer": uuid.uuid4().hex},
            id=f"bare/{uuid.uuid4().hex}",
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        await self._client.execute_update_with_start_workflow(
            Bare.submit, start_workflow_operation=start, id="submit"
        )
        return time.perf_counter() - began

    async def release(self) -> float:
        """Signal a waiting workflow; the time until its result is here."""
        handle = await self._client.start_workflow(
            Bare.run, {**LARGE, "hold": True}, id=f"bare/{uuid.uuid4().hex}", task_queue=QUEUE
        )
        waiting = asyncio.create_task(handle.result())
        await asyncio.sleep(0.03)
        began = time.perf_counter()
        await handle.signal(Bare.release)
        await waiting
        return time.perf_counter() - began


async def race(stack: Stack, floor_worker: int, options: argparse.Namespace) -> dict[str, object]:
    """Run everything, interleaved, and sum it up."""
    client = await Client.connect(stack.temporal_address, data_converter=pydantic_data_converter)
    ours, floor = Ours(stack), Floor(client)
    watched = _watched(stack, floor_worker)
    tallies: dict[str, Tally] = {}

    async def both(name: str, count: int, concurrency: int, mine: Job, bare: Job) -> None:
        for who, job in (("bare", bare), ("ours", mine)):
            tally = tallies.setdefault(f"{name}/{who}", Tally())
            await drive(job, count, concurrency, tally, watched)

    for concurrency in (1, 16):  # warm caches and pollers
        await both("warm-up", 60, concurrency, ours.decide, floor.decide)
    with Progress(console=console) as progress:
        task = progress.add_task("rounds", total=options.rounds)
        for _ in range(options.rounds):
            await both("decide_c1", options.count, 1, ours.decide, floor.decide)
            await both("decide_c16", options.count * 3, 16, ours.decide, floor.decide)
            await both("decide_c64", options.count * 3, 64, ours.decide, floor.decide)
            await both("release", options.count // 4, 1, ours.release, floor.release)
            progress.advance(task)
    await _held(ours, floor, tallies, watched, options)
    await ours.close()
    return _summed_up(tallies, options)


async def _held(
    ours: Ours,
    floor: Floor,
    tallies: dict[str, Tally],
    watched: dict[str, int],
    options: argparse.Namespace,
) -> None:
    """Compare decisions in an empty system with decisions beside many held actions."""
    if not options.held:
        return
    left = iter(range(options.held))
    with Progress(console=console) as progress:
        task = progress.add_task(f"holding {options.held} actions", total=options.held)

        async def lane() -> None:
            for _ in left:
                await ours.hold()
                progress.advance(task)

        await asyncio.gather(*(lane() for _ in range(16)))
    await asyncio.sleep(3)  # let what creating them has queued up drain
    for _ in range(options.rounds):
        for who, job in (("ours", ours.decide), ("bare", floor.decide)):
            tally = tallies.setdefault(f"held/{who}", Tally())
            await drive(job, options.count, 1, tally, watched)


def _watched(stack: Stack, floor_worker: int) -> dict[str, int]:
    pids = {name: child.pid for name, child in stack.children.items()}
    pids |= {"postgres": stack.postgres.pid, "client": os.getpid(), "bare worker": floor_worker}
    return {name: pid for name, pid in pids.items() if pid is not None}


def _summed_up(tallies: dict[str, Tally], options: argparse.Namespace) -> dict[str, object]:
    def ratio(name: str, measure: Callable[[Tally], float]) -> float:
        return round(measure(tallies[f"{name}/ours"]) / measure(tallies[f"{name}/bare"]), 3)

    ratios = {
        "decision_p50_c1": ratio("decide_c1", lambda one: one.median),
        "throughput_c16": ratio("decide_c16", lambda one: one.rate),
        "throughput_c64": ratio("decide_c64", lambda one: one.rate),
        "release_p50": ratio("release", lambda one: one.median),
    }
    if options.held:
        # What the machine does meanwhile changes between the two: the floor shows by how much.
        empty, held = tallies["decide_c1/ours"], tallies["held/ours"]
        ratios[f"held_{options.held}_p50"] = round(held.median / empty.median, 3)
        ratios[f"held_{options.held}_p50_to_bare"] = ratio("held", lambda one: one.median)
    del tallies["warm-up/ours"], tallies["warm-up/bare"]
    return {
        "ratios": ratios,
        "load_average": os.getloadavg(),
        "measured": {name: tally.report() for name, tally in tallies.items()},
    }


def show(found: dict[str, object]) -> None:
    """Print the tables and the ratios."""
    measured = found["measured"]
    if not isinstance(measured, dict):
        raise TypeError("nothing was measured")
    table = Table(title="Our gate and a bare Temporal workflow, interleaved on one machine")
    for heading in ("what", "p50 ms", "p95", "p99", "per s"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    table.add_column("CPU s per 1,000")
    for name, one in measured.items():
        cpu = "  ".join(f"{who} {spent}" for who, spent in one["cpu_s_per_1000"].items() if spent)
        figures = (one["p50_ms"], one["p95_ms"], one["p99_ms"], one["per_second"])
        table.add_row(name, *(str(figure) for figure in figures), cpu)
    out = Console()
    out.print(table)
    out.print("ratios (ours / bare; held: ours with holds / ours empty):", found["ratios"])


def main() -> int:
    """Start a stack, race, print, write ``bench/out/gate.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--count", type=int, default=50, help="decisions per round at 1 caller")
    parser.add_argument("--held", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(
            Path(folder),
            policies=write_policy(Path(folder) / "policy"),
            environment={"COUNTERSEAL_CACHED_ACTIONS": "2000"},
        )
        worker = Child(
            "bare worker",
            [sys.executable, "-m", "bench.bare", stack.temporal_address],
            Path(folder) / "bare.log",
            folder=ROOT,
        )
        try:
            with console.status("Starting the stack"):
                stack.start()
            worker.start()
            found = asyncio.run(race(stack, worker.pid or 0, options))
        finally:
            worker.stop()
            stack.stop()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2), "utf-8")
    show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

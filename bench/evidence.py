"""Measure the evidence: appends, proofs, packages, questions and checks over a million events.

Everything runs on the embedded stack with its real processes; appends are raced against bare
single-row commits on the same Postgres in the same run. Figures go to ``bench/out/evidence.json``.

Example: python -m bench.evidence --events 1000000
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from activities.auditing import audit_log
from adapters.postgres.audited_log import PostgresAuditedLog
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from adapters.postgres.seals import PostgresSeals
from bench.history_data import fill
from counterseal.core.links import seal
from domain.ports import Entry
from entrypoints.bootstrap import TENANT
from entrypoints.stack import ROOT, Stack

OUT = ROOT / "bench" / "out" / "evidence.json"
VERIFIER = ROOT / "verify" / "counterseal_verify.py"
AIMS = {
    "append_p50_ratio_c1": "≤ 3",
    "append_events_per_s_c32": "≥ 3,000",
    "append_growth_1m": "≤ 1.3",
    "package_build_ms": "≤ 100",
    "package_verify_ms": "≤ 1,000",
    "questions_p95_ms": "≤ 100",
    "reverify_events_per_s": "≥ 100,000",
    "seal_lag_p99_ms": "≤ 1,500",
}
PAYLOAD = "x" * 900
"""Makes an event of about 1.1 kB, as large as those of actions are."""

Step = Callable[[], Awaitable[object]]
console = Console(stderr=True)


def entry(tenant: str) -> Entry:
    """Make an append of one event to a stream of its own."""
    stream = uuid.uuid4().hex
    event = {"kind": "thing.happened", "at": "2026-11-22T10:00:00.000000Z", "extra": PAYLOAD}
    return Entry(
        tenant=tenant, stream=stream, expected=-1, events=seal(tenant, stream, (-1, None), [event])
    )


async def timed(step: Step, count: int) -> list[float]:
    """Do something again and again; give the milliseconds of each."""
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        await step()
        spent.append(1000 * (time.perf_counter() - began))
    return spent


def quantile(values: list[float], part: float) -> float:
    """Give a quantile by the nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


async def race_appends(
    stack: Stack, tenants: dict[str, str], rounds: int, count: int
) -> dict[str, float]:
    """Race appends to logs of several lengths against bare commits, taking turns."""
    admin = await asyncpg.connect(stack.postgres.admin_dsn)
    await admin.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body bytea)")
    body = PAYLOAD.encode() + b"y" * 200
    async with open_pool(stack.postgres.dsn) as pool:
        ledger = PostgresLedger(pool)

        async def commit() -> object:
            return await admin.execute("INSERT INTO bare (body) VALUES ($1)", body)

        def append(tenant: str) -> Step:
            return lambda: ledger.append(entry(tenant))

        steps = {"bare": commit} | {name: append(tenant) for name, tenant in tenants.items()}
        spent: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds):
            for name, step in steps.items():
                spent[name] += await timed(step, count)
    await admin.close()
    return {name: statistics.median(values) for name, values in spent.items()}


async def crowd(stack: Stack, tenant: str, clients: int, seconds: float) -> float:
    """Let many append at once, each waiting for its own; give events per second."""
    async with open_pool(stack.postgres.dsn) as pool:
        ledger = PostgresLedger(pool)
        end = time.perf_counter() + seconds
        done = 0

        async def client() -> None:
            nonlocal done
            while time.perf_counter() < end:
                await ledger.append(entry(tenant))
                done += 1

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return done / (time.perf_counter() - began)


async def seal_lags(stack: Stack, tenant: str, seconds: float) -> list[float]:
    """Append steadily; give the milliseconds from each answer until its event was sealed."""
    async with open_pool(stack.postgres.dsn) as pool:
        ledger, seals = PostgresLedger(pool), PostgresSeals(pool)
        waiting: dict[int, float] = {}
        lags: list[float] = []
        end = time.perf_counter() + seconds
        while waiting or time.perf_counter() < end:
            if time.perf_counter() < end:
                waiting[await ledger.append(entry(tenant))] = time.perf_counter()
            sealed = (await seals.seal(tenant)).sealed
            now = time.perf_counter()
            covered = [seq for seq in waiting if seq < sealed]
            lags += [1000 * (now - waiting.pop(seq)) for seq in covered]
            await asyncio.sleep(0.01)
        return lags


def questions(story: str, now: datetime) -> dict[str, tuple[str, dict[str, str]]]:
    """Give the six questions of an incident review as requests."""
    week = {"since": (now - timedelta(days=7)).isoformat()}
    return {
        "high-risk actions of the week": ("/v1/actions", {**week, "min_risk": "high"}),
        "allowed, escalated or blocked, and why": (
            "/v1/actions/summary",
            {**week, "by": "effective,rule"},
        ),
        "who approved what, seeing what": ("/v1/votes", {**week, "approve": "true"}),
        "what was refused": ("/v1/refusals", week),
        "which policy change came from where": ("/v1/bundles/history", {}),
        "one action's story": (f"/v1/actions/{story}/events", {}),
    }


async def ask(http: httpx.AsyncClient, path: str, query: dict[str, str]) -> httpx.Response:
    """Ask the API; anything but an answer is a fault."""
    answer = await http.get(path, params=query)
    if answer.status_code != httpx.codes.OK:
        raise AssertionError(answer.text)
    return answer


async def some_actions(stack: Stack, count: int) -> list[str]:
    """Have an agent ask for actions and give their grants back: whole stories, at the log's end."""
    if stack.keys is None:
        raise AssertionError("the stack has not been started")
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"Authorization": f"Bearer {stack.keys.agent}"}, timeout=60
    ) as http:
        actions = []
        for number in range(count):
            asked = await http.post(
                "/v1/actions",
                json={"tool": "get_order", "arguments": {"order_id": f"order-{number}"}},
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
            action: str = asked.json()["action_id"]
            back = {"request_id": uuid.uuid4().hex, "reason": "it was only a question"}
            await http.post(f"/v1/actions/{action}/withdrawal", json=back)
            actions.append(action)
        return actions


async def packages(http: httpx.AsyncClient, actions: list[str]) -> tuple[list[float], bytes]:
    """Export a package of each action; give the milliseconds, and the last package."""
    spent, package = [], b""
    for action in actions:
        wanted = {
            "scope": {"kind": "actions", "action_ids": [action]},
            "purpose": "how long it takes",
        }
        began = time.perf_counter()
        answer = await http.post("/v1/evidence", json=wanted)
        spent.append(1000 * (time.perf_counter() - began))
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(answer.text)
        package = answer.content
    return spent, package


def verified(package: bytes, trust: Path, folder: Path, times: int) -> list[float]:
    """Verify a package with the verifier as its own program; give the milliseconds."""
    path = folder / "package.zip"
    path.write_bytes(package)
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", str(VERIFIER), str(path), "--trust", str(trust)],
            capture_output=True,
            check=False,
        )
        spent.append(1000 * (time.perf_counter() - began))
        if done.returncode != 0:
            raise AssertionError(done.stdout.decode() + done.stderr.decode())
    return spent


async def measure(stack: Stack, folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Fill, seal, measure."""
    if stack.keys is None:
        raise AssertionError("the stack has not been started")
    now = datetime.now(UTC)
    async with open_pool(stack.postgres.dsn, patience=60) as pool:
        ledger = PostgresLedger(pool, patience=60)
        for tenant, events in (("fresh", 1), ("small", options.events // 10)):
            await fill(ledger, tenant, events, 90, now)
        began = time.perf_counter()
        with console.status(f"Telling the past: {options.events:,} events"):
            await fill(ledger, TENANT, options.events, 90, now)
        filled = options.events / (time.perf_counter() - began)
    admin = await asyncpg.connect(stack.postgres.admin_dsn)
    await admin.execute("VACUUM ANALYZE")
    await admin.execute("CHECKPOINT")
    await admin.close()
    with console.status("Waiting for the signer"):
        await caught_up(stack)
    found: dict[str, object] = {"filled_events_per_s": round(filled)}
    with console.status("Appending"):
        tenants = {"fresh": "fresh", "100k": "small", "1m": TENANT}
        p50 = await race_appends(stack, tenants, options.rounds, 100)
        found["append_p50_ms"] = {name: round(value, 3) for name, value in p50.items()}
        rate = await crowd(stack, "fresh", 32, options.seconds)
        await caught_up(stack)
        lags = await seal_lags(stack, "fresh", options.seconds)
    with console.status("Asking"):
        async with httpx.AsyncClient(
            base_url=stack.url,
            headers={"Authorization": f"Bearer {stack.keys.auditor}"},
            timeout=60,
        ) as http:
            actions = await some_actions(stack, 30)
            await caught_up(stack)
            asked = {}
            for name, (path, query) in questions(actions[0], now).items():
                spent = await timed(lambda p=path, q=query: ask(http, p, q), 40)  # type: ignore[misc] # bound now
                asked[name] = {"p50_ms": quantile(spent, 0.5), "p95_ms": quantile(spent, 0.95)}
            found["questions"] = asked
            built, package = await packages(http, actions)
    with console.status("Verifying"):
        checked = verified(package, stack.notaries.trust_file, folder, 10)
        async with open_pool(stack.postgres.dsn, patience=60) as pool:
            began = time.perf_counter()
            audit = await audit_log(PostgresAuditedLog(pool), TENANT, {}, lambda *_: None)
            reverified = audit.size / (time.perf_counter() - began)
            if not audit.is_sound:
                raise AssertionError(audit.findings)
    found["figures"] = {
        "append_p50_ratio_c1": round(p50["fresh"] / p50["bare"], 2),
        "append_events_per_s_c32": round(rate),
        "append_growth_1m": round(max(p50["1m"], p50["100k"]) / p50["fresh"], 2),
        "package_build_ms": round(quantile(built, 0.5), 1),
        "package_verify_ms": round(quantile(checked, 0.5), 1),
        "questions_p95_ms": round(max(each["p95_ms"] for each in asked.values()), 1),
        "reverify_events_per_s": round(reverified),
        "seal_lag_p99_ms": round(quantile(lags, 0.99)),
    }
    found |= {
        "package_bytes": len(package),
        "package_build_p95_ms": round(quantile(built, 0.95), 1),
        "load_average": os.getloadavg(),
        "events": options.events,
    }
    return found


async def caught_up(stack: Stack) -> None:
    """Wait until every log is sealed to its head."""
    db = await asyncpg.connect(stack.postgres.admin_dsn)
    unsealed = (
        "SELECT count(*) FROM ledger.tenant_head LEFT JOIN ledger.seal USING (tenant) "
        "WHERE next_seq > coalesce(sealed, 0)"
    )
    while await db.fetchval(unsealed):  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.1)
    await db.close()


def show(found: dict[str, object]) -> None:
    """Print the figures beside what they are to be."""
    figures = found["figures"]
    if not isinstance(figures, dict):
        raise TypeError("nothing was measured")
    table = Table(title="Evidence, on one machine")
    for heading in ("figure", "measured", "aim"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}", AIMS[name])
    out = Console()
    out.print(table)
    out.print({name: value for name, value in found.items() if name != "figures"})


def main() -> int:
    """Start a stack, measure, print, write ``bench/out/evidence.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack")
        try:
            with console.status("Starting the stack"):
                stack.start()
            found = asyncio.run(measure(stack, Path(folder), options))
        finally:
            stack.stop()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2), "utf-8")
    show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

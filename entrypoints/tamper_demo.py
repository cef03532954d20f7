"""``make tamper-demo``: edit the database with every right there is, and see that it shows.

A few refunds are played on a real stack until a witness has seen them. Then everything stops but
Postgres, and in one copy of the database after the other a superuser does something to the log.
The verifier has nothing to compare with but the checkpoints that the witness published.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.text import Text

from adapters.postgres.pool import open_pool
from adapters.postgres.tree import PostgresTree
from counterseal import CountersealError
from counterseal.core.tlog.checkpoint import parse_checkpoint
from entrypoints import demo
from entrypoints.bootstrap import TENANT, Keys
from entrypoints.stack import ROOT, Stack, StackFailed
from entrypoints.tampering import TAMPERS, Tamper, intrude

PATIENCE = 20.0
"""Seconds within which the witness must have seen everything."""

_MOST_SHOWN = 2
_WIDTH = 110
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


async def play(stack: Stack, keys: Keys) -> None:
    """Have a few refunds asked for, answered and tried twice."""
    async with demo.on_stage(stack, keys) as stage:
        for scene in (demo.allowed, demo.approved, demo.changed):
            console.print(f"\n[bold]{scene.__doc__}[/]")
            await scene(stage)


async def wait_for_witness(stack: Stack) -> int:
    """Wait until a published checkpoint covers the whole log; tell its size."""
    async with open_pool(stack.postgres.dsn, size=1) as pool, asyncio.timeout(PATIENCE):
        while True:
            size = (await PostgresTree(pool).head(TENANT)).size
            if size in _published(stack.notaries.witnessed):
                return size
            await asyncio.sleep(0.1)


def _published(folder: Path) -> set[int]:
    """Read the sizes of the tenant's log that the witness has published."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            checkpoint, _ = parse_checkpoint(path.read_text("utf-8"))
            if checkpoint.origin.endswith(f"/{TENANT}"):
                found.add(checkpoint.size)
    return found


@asynccontextmanager
async def copy_of(stack: Stack, name: str) -> AsyncIterator[str]:
    """Copy the database, and throw the copy away afterwards."""
    admin = await asyncpg.connect(stack.postgres.admin_dsn.replace("/counterseal?", "/postgres?"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE counterseal")
        yield stack.postgres.admin_dsn.replace("/counterseal?", f"/{name}?")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def tampered(stack: Stack, number: int, tamper: Tamper | None) -> dict[str, object]:
    """Do something to a copy of the database, and give what the verifier says of it."""
    async with copy_of(stack, f"copy_{number}") as dsn:
        if tamper is not None:
            db = await asyncpg.connect(dsn)
            await intrude(db)
            await tamper(db, TENANT)
            await db.close()
        return await verify(stack, dsn)


async def verify(stack: Stack, dsn: str) -> dict[str, object]:
    """Run the verifier as an operator would, as a program of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "entrypoints.ledger", "--json", "verify", dsn),
        *("--tenant", TENANT, "--trust", str(stack.notaries.trust_file)),
        *("--kept", str(stack.notaries.witnessed)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await child.communicate()
    if child.returncode not in (0, 1):
        raise StackFailed(f"the verifier gave up: {complaint.decode()}")
    told: dict[str, object] = json.loads(said)
    return told


async def attack(stack: Stack) -> bool:
    """Verify an untouched copy, then one for each kind of tampering; say whether all showed."""
    honest = await tampered(stack, 0, None)
    _show("nothing", honest, fine=honest["sound"] is True)
    shown = honest["sound"] is True
    for number, (name, tamper) in enumerate(TAMPERS.items(), 1):
        told = await tampered(stack, number, tamper)
        _show(name, told, fine=told["sound"] is False)
        shown = shown and told["sound"] is False
    return shown


def _show(name: str, told: dict[str, object], *, fine: bool) -> None:
    console.print(Text("   done:   ").append(name, "bold"), soft_wrap=True)
    findings = told["findings"]
    if not isinstance(findings, list) or not findings:
        said = Text("nothing to find", "green" if fine else "bold red")
        console.print(Text("   found:  ").append_text(said), soft_wrap=True)
    else:
        for each in findings[:_MOST_SHOWN]:
            said = Text(f"{each['code']}: ", "bold red").append(each["sentence"], "default")
            console.print(Text("   found:  ").append_text(said), soft_wrap=True)
        if len(findings) > _MOST_SHOWN:
            console.print(Text(f"           and {len(findings) - _MOST_SHOWN} more", "dim"))
    console.print()


def main() -> int:
    """Play, tamper, verify; 0 if every tampering was found and nothing else."""
    argparse.ArgumentParser(
        prog="make tamper-demo", description=__doc__, epilog="Example: make tamper-demo"
    ).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="counterseal-tamper-") as folder:
        stack = Stack(Path(folder), policies=ROOT / "policies" / "demo")
        try:
            with console.status("Starting Postgres, Temporal, worker, API, signer and witness"):
                keys = stack.start()
            asyncio.run(play(stack, keys))
            with console.status("Waiting for the witness"):
                size = asyncio.run(wait_for_witness(stack))
            stack.stop_all_but_postgres()
            console.print(
                f"\n[bold]The witness has published a checkpoint of {size} events. From here on, "
                "somebody with every right in the database is at work.[/]\n"
            )
            shown = asyncio.run(attack(stack))
        except (StackFailed, CountersealError, TimeoutError) as failed:
            console.print(Text(f"The demo failed: {type(failed).__name__}: {failed}", "bold red"))
            return 1
        finally:
            with console.status("Stopping"):
                stack.stop()
    verdict = "Whatever was done, it showed." if shown else "Something that was done did not show."
    took = f"{time.monotonic() - began:.0f} s; nothing is left running."
    console.print(f"[bold]{verdict}[/] {took}")
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main())

"""A stack whose parts are killed, and people who do not give up."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import psutil
import pytest

from counterseal.core.links import flaws
from entrypoints.stack import Stack
from tests.support.invariants import broken_promises
from tests.support.stack import Cast
from tests.support.workflows import POLICY, ROSTER

__all__ = ["victim", "witnesses"]

Json = dict[str, Any]
PATIENCE = 20.0
TENANT = "main"
Found = TypeVar("Found")


def policy_files(folder: Path) -> tuple[Path, Path]:
    """Write the policy and the roster of the flow tests where a stack can read them."""
    bundle = folder / "policy"
    bundle.mkdir(parents=True)
    (bundle / "bundle.yaml").write_text(POLICY, "utf-8")
    roster = folder / "roster.yaml"
    roster.write_text(ROSTER.model_dump_json(), "utf-8")  # JSON is YAML
    return bundle, roster


@pytest.fixture(scope="module")
def victim() -> Iterator[Stack]:
    """Start a stack that nobody else relies on; at its end, look at everything it recorded."""
    # not pytest's tmp_path: it takes rights away that the user Postgres runs as needs
    folder = Path(tempfile.mkdtemp(prefix="counterseal-fault-"))
    bundle, roster = policy_files(folder)
    hurried = {"COUNTERSEAL_ANSWER_WITHIN": "2"}
    stack = Stack(folder / "data", policies=bundle, roster=roster, environment=hurried)
    try:
        stack.start()
        yield stack
        assert promises(stack) == []
    finally:
        stack.stop()
        with suppress(Exception):
            shutil.rmtree(stack.postgres.socket_dir)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def witnesses(victim: Stack) -> Iterator[Cast]:
    """Bring everyone on stage; whatever the last test killed is healed first."""
    heal(victim)
    assert victim.keys is not None
    everyone = Cast(victim, victim.keys)
    yield everyone
    everyone.close()


def promises(stack: Stack) -> list[str]:
    """List what is wrong with everything a stack has recorded."""
    return asyncio.run(broken_promises(stack.postgres.admin_dsn))


def kill(stack: Stack, part: str) -> None:
    """End a part as a crash would."""
    if part != "postgres":
        stack.children[part].kill()
        return
    pid = stack.postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    insist(lambda: not stack.postgres.is_alive(), "Postgres to be dead")


def heal(stack: Stack) -> list[str]:
    """Start again what has died, and wait until it answers."""
    started = stack.heal()
    stack.wait_until_ready()
    return started


def insist(look: Callable[[], Found | None], wanted: str) -> Found:
    """Try again and again, as people and agents do; a lost connection is no answer."""
    deadline = time.monotonic() + PATIENCE
    last: object = None
    while time.monotonic() < deadline:
        try:
            if last := look():
                return last
        except httpx.TransportError as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {wanted}: {last!r}")


def propose(cast: Cast, tool: str, key: str | None = None) -> Json:
    """Ask until there is an answer, always with the same key."""
    key = key or uuid.uuid4().hex

    def ask() -> Json | None:
        answer = cast.agent.propose(tool, key)
        assert answer.status_code in {200, 202, 503}, answer.text
        told: Json = answer.json()
        return told if answer.status_code < 500 and told["phase"] != "UNDECIDED" else None

    return insist(ask, f"an answer to {tool}")


def approve(cast: Cast, held: Json, person: str) -> Json:
    """Vote until the vote is known to count, always with the same vote ID."""
    vote_id = uuid.uuid4().hex

    def vote() -> Json | None:
        answer = cast.approvers[person].vote(held, vote_id=vote_id)
        assert answer.status_code in {200, 202, 503}, answer.text
        told: Json = answer.json()
        assert told.get("counted") is not False, told
        return told if told.get("counted") else None

    return insist(vote, f"{person}'s vote")


def run(cast: Cast, action: Json) -> Json:
    """Redeem and report until it is done, always with the same IDs; return how it ended."""
    redemption, receipt = uuid.uuid4().hex, uuid.uuid4().hex

    def granted() -> Json | None:
        answer = cast.agent.read(action["action_id"], wait=2)
        told: Json = answer.json()
        return told if answer.status_code == 200 and told.get("grant") else None

    grant = insist(granted, "a grant")

    def redeem() -> Json | None:
        answer = cast.agent.redeem(grant, redemption_id=redemption)
        assert answer.status_code in {200, 503}, answer.text
        return answer.json() if answer.status_code == 200 else None

    def report() -> Json | None:
        answer = cast.agent.report(grant, redemption, request_id=receipt)
        assert answer.status_code in {200, 503}, answer.text
        return answer.json() if answer.status_code == 200 else None

    insist(redeem, "a redemption")
    return insist(report, "a receipt")


def assert_ran_once(cast: Cast, action: Json) -> None:
    """Assert that an action's story is whole, linked, and has it run exactly once."""
    named = action["action_id"]
    told = cast.auditor.story(named)
    kinds = [event["kind"] for event in told["events"]]
    assert kinds[0] == "action.requested"
    assert kinds[-1] == "action.closed"
    for once in ("action.requested", "decision.reached", "grant.redeemed", "execution.reported"):
        assert kinds.count(once) == 1, kinds
    assert flaws(TENANT, named, [event["canonical"].encode() for event in told["events"]]) == []


def recorded(stack: Stack, action_id: str) -> list[str]:
    """Name an action's events as the ledger has them, past the API."""

    async def look() -> list[str]:
        db = await asyncpg.connect(stack.postgres.admin_dsn)
        try:
            rows = await db.fetch(
                "SELECT kind FROM ledger.event WHERE stream = $1 ORDER BY version", action_id
            )
        finally:
            await db.close()
        return [row["kind"] for row in rows]

    return asyncio.run(look())


def processes_of(folder: Path) -> list[psutil.Process]:
    """Find everything that runs for a stack in ``folder``, whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join([*process.cmdline(), process.cwd(), *process.environ().values()])
            if str(folder) in words and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found

"""``make demo``: an agent works through a queue of refunds, on a real stack, with real money rows.

Every answer below is given by the control plane that ``make up`` runs; nothing is staged but the
people, who are played.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from counterseal import (
    AsyncCounterseal,
    Blocked,
    CountersealError,
    Expired,
    Outcome,
    Permit,
    Standing,
    oversight,
)
from counterseal.calls import redeem as redeem_call
from counterseal.core.action import action_digest
from counterseal.core.links import flaws, unseal
from counterseal.core.wire import Ballot, Redemption, Story
from entrypoints.bootstrap import TENANT, Keys
from entrypoints.demo_evidence import take_along
from entrypoints.shop import Shop, open_shop
from entrypoints.stack import ROOT, Stack, StackFailed

TOOL = "refund_order"
APPROVERS = ("ada", "grace")
PATIENCE = 20.0

_WIDTH = 110
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


@dataclass
class Stage:
    """Everyone and everything that plays."""

    stack: Stack
    shop: Shop
    agent: AsyncCounterseal
    people: dict[str, AsyncCounterseal]
    auditor: AsyncCounterseal
    seen: dict[str, str]

    async def ask(self, title: str, **refund: object) -> Standing:
        """Have the agent ask for a refund."""
        now = await self.agent.propose(TOOL, refund, session="queue-1", key=uuid.uuid4().hex)
        self.seen[now.action_id] = title
        return now

    async def vote(self, person: str, now: Standing, reason: str) -> bool | None:
        """Have a person read the action and approve exactly what they read."""
        action = await self.people[person].ask(oversight.view(now.action_id))
        ballot = Ballot(
            vote_id=uuid.uuid4().hex, approve=True, reason=reason, digest=action.row.digest
        )
        answer = await self.people[person].ask(oversight.vote(now.action_id, ballot))
        says = {True: "counted", False: f"refused ({answer.code})", None: "taken down"}
        line(f"{person} approves: “{reason}”", f"vote {says[answer.counted]}")
        return answer.counted

    async def run(self, now: Standing) -> None:
        """Redeem the grant, pay, report."""
        go = await self.agent.redeem(now)
        arguments = dict(go.arguments)
        paid = await self.shop.refund(
            float(str(arguments["amount"])),
            str(arguments["customer"]),
            str(arguments["order_id"]) if "order_id" in arguments else None,
        )
        await self.agent.report(go, Outcome.SUCCEEDED, detail=paid)
        line("the agent redeems the grant, pays, and reports", f"{paid} in the shop's database")


def line(what: str, came_of_it: str = "", style: str = "") -> None:
    """Print one step."""
    text = Text("   " + what)
    if came_of_it:
        text.append("  → ", "dim")
        text.append(came_of_it, style or "bold")
    console.print(text, soft_wrap=True)


async def allowed(stage: Stage) -> None:
    """Ask for a small refund."""
    now = await stage.ask("small, allowed", amount=20, customer="cust-1", order_id="order-1")
    line("refund 20 for order-1", str(now.answer.disposition), "bold green")
    await stage.run(now)


async def blocked(stage: Stage) -> None:
    """Ask for a refund no agent may make."""
    try:
        now = await stage.ask("large, blocked", amount=9000, customer="cust-2", order_id="order-2")
        await stage.agent.redeem(now)
    except Blocked as no:
        line("refund 9,000 for order-2", f"BLOCKED: {no.reason}", "bold red")
    line("cust-2 was paid", str(await stage.shop.paid_to("cust-2")))


async def approved(stage: Stage) -> None:
    """Ask for a refund that two people agree to."""
    now = await stage.ask("held, approved", amount=480, customer="cust-3", order_id="order-3")
    line("refund 480 for order-3", "HELD for two people", "bold yellow")
    await stage.vote("ada", now, "photo shows the damage")
    await stage.vote("grace", now, "within the customer's history")
    await stage.run(await stage.agent.wait(now, PATIENCE))


async def expired(stage: Stage) -> None:
    """Ask for a gift that nobody answers for."""
    now = await stage.ask("held, expired", amount=40, customer="cust-4")
    line("refund 40 without an order", "HELD, and nobody answers", "bold yellow")
    try:
        await stage.agent.redeem(await stage.agent.wait(now, PATIENCE))
    except Expired:
        line("the deadline passes", "EXPIRED: silence is no", "bold red")


async def changed(stage: Stage) -> None:
    """Have a refund approved, then change it before it runs."""
    now = await stage.ask("approved, changed", amount=700, customer="cust-5", order_id="order-5")
    line("refund 700 for order-5", "HELD for two people", "bold yellow")
    await stage.vote("ada", now, "agreed with the customer")
    await stage.vote("grace", now, "fine")
    now = await stage.agent.wait(now, PATIENCE)
    if not isinstance(now, Permit) or now.answer.action is None or now.answer.grant is None:
        raise StackFailed(f"{now.action_id} was not granted")
    would_run = now.answer.action.model_copy(
        update={"arguments": {**now.answer.action.arguments, "amount": 7000}}
    )
    try:
        await stage.agent.ask(
            redeem_call(
                now.action_id,
                Redemption(
                    redemption_id=uuid.uuid4().hex,
                    grant=now.answer.grant.token or "",
                    digest=action_digest(would_run),
                ),
            )
        )
    except CountersealError as refused:
        line("the agent would now pay 7,000", f"REFUSED ({refused.code})", "bold red")
    line("cust-5 was paid", str(await stage.shop.paid_to("cust-5")))
    await stage.agent.withdraw(now.action_id, "the agent was stopped")


async def crashed(stage: Stage) -> None:
    """Kill the worker while people think about a refund."""
    now = await stage.ask("worker killed", amount=350, customer="cust-6", order_id="order-6")
    line("refund 350 for order-6", "HELD for two people", "bold yellow")
    stage.stack.children["worker"].kill()
    line("kill -9 of the worker", "nothing is there to count votes", "bold red")
    await stage.vote("ada", now, "voted while everything was down")
    stage.stack.heal()
    line("the worker is started again")
    await stage.vote("grace", now, "order-6 was never delivered")
    await stage.run(await stage.agent.wait(now, PATIENCE))
    line("cust-6 was paid, exactly once", str(await stage.shop.paid_to("cust-6")))


SCENES: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    allowed,
    blocked,
    approved,
    expired,
    changed,
    crashed,
)


@asynccontextmanager
async def on_stage(stack: Stack, keys: Keys) -> AsyncIterator[Stage]:
    """Bring everyone on stage."""
    async with AsyncExitStack() as doors:
        shop = await open_shop(stack.postgres.admin_dsn)
        doors.push_async_callback(shop.close)

        async def caller(key: str) -> AsyncCounterseal:
            return await doors.enter_async_context(AsyncCounterseal(stack.url, key))

        yield Stage(
            stack,
            Shop(shop),
            await caller(keys.agent),
            {person: await caller(keys.approvers[person]) for person in APPROVERS},
            await caller(keys.auditor),
            {},
        )


async def play(stack: Stack, keys: Keys) -> bool:
    """Play every scene, then read everything back; say whether all of it holds."""
    async with on_stage(stack, keys) as stage:
        for number, scene in enumerate(SCENES, 1):
            console.print(f"\n[bold]{number}. {scene.__doc__}[/]")
            await scene(stage)
        whole = await read_back(stage)
        console.print(Rule("what an auditor takes along"))
        trust = stack.notaries.trust_file
        return await take_along(console, stage.auditor, trust, stage.seen) and whole


async def read_back(stage: Stage) -> bool:
    """Print every action's story as it is recorded, and check its links."""
    console.print()
    console.print(Rule("what the ledger says"))
    whole = True
    for action_id, title in stage.seen.items():
        story = await stage.auditor.ask(oversight.story(action_id))
        broken = flaws(TENANT, action_id, [one.canonical.encode() for one in story.events])
        whole = whole and not broken
        console.print(_told(title, story, broken))
        console.print()
    return whole


def _told(title: str, story: Story, broken: list[str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), title_justify="left")
    holds = "links hold" if not broken else f"BROKEN: {broken[0]}"
    table.title = Text(f"{title}  ·  {story.action_id}  ·  {holds}", "bold")
    for one in story.events:
        event = unseal(one.canonical.encode())["event"]
        at = str(event["at"])[11:23] if isinstance(event, dict) else ""
        table.add_row(f"   {one.seq:>3}", at, one.kind, Text(_gist(event), "dim"), one.link[:12])
    return table


def _gist(event: object) -> str:
    """Say in a few words what an event adds."""
    if not isinstance(event, dict):
        return ""
    match event["kind"]:
        case "decision.reached":
            decision = event["decision"]
            return f"{decision['effective']} by {', '.join(decision['determining'])}"
        case "vote.counted":
            return f"{event['person']}: {event['reason']}"
        case "action.settled":
            return f"{event['disposition']}: {event['because']}"
        case "grant.refused":
            return str(event["code"])
        case "action.closed":
            return str(event["outcome"])
        case _:
            return ""


def main() -> int:
    """Start a stack in a temporary folder, play, stop everything; 0 if every link holds."""
    argparse.ArgumentParser(
        prog="make demo", description=__doc__, epilog="Example: make demo"
    ).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="counterseal-demo-") as folder:
        stack = Stack(Path(folder), policies=ROOT / "policies" / "demo")
        try:
            with console.status("Starting Postgres, Temporal, the worker and the API"):
                keys = stack.start()
            console.print(f"Everything is up after {time.monotonic() - began:.1f} s.")
            whole = asyncio.run(play(stack, keys))
        except (StackFailed, CountersealError) as failed:
            console.print(Text(f"The demo failed: {failed}", "bold red"))
            return 1
        finally:
            with console.status("Stopping"):
                stack.stop()
    good, bad = "Every hash link holds, and the evidence verifies.", "Something does not hold."
    verdict = good if whole else bad
    took = f"{time.monotonic() - began:.0f} s; nothing is left running."
    console.print(f"\n[bold]{verdict}[/] {took}")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())

"""Record the histories that replay tests replay: ``.venv/bin/python -m tests.replay.record``.

With ``clear`` or ``encrypted`` behind it, only those.
Record anew only when no workflow that runs anywhere can still have the old shape: these files stand
for the holds that are pending while we upgrade.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from adapters.payload_keys import PayloadKeys
from entrypoints.temporal import data_converter
from tests.support.postgres import discard, make_database, start_server
from tests.support.workflows import TEMPORAL, Named, Scene, Venue, server_flags, until
from workflows import governed_action

HISTORIES = Path(__file__).parent / "histories"
ENCRYPTED = HISTORIES / "encrypted"
KEYS = PayloadKeys(Path(__file__).parent / "payload.keys")
"""Keys that everybody knows: what is recorded here is no secret."""

_TRACE = re.compile(r'("stackTrace":\s*)"(?:[^"\\]|\\.)*"')
FEW = 4
"""How many messages a run takes in the histories of a hold that was handed over."""


async def allowed(scene: Scene) -> Named:
    return await scene.propose("read", key="replay")


async def blocked(scene: Scene) -> Named:
    return await scene.propose("wipe", key="replay")


async def approved_by_two(scene: Scene) -> Named:
    """One vote as update, one as signal, a stranger between them, redeemed and reported."""
    now = await scene.propose("pay", key="replay")
    await scene.vote(now, "ada")
    await scene.vote(now, "mallory")
    await scene.signal(now, scene.envelope(now, "grace"))
    await scene.until(now, "grant.issued")
    redeemed = await scene.redeem(now)
    await scene.report(redeemed, now)
    return now


async def escalated_and_expired(scene: Scene) -> Named:
    now = await scene.propose("climb", key="replay")
    await scene.forward(now, timedelta(days=3, hours=1))
    return now


async def withdrawn(scene: Scene) -> Named:
    now = await scene.propose("ask", key="replay")
    await scene.withdraw(now)
    return now


async def still_held(scene: Scene) -> Named:
    """A hold as it is when we upgrade: reminded, with one vote of two."""
    now = await scene.propose("pay", key="replay")
    await scene.vote(now, "ada")
    await scene.forward(now, timedelta(hours=1))
    return now


async def handed_over(scene: Scene) -> Named:
    with patch.object(governed_action, "MESSAGES_PER_RUN", FEW):
        now = await scene.propose("pay", key="replay")
        await scene.vote(now, "ada")
        for _ in range(FEW):
            await scene.signal(now, scene.envelope(now, "mallory"))
        await scene.until(now, "vote.refused", times=FEW)
        await scene.vote(now, "grace")
        await scene.withdraw(now)
        await scene.handle(now).result()
    return now


async def waited_out(scene: Scene) -> Named:
    """Asked while the ledger is down: local tries are given up, a durable activity goes on."""
    async with scene.venue.database_down():
        now = await scene.start(scene.candidate("read", key="replay"))
        await until(
            lambda: scene.happened(now, "activity_task_scheduled_event_attributes"),
            "a durable activity",
        )
    return now


SCENES: tuple[Callable[[Scene], Awaitable[Named]], ...] = (
    allowed,
    blocked,
    approved_by_two,
    escalated_and_expired,
    withdrawn,
    still_held,
    handed_over,
    waited_out,
)


ENCRYPTED_SCENES = (approved_by_two, still_held)


async def record(scene: Scene, play: Callable[[Scene], Awaitable[Named]], folder: Path) -> None:
    now = await play(scene)
    handle = scene.handle(now)
    if play is not still_held:
        await handle.result()
    runs = [each async for each in scene.venue.client.list_workflows(f"WorkflowId = '{handle.id}'")]
    for nth, run in enumerate(sorted(runs, key=lambda each: each.start_time), start=1):
        of_run = scene.venue.client.get_workflow_handle(run.id, run_id=run.run_id)
        name = play.__name__.replace("_", "-") + (f"-{nth}" if len(runs) > 1 else "")
        # Traces name places on the machine that recorded them; no replay reads them.
        written = _TRACE.sub(r'\1""', (await of_run.fetch_history()).to_json())
        (folder / f"{name}.json").write_text(written + "\n", "utf-8")


async def record_all(
    folder: Path,
    converter: DataConverter,
    plays: Sequence[Callable[[Scene], Awaitable[Named]]],
) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    server = await asyncio.to_thread(start_server)
    try:
        database = await asyncio.to_thread(make_database, server)
        temporal = await WorkflowEnvironment.start_local(
            data_converter=converter,
            dev_server_existing_path=str(TEMPORAL),
            dev_server_log_level="error",
            dev_server_extra_args=server_flags(),
        )
        async with temporal, Venue(temporal.client, database, server) as venue:
            for play in plays:
                scene = Scene(venue, f"replay-{play.__name__.replace('_', '-')}")
                await scene.furnish()
                await record(scene, play, folder)
    finally:
        await asyncio.to_thread(discard, server)


async def main(wanted: Sequence[str]) -> None:
    if "encrypted" not in wanted:
        await record_all(HISTORIES, pydantic_data_converter, SCENES)
    if "clear" not in wanted:
        await record_all(ENCRYPTED, data_converter(KEYS), ENCRYPTED_SCENES)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

"""How we talk to Temporal: one client with one data converter, the same for every program."""

import asyncio
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from entrypoints.settings import DECISION_QUEUE, Settings
from workflows.sweep import Sweep

SWEEP_EVERY = timedelta(seconds=10)


class _Lean(PydanticPayloadConverter):
    """Writes what was set and leaves defaults to the reader: a third less history."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


DATA_CONVERTER = DataConverter(payload_converter_class=_Lean)
"""How values are written into Temporal. Histories of the plain pydantic converter are read too."""


async def connect(settings: Settings, *, patience: float = 30.0) -> Client:
    """Connect, waiting up to ``patience`` seconds for a frontend that has just started."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=DATA_CONVERTER,
            )
        except (RuntimeError, RPCError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def ensure_sweeps(client: Client) -> None:
    """Have the sweeper run every few seconds; nothing happens if it does already."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            Sweep.run, id="counterseal-sweep", task_queue=DECISION_QUEUE
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SWEEP_EVERY)]),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)
        ),
    )
    try:
        await client.create_schedule("counterseal-sweep", schedule)
    except ScheduleAlreadyRunningError:
        return

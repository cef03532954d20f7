"""How we talk to Temporal: one client with one data converter, the same for every program."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import structlog
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
from temporalio.common import HeaderCodecBehavior
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    SerializationContext,
)
from temporalio.service import RPCError

from adapters.payload_keys import PayloadKeys
from adapters.temporal_codec import (
    ENCODING,
    EncryptingCodec,
    SealedPayloadConverter,
    tenant_of_context,
)
from entrypoints.settings import DECISION_QUEUE, Settings
from workflows.retention import Retention
from workflows.standing_checks import StandingChecks
from workflows.sweep import Sweep
from workflows.totals import Totals

SCHEDULES: dict[str, tuple[Callable[..., Any], timedelta]] = {
    "counterseal-sweep": (Sweep.run, timedelta(seconds=10)),
    "counterseal-retention": (Retention.run, timedelta(hours=1)),
    "counterseal-checks": (StandingChecks.run, timedelta(hours=1)),
    "counterseal-totals": (Totals.run, timedelta(hours=1)),
}
"""What runs by itself: the ID of each schedule, its workflow, and how often."""

MOST_TENANTS = 1000
"""For how many tenants converters are kept ready."""

log = structlog.get_logger()


class _Lean(PydanticPayloadConverter):
    """Writes what was set and leaves defaults to the reader: a third less history."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))
        self.converters = {**self.converters, ENCODING.encode(): SealedPayloadConverter()}


DATA_CONVERTER = DataConverter(payload_converter_class=_Lean)
"""How values are written into Temporal without keys. Plain pydantic's histories are read too."""


class _ByTenant(DataConverter):
    """Makes the converter of each tenant once. Temporal asks for it many times per action."""

    _known: dict[str, Self]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_known", {})

    def with_context(self, context: SerializationContext) -> Self:
        """Give the converter for the tenant whose workflow it is."""
        tenant = tenant_of_context(context)
        if tenant not in self._known:
            if len(self._known) >= MOST_TENANTS:
                self._known.clear()
            self._known[tenant] = super().with_context(context)
        return self._known[tenant]


def data_converter(keys: PayloadKeys | None) -> DataConverter:
    """Give the converter that encrypts with ``keys``, failures too; in clear if there are none."""
    if keys is None:
        return DATA_CONVERTER
    return _ByTenant(
        payload_converter_class=_Lean,
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def payload_keys(settings: Settings) -> PayloadKeys | None:
    """Read the keys that the settings name. Ends the program with a sentence if it cannot."""
    named = settings.payload_keys
    if named is None:
        return None
    scheme, _, path = named.partition(":")
    if scheme != "file" or not path:
        raise SystemExit("COUNTERSEAL_PAYLOAD_KEYS must name a file: file:/path/to/payload.keys")
    try:
        return PayloadKeys(Path(path))
    except (OSError, ValueError) as error:
        raise SystemExit(f"COUNTERSEAL_PAYLOAD_KEYS cannot be used: {error}") from error


async def connect(settings: Settings, *, patience: float = 30.0) -> Client:
    """Connect, waiting up to ``patience`` seconds for a frontend that has just started."""
    keys = payload_keys(settings)
    if keys is None:
        log.warning("payloads.in_clear", because="COUNTERSEAL_PAYLOAD_KEYS names no file")
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=data_converter(keys),
                header_codec_behavior=HeaderCodecBehavior.CODEC
                if keys
                else HeaderCodecBehavior.NO_CODEC,
            )
        except (RuntimeError, RPCError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def ensure_schedules(client: Client) -> None:
    """Have everything in ``SCHEDULES`` run; nothing happens to what does already."""
    for name, (workflow, every) in SCHEDULES.items():
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(workflow, id=name, task_queue=DECISION_QUEUE),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)
            ),
        )
        with suppress(ScheduleAlreadyRunningError):
            await client.create_schedule(name, schedule)

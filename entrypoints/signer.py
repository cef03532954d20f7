"""``python -m entrypoints.signer``: follows every tenant's log and signs its checkpoints.

It runs apart from the worker and the API, with a key and a database role of its own: whoever takes
those over cannot sign, and whoever takes the signer over cannot write events.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
import uvicorn
import uvloop

from adapters.postgres.pool import open_pool
from adapters.postgres.sealing import PostgresSealing
from adapters.postgres.tree import PostgresTree
from adapters.signer_state import SignerState
from adapters.signing_keys import BadSigningKey, signing_key
from adapters.witnesses import BadWitness, Witness
from entrypoints.logs import set_up_logs
from entrypoints.sealing.health import application
from entrypoints.sealing.metrics import SealingMetrics
from entrypoints.sealing.rounds import AT_ONCE, Rounds
from entrypoints.sealing.sealer import Desk
from entrypoints.sealing.witnessing import Witnessing
from entrypoints.settings import SignerSettings

log = structlog.get_logger()


@asynccontextmanager
async def sealing(
    settings: SignerSettings,
    metrics: SealingMetrics,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Rounds]:
    """Open everything sealing takes. Raises ``BadSigningKey``, ``BadWitness`` or ``OSError``."""
    keys = [signing_key(named) for named in settings.log_key]
    if not keys:
        raise BadSigningKey("COUNTERSEAL_LOG_KEY names no key; make one with `log-key`.")
    witnesses = [Witness.parse(text) for text in settings.witnesses]
    if witnesses and settings.witness_quorum > len(witnesses):
        raise BadWitness(
            f"COUNTERSEAL_WITNESS_QUORUM is {settings.witness_quorum}, but there are only "
            f"{len(witnesses)} witnesses: nothing would ever be witnessed."
        )
    state = SignerState(settings.signer_state)
    try:
        async with open_pool(settings.database_url, size=AT_ONCE + 4) as pool:
            ledger = PostgresSealing(pool)
            witnessing = Witnessing(
                witnesses,
                settings.witness_quorum,
                sealing=ledger,
                tree=PostgresTree(pool),
                metrics=metrics,
            )
            desk = Desk(ledger, state, keys, settings.log_origin, witnessing.offer)
            try:
                yield Rounds(desk, metrics, clock)
            finally:
                await witnessing.close()
    finally:
        state.close()


async def run(settings: SignerSettings) -> None:
    """Seal until told to stop."""
    metrics = SealingMetrics()
    async with sealing(settings, metrics) as rounds:
        config = uvicorn.Config(
            application(lambda: rounds.flaws, metrics),
            host=settings.signer_host,
            port=settings.signer_port,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        log.info("signer.ready", origin=settings.log_origin)
        work = asyncio.create_task(rounds.run())
        door = asyncio.create_task(uvicorn.Server(config).serve())
        # Whichever ends first ends the other: a signer that only answers would fool a monitor.
        await asyncio.wait({work, door}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, door):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def main() -> int:
    """Run; 1 if something it needs is not as it should be."""
    settings = SignerSettings()
    set_up_logs(settings.log_level)
    try:
        uvloop.run(run(settings))
    except (BadSigningKey, BadWitness, OSError) as error:
        log.error("signer.cannot_start", because=str(error))  # noqa: TRY400 - the sentence says it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

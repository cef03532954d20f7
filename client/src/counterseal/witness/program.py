"""The witness as a program: its folders, its lock, its server."""

import fcntl
import os
import time
from pathlib import Path

import uvicorn

from counterseal.witness.http import application
from counterseal.witness.keys import Logs, WitnessKey
from counterseal.witness.records import Memory, PublicFolder
from counterseal.witness.witness import Witness


def run(
    mine: WitnessKey, known: Logs, state: Path, publish: Path | None, at: tuple[str, int]
) -> None:
    """Serve at host and port ``at`` until told to stop. Raises ``OSError``."""
    memory = Memory(state)
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Two processes that remember apart could cosign two trees.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(f"{state} is in use by another witness") from None
    public = PublicFolder(publish, mine.verifier) if publish is not None else None
    witness = Witness(mine, known, memory, public, time.time)
    uvicorn.run(
        application(witness),
        host=at[0],
        port=at[1],
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=512,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=3,
    )

"""The witness's own program, as its operator runs it."""

import sys
import time
import urllib.request
from pathlib import Path

from counterseal.core.tlog.note import VerifierKey
from counterseal.witness.keys import WitnessKey, make_key
from entrypoints.processes import Child, free_port


def start_witness(
    folder: Path, name: str, family: VerifierKey, *, runs: bool = True, **environment: str
) -> tuple[Child, VerifierKey, str]:
    """Make a witness for all logs of ``family``; tell its key and where it listens."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    whole = f"witness.example/{name}"
    key = WitnessKey(whole, make_key(home / "key.pem")).verifier
    port = free_port(0)
    command = [
        *(sys.executable, "-m", "counterseal.witness.cli", "serve", "--name", whole),
        *("--key", str(home / "key.pem"), "--state", str(home / "state")),
        *("--publish", str(home / "public"), "--family", str(family), "--port", str(port)),
    ]
    program = Child(f"witness {name}", command, home / "log", environment=environment)
    url = f"http://127.0.0.1:{port}"
    if runs:
        program.start()
        await_witness(program, url)
    return program, key, url


def await_witness(program: Child, url: str, patience: float = 15.0) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"it does not answer: {program.last_words()}")

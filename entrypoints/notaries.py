"""The two that sign on one machine: the log's signer and a witness, and whom to trust for it.

A witness beside the database it watches convinces nobody else; it is here so that everything works
the way it will with a witness that somebody else runs.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.signing_keys import make_signing_key
from counterseal import durable
from counterseal.core.tlog.checkpoint import origin_of
from counterseal.core.tlog.note import SignatureType, VerifierKey
from counterseal.core.tlog.trust import Group, Trust, written
from entrypoints.processes import Child

WITNESS_NAME = "counterseal.local/witness"
QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class Notaries:
    """Keeps everything of the two in ``data``. ``server`` is the origin its logs have in common."""

    data: Path
    server: str
    signer_port: int
    witness_port: int

    @property
    def log_key(self) -> Path:
        """Where the log's private key lies."""
        return self.data / "log.pem"

    @property
    def trust_file(self) -> Path:
        """Where it is written whom to trust."""
        return self.data / "trust.txt"

    @property
    def witnessed(self) -> Path:
        """The folder that takes every cosigned checkpoint."""
        return self.data / "witnessed"

    @property
    def signer_url(self) -> str:
        """Where the signer tells how it is."""
        return f"http://127.0.0.1:{self.signer_port}"

    @property
    def witness_url(self) -> str:
        """Where the witness takes checkpoints."""
        return f"http://127.0.0.1:{self.witness_port}"

    @property
    def witness_key(self) -> VerifierKey:
        """The key of the witness."""
        public = make_signing_key(self.data / "witness.pem").public
        return VerifierKey(WITNESS_NAME, SignatureType.COSIGNATURE, public)

    def log_verifier(self, tenant: str | None = None) -> VerifierKey:
        """Give the key of one tenant's log or, without one, of the family of all its logs."""
        name = self.server if tenant is None else origin_of(self.server, tenant)
        return VerifierKey(name, SignatureType.ED25519, make_signing_key(self.log_key).public)

    def trust(self, tenant: str, packagers: Sequence[VerifierKey] = ()) -> None:
        """Write down whom an auditor of ``tenant`` may trust."""
        trust = trust_of([self.log_verifier(tenant)], [self.witness_key], 1, packagers)
        durable.replace(self.trust_file, written(trust).encode())

    def children(self, dsn: str, environment: Mapping[str, str], folder: Path) -> dict[str, Child]:
        """Make the two processes; ``dsn`` is the signer's way into the database."""
        signer = {
            **environment,
            "COUNTERSEAL_DATABASE_URL": dsn,
            "COUNTERSEAL_LOG_ORIGIN": self.server,
            "COUNTERSEAL_LOG_KEY": f"file:{self.log_key}",
            "COUNTERSEAL_SIGNER_STATE": str(self.data / "signer"),
            "COUNTERSEAL_SIGNER_PORT": str(self.signer_port),
            "COUNTERSEAL_WITNESSES": f"{self.witness_key}@{self.witness_url}",
        }
        witness = [
            *("-m", "counterseal.witness.cli", "serve", "--name", WITNESS_NAME),
            *("--key", str(self.data / "witness.pem"), "--state", str(self.data / "witness")),
            *("--family", str(self.log_verifier()), "--publish", str(self.witnessed)),
            *("--port", str(self.witness_port)),
        ]
        return {
            "witness": self._child("witness", witness, {}, folder),
            "signer": self._child("signer", ["-m", "entrypoints.signer"], signer, folder),
        }

    def _child(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> Child:
        command = [sys.executable, *arguments]
        log = self.data / f"{name}.log"
        return Child(name, command, log, environment=environment, folder=folder)


def trust_of(
    logs: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    quorum: int,
    packagers: Sequence[VerifierKey] = (),
) -> Trust:
    """Trust these keys, and a checkpoint once ``quorum`` of these witnesses have cosigned it."""
    named = {f"w{number}": key for number, key in enumerate(witnesses, 1)}
    return Trust(
        logs=(*logs,),
        packagers=(*packagers,),
        witnesses=named,
        groups={QUORUM: Group(quorum, (*named,))} if named else {},
        quorum=QUORUM if named else "none",
    )

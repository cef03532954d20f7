"""Who signs evidence packages here, and what this installation says of its own keys."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg

from activities.action_packages import ActionPackages
from activities.counting import Counting
from activities.custody import Custody
from activities.exporting import Exporter
from activities.period_packages import PeriodPackages
from activities.proving import Prover
from adapters.postgres.evidence import PostgresEvidence
from adapters.postgres.seals import PostgresSeals
from adapters.signing_keys import BadSigningKey, SigningKey, signing_key
from counterseal.core.tlog.checkpoint import origin_of
from counterseal.core.tlog.note import BadNote, VerifierKey
from counterseal.core.tlog.trust import Trust, parse_trust, written
from domain.evidence.contents import Contents
from domain.evidence.package import write_package
from domain.evidence.statement import packager
from domain.ports import Ledger
from entrypoints.settings import Settings
from entrypoints.tokens import utc_now

VERIFIER = Path(__file__).resolve().parent.parent / "verify" / "counterseal_verify.py"

_HEADING = """\
# The keys that this server says it uses. Whoever could deceive you with a log could deceive you
# with this list: compare it with what those in charge of signer and witnesses tell you themselves.
"""


@dataclass(frozen=True, slots=True)
class Packager:
    """Signs packages. ``trust`` names the keys of logs and witnesses, as operators gave them."""

    origin: str
    key: SigningKey
    trust: Trust
    verifier: bytes
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Taken for packages of periods: each may need several hundred megabytes."""

    def log_keys(self, tenant: str) -> tuple[VerifierKey, ...]:
        """Give the keys of a tenant's log: the same keys sign all logs, each under its name."""
        name = origin_of(self.origin, tenant)
        keys = (VerifierKey(name, key.kind, key.public) for key in self.trust.logs)
        return tuple(dict.fromkeys(keys))

    def trust_text(self, tenant: str) -> str:
        """Write a trust file for a tenant's log."""
        own = packager(self.origin, self.key.public)
        packagers = dict.fromkeys((own, *self.trust.packagers))
        told = replace(self.trust, logs=self.log_keys(tenant), packagers=(*packagers,))
        return _HEADING + written(told)

    def write(self, contents: Contents) -> bytes:
        """Write and sign a package. Raises ``EvidenceTooLarge``, or ``SigningFailed``."""
        keys = self.trust_text(contents.tree.tenant)
        whole = replace(contents, keys=keys, verifier=self.verifier)
        return write_package(whole, self.key, self.origin)


def open_packager(settings: Settings) -> Packager | None:
    """Open the key that packages are signed with. Ends the program with a sentence if it cannot."""
    if settings.packager_key is None:
        return None
    try:
        key = signing_key(settings.packager_key)
    except BadSigningKey as error:
        raise SystemExit(f"COUNTERSEAL_PACKAGER_KEY cannot be used: {error}") from error
    return Packager(settings.log_origin, key, _trust(settings.trust_file), VERIFIER.read_bytes())


def open_exporter(
    pool: asyncpg.Pool, ledger: Ledger, custody: Custody, settings: Settings
) -> Exporter:
    """Introduce everyone who gathers packages to everyone."""
    log = PostgresEvidence(pool)
    prover = Prover(log, PostgresSeals(pool), settings.log_origin)
    counting = Counting(ledger, log, utc_now)
    return Exporter(
        ledger=ledger,
        log=log,
        prover=prover,
        actions=ActionPackages(log, prover, custody, utc_now),
        periods=PeriodPackages(ledger, log, counting, utc_now),
        clock=utc_now,
    )


def _trust(path: Path | None) -> Trust:
    if path is None:
        return Trust()
    try:
        return parse_trust(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, BadNote) as error:
        raise SystemExit(f"COUNTERSEAL_TRUST_FILE cannot be used: {error}") from error

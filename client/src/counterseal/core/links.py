"""The hash links of a stream: each event names the one before it by hash.

The bytes that are stored are the bytes that are hashed. A link is the RFC 6962 leaf hash of an
event (``SHA-256(0x00 || bytes)``), so the same value later stands in the tenant's Merkle tree.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterseal.core.canonical import Bounds, Json, canonical, parse
from counterseal.core.errors import Unreadable

ENVELOPE_VERSION = 1
EVENT_BOUNDS = Bounds(size=4 * 1024 * 1024, depth=64, keys=65536)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One event as it is stored. ``version`` counts from 0 within its stream."""

    tenant: str
    stream: str
    version: int
    kind: str
    canonical: bytes
    previous: bytes | None

    @property
    def link(self) -> bytes:
        """The 32-byte hash by which the next event names this one."""
        return leaf_hash(self.canonical)


def leaf_hash(written: bytes) -> bytes:
    """Hash one log entry (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + written).digest()


def seal(
    tenant: str,
    stream: str,
    after: tuple[int, bytes | None],
    events: Iterable[Mapping[str, Json]],
) -> tuple[Sealed, ...]:
    """Write ``events`` as the continuation of a stream.

    ``after`` is the last version there is (-1 for none) and its link. Every event is a JSON object
    with ``kind`` and ``at``.
    """
    version, previous = after
    sealed: list[Sealed] = []
    for event in events:
        version += 1
        envelope = {
            "v": ENVELOPE_VERSION,
            "tenant": tenant,
            "stream": stream,
            "version": version,
            "prev": previous.hex() if previous else None,
            "event": dict(event),
        }
        written = canonical(envelope)
        sealed.append(Sealed(tenant, stream, version, str(event["kind"]), written, previous))
        previous = leaf_hash(written)
    return tuple(sealed)


def unseal(written: bytes) -> dict[str, Json]:
    """Read a stored envelope back. Raises ``Unreadable`` if it is not one of ours."""
    envelope = parse(written, EVENT_BOUNDS, recorded=True)
    if not isinstance(envelope, dict) or not _is(envelope.get("v"), ENVELOPE_VERSION):
        raise Unreadable("not an event envelope of version 1.")
    return envelope


def flaws(tenant: str, stream: str, story: Sequence[bytes]) -> list[str]:
    """Check one stream from its first event: an empty list means every link holds.

    Found are changed, dropped (except at the end), inserted and reordered events, and events of
    another stream or tenant.
    """
    found: list[str] = []
    previous: bytes | None = None
    for version, written in enumerate(story):
        where = f"{stream} version {version}"
        try:
            envelope = unseal(written)
        except Unreadable as error:
            found.append(f"{where}: {error}")
            previous = leaf_hash(written)
            continue
        if not _is_canonical(envelope, written):
            found.append(f"{where}: not canonical")
        if (envelope.get("tenant"), envelope.get("stream")) != (tenant, stream):
            found.append(f"{where}: belongs to {envelope.get('tenant')}/{envelope.get('stream')}")
        if not _is(envelope.get("version"), version):
            found.append(f"{where}: calls itself version {envelope.get('version')}")
        if envelope.get("prev") != (previous.hex() if previous else None):
            found.append(f"{where}: does not follow the event before it")
        previous = leaf_hash(written)
    return found


def _is(value: Json, number: int) -> bool:
    """Compare as JSON does: ``true`` is not 1."""
    return not isinstance(value, bool) and value == number


def _is_canonical(envelope: Json, written: bytes) -> bool:
    try:
        return canonical(envelope) == written
    except Unreadable:
        return False

"""What the packager signs: an in-toto statement over every other file, in a DSSE envelope."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

from counterseal.core.canonical import Json, canonical
from counterseal.core.tlog.note import SignatureType, VerifierKey, to_base64

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:counterseal:evidence-package:v1"


class PackageKey(Protocol):
    """What signs packages."""

    @property
    def public(self) -> bytes:
        """The public half: 32 bytes."""
        ...

    def sign(self, signed: bytes) -> bytes:
        """Sign: 64 bytes."""
        ...


def packager(origin: str, public: bytes) -> VerifierKey:
    """Name an installation's packager, as auditors keep it in their trust files."""
    return VerifierKey(f"packager.{origin}", SignatureType.ED25519, public)


def statement(files: Mapping[str, bytes], predicate: Mapping[str, Json]) -> bytes:
    """Write the in-toto statement over ``files``."""
    subject = [
        {"name": name, "digest": {"sha256": hashlib.sha256(files[name]).hexdigest()}}
        for name in sorted(files)
    ]
    said: dict[str, Json] = {
        "_type": STATEMENT_TYPE,
        "subject": subject,
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }
    return canonical(said)


def bytes_signed(payload: bytes) -> bytes:
    """Write what a DSSE signature covers (the pre-authentication encoding)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, name: VerifierKey, key: PackageKey) -> bytes:
    """Sign ``payload`` and put it into its envelope."""
    return canonical(
        {
            "payload": to_base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {
                    "keyid": f"{name.name}+{name.id.hex()}",
                    "sig": to_base64(key.sign(bytes_signed(payload))),
                }
            ],
        }
    )

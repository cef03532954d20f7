"""Grant tokens: signed by the gateway, good for one action, one holder, one digest, a short time.

A token carries no secret of its own: it is made anew from the ledger whenever its holder asks,
and redeeming it still takes the holder's API key and the ledger's word that it is unused.
"""

from datetime import UTC, datetime

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from counterseal.core.model import Record
from counterseal.core.signing import PrivateKey, encode
from domain.standing import Standing

ALGORITHM = "Ed25519"  # RFC 9864 §2.2
TYPE = "counterseal-grant+jwt"
LONGEST_TOKEN = 4096


class Claims(Record):
    """What a genuine token says."""

    tenant: str
    action_id: str
    grant_id: str
    digest: str
    holder: str


class GrantTokens:
    """Makes and reads tokens with one gateway key."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = OKPKey.import_key(
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": encode(key.public_key().public_bytes_raw()),
                "d": encode(key.private_bytes_raw()),
            }
        )

    def issue(self, now: Standing) -> str:
        """Write the token of a granted action."""
        if now.grant_id is None or now.grant_expires is None:
            raise ValueError(f"{now.action_id} has no grant to write a token for")
        claims = {
            "tenant": now.tenant,
            "act": now.action_id,
            "jti": now.grant_id,
            "digest": now.digest,
            "sub": now.agent,
            "exp": int(now.grant_expires.timestamp()),
        }
        return jwt.encode(
            {"alg": ALGORITHM, "typ": TYPE}, claims, self._key, algorithms=[ALGORITHM]
        )

    def read(self, token: str) -> Claims | None:
        """Read a token; None unless our key signed it. Expiry is the ledger's to judge."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            read = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            if read.header.get("typ") != TYPE:
                return None
            claims = read.claims
            return Claims(
                tenant=claims["tenant"],
                action_id=claims["act"],
                grant_id=claims["jti"],
                digest=claims["digest"],
                holder=claims["sub"],
            )
        except (JoseError, KeyError, ValueError, TypeError):
            return None


def utc_now() -> datetime:
    """Read the server's clock."""
    return datetime.now(UTC)

"""Encrypts what Temporal keeps: AES-256-GCM, bound to the tenant whose workflow it belongs to.

Workflow IDs begin with a tenant; workflows that serve all tenants (the sweep) are ``-``. Search
attributes, IDs and names of workflows, updates and activities stay in clear.
"""

import os
import re
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    EncodingPayloadConverter,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from adapters.payload_keys import PayloadKeys

ENCODING = "binary/encrypted"
SYSTEM = "-"
"""The tenant of workflows that serve all of them. No tenant can be called so."""

_KEY, _TENANT = "encryption-key-id", "tenant"
_KEY_ID = re.compile(r"[0-9a-f]{32}\Z")
_NONCE = 12


class UnreadablePayload(Exception):  # noqa: N818 - it reads as what it is
    """A payload is not what was encrypted, or not for here. The message never quotes it."""


class UnknownPayloadKey(UnreadablePayload):
    """A payload is encrypted with a key of ours that is not here yet, or not here any more."""


class EncryptingCodec(PayloadCodec, WithSerializationContext):
    """Encrypts with the newest key, decrypts with any, for one tenant.

    What was never encrypted is taken as it is. What can never be read is left as it is, so that
    whoever reads it fails, and a message made up by somebody stops no workflow: Temporal drops it.
    A key of ours that is missing raises, because it may come, and then a replay must find the same.
    """

    def __init__(self, keys: PayloadKeys, tenant: str = SYSTEM) -> None:
        self._keys = keys
        self._tenant = tenant.encode()

    def with_context(self, context: SerializationContext) -> Self:
        """Work for the tenant whose workflow it is."""
        return type(self)(self._keys, tenant_of_context(context))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload with its metadata."""
        return [self._sealed(each) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what can be. Raises ``UnknownPayloadKey``."""
        return [self._opened_or_kept(each) for each in payloads]

    def opened(self, payload: Payload) -> Payload:
        """Decrypt one encrypted payload. Raises ``UnreadablePayload``."""
        key_id = key_of(payload)
        if payload.metadata.get(_TENANT) != self._tenant:
            _refuse(payload, "it belongs to another tenant")
        key = self._keys.find(key_id)
        if key is None and self._keys.is_ours(key_id):
            raise UnknownPayloadKey(
                f"a payload is encrypted with key {key_id}, which is not among the payload keys "
                "here; put it back, and it will be read."
            )
        if key is None:
            _refuse(payload, "nobody here made that key")
        nonce, sealed = payload.data[:_NONCE], payload.data[_NONCE:]
        try:
            return Payload.FromString(key.cipher.decrypt(nonce, sealed, self._bound(key.id)))
        except (InvalidTag, ValueError, DecodeError):
            _refuse(payload, "it was changed since")

    def _opened_or_kept(self, payload: Payload) -> Payload:
        if not is_encrypted(payload):
            return payload
        try:
            return self.opened(payload)
        except UnknownPayloadKey:
            raise
        except UnreadablePayload:
            return payload

    def _sealed(self, payload: Payload) -> Payload:
        key, nonce = self._keys.newest, os.urandom(_NONCE)
        written = key.cipher.encrypt(nonce, payload.SerializeToString(), self._bound(key.id))
        told = {"encoding": ENCODING.encode(), _KEY: key.id.encode(), _TENANT: self._tenant}
        return Payload(metadata=told, data=nonce + written)

    def _bound(self, key_id: str) -> bytes:
        """Give what is authenticated beside the content: nobody can move it to another tenant."""
        return b"counterseal/temporal-payload/v1\n" + key_id.encode() + b"\n" + self._tenant


class SealedPayloadConverter(EncodingPayloadConverter):
    """Never writes anything, and says why what is still encrypted cannot be read."""

    @property
    def encoding(self) -> str:
        """Name the encoding whose payloads come here."""
        return ENCODING

    def to_payload(self, value: object) -> None:
        """Leave every value to others."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ANN401 - as Temporal declares it
        """Raise ``UnreadablePayload``: a codec would have decrypted it, if that could be done."""
        del type_hint
        _refuse(payload, "there is no key here, or it is another tenant's, or was changed")


def is_encrypted(payload: Payload) -> bool:
    """Say whether a payload claims to be one of our encrypted ones."""
    return payload.metadata.get("encoding") == ENCODING.encode()


def key_of(payload: Payload) -> str:
    """Name the key a payload is encrypted with, or say that it has no such name."""
    named = payload.metadata.get(_KEY, b"").decode("ascii", "replace")
    return named if _KEY_ID.match(named) else "(malformed)"


def tenant_of(payload: Payload) -> str:
    """Name the tenant an encrypted payload claims to belong to; decrypting it proves that."""
    return payload.metadata.get(_TENANT, b"").decode("utf-8", "replace")


def tenant_of_context(context: SerializationContext) -> str:
    """Name the tenant whose workflow it is: what stands before the last slash of its ID."""
    if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
        return (context.workflow_id or "").rpartition("/")[0] or SYSTEM
    return SYSTEM


def _refuse(payload: Payload, why: str) -> NoReturn:
    raise UnreadablePayload(
        f"a payload encrypted with key {key_of(payload)} cannot be read: {why}."
    )

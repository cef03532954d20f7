"""What Temporal keeps, as somebody without our keys sees it."""

import base64
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes

CORES_OWN = b'"activity_type"'
"""What the SDK's core notes in the marker of a local activity: its name and numbers."""


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload in a message, however deep, but search attributes."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                parts: list[Any] = [*value.values()]
            else:
                parts = [value] if isinstance(value, Message) else [*value]
            for part in parts:
                if isinstance(part, Message):
                    yield from payloads_in(part)


def in_clear(message: Message) -> list[Payload]:
    """Find the payloads of values that are not encrypted."""
    return [
        each
        for each in payloads_in(message)
        if each.metadata["encoding"] != b"binary/encrypted" and CORES_OWN not in each.data
    ]


def as_json(payload: Payload) -> dict[str, Any]:
    """Write a payload as Temporal's UI sends it."""
    return {
        "metadata": {name: _text(value) for name, value in payload.metadata.items()},
        "data": _text(payload.data),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()

"""Reads request bodies: within bounds, without ambiguity, strictly typed; and tells OpenAPI."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from counterseal.core.canonical import Bounds, Json, parse
from counterseal.core.errors import NotUnicode, TooLarge, Unreadable
from entrypoints.problems import Declined

BODY = Bounds(size=640 * 1024, depth=40, keys=8192)
"""Arguments, what led to them, and the envelope around both."""

Model = TypeVar("Model", bound=BaseModel)

MOST_ERRORS = 20
LONGEST_ECHO = 200

_STRINGS_END = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""Bytes in which every string ends. Without this, looking for tokens takes quadratic time."""


def body(model: type[Model], bounds: Bounds = BODY) -> Callable[[Request], Awaitable[Model]]:
    """Make a dependency that reads one ``model`` from a request."""

    async def read(request: Request) -> Model:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind.lower() != "application/json":
            raise Declined("not-json", f"send application/json, not {kind[:64]}.")
        return validated(model, await read_bytes(request, bounds.size), bounds)

    return read


def validated(model: type[Model], text: bytes, bounds: Bounds = BODY) -> Model:
    """Read ``model`` from JSON. Raises ``Unreadable`` or ``Declined`` (``invalid-request``)."""
    if len(text) <= bounds.size and _STRINGS_END.fullmatch(text) is None:
        raise Unreadable("not JSON: a string in it never ends.")
    value = parse(text, bounds)
    if not isinstance(value, dict):
        raise Declined("invalid-request", "send a JSON object.")
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == "json_invalid":
            # It was JSON to `parse`: what the stricter reader minds is half a surrogate pair.
            raise NotUnicode("text holds a lone surrogate, which is not Unicode.") from error
        complaints = _complaints(error)
        first = complaints[0]
        raise Declined(
            "invalid-request",
            f"{first['field'] or 'the request'}: {first['message']}",
            errors=complaints,
        ) from error


def _complaints(error: ValidationError) -> tuple[dict[str, Json], ...]:
    """Say what is wrong where, without repeating what was sent: it may hold secrets."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(
        {
            "field": ("/" + "/".join(str(step) for step in each["loc"]))[:LONGEST_ECHO],
            "message": each["msg"],
        }
        for each in found[:MOST_ERRORS]
    )


async def read_bytes(request: Request, most: int) -> bytes:
    """Read a body of at most ``most`` bytes. Raises ``TooLarge``."""
    collected = bytearray()
    async for chunk in request.stream():
        collected += chunk
        if len(collected) > most:
            raise TooLarge(f"the body is larger than the {most} bytes that are read.")
    return bytes(collected)


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the body of a route for OpenAPI."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": reference}}
    return {"requestBody": {"required": True, "content": content}}

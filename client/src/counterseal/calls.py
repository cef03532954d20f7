"""The calls an agent makes, as values: what to send and how to read the answer. No I/O.

``counterseal.oversight`` holds those of approvers, auditors and operators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from counterseal.core.canonical import Json, canonical
from counterseal.core.errors import Unreadable
from counterseal.core.wire import Answer, Proposal, Receipt, Redeemed, Redemption, Withdrawal
from counterseal.errors import Unsendable

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

LONGEST_POLL = 20.0
"""Seconds that one request may wait at the server; longer waits are made of several."""

LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and the type of its answer.

    ``repeatable`` calls may be sent again after a lost connection, because they carry their own
    identity or change nothing; others are sent at most once. ``media`` is what the answer is
    written in; of anything but JSON, ``answer`` is ``bytes``. No more than ``largest`` bytes of it
    are read.
    """

    method: str
    path: str
    answer: TypeAdapter[T] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    repeatable: bool = True
    media: str = "application/json"
    largest: int = LARGEST_ANSWER

    def waiting(self, seconds: float) -> "Call[T]":
        """Let the server hold the answer back for up to ``seconds`` (RFC 7240 ``Prefer``)."""
        return replace(self, wait=max(0.0, min(seconds, LONGEST_POLL)))

    def sent_headers(self, api_key: str) -> dict[str, str]:
        """Give the headers to send, with the credential."""
        headers = {"Accept": self.media, "Authorization": f"Bearer {api_key}"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.wait >= 1:
            headers["Prefer"] = f"wait={int(self.wait)}"
        return {**headers, **self.headers}


BYTES: TypeAdapter[bytes] = TypeAdapter(bytes)
"""The answer of a call whose ``media`` is not JSON."""

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
_REDEEMED: TypeAdapter[Redeemed] = TypeAdapter(Redeemed)


def propose(proposal: Proposal, key: str) -> Call[Answer]:
    """Ask whether a tool call may be made; the same ``key`` asks the same question again."""
    return Call(
        "POST",
        "/v1/actions",
        _ANSWER,
        body=body_of(proposal),
        headers={"Idempotency-Key": key},
    )


def look(action_id: str) -> Call[Answer]:
    """Ask where an action of ours stands."""
    return Call("GET", action_path(action_id), _ANSWER)


def withdraw(action_id: str, withdrawal: Withdrawal) -> Call[Answer]:
    """Take a question back."""
    path = action_path(action_id, "/withdrawal")
    return Call("POST", path, _ANSWER, body=body_of(withdrawal))


def redeem(action_id: str, redemption: Redemption) -> Call[Redeemed]:
    """Use the grant, just before running."""
    path = action_path(action_id, "/redemption")
    return Call("POST", path, _REDEEMED, body=body_of(redemption))


def report(action_id: str, receipt: Receipt) -> Call[Answer]:
    """Say what happened."""
    return Call("POST", action_path(action_id, "/receipt"), _ANSWER, body=body_of(receipt))


def action_path(action_id: str, below: str = "") -> str:
    """Name an action's resource; whatever a person typed stays one path segment."""
    return f"/v1/actions/{segment(action_id)}{below}"


def segment(text: str) -> str:
    """Write ``text`` as one path segment."""
    # An HTTP client would resolve dots away, and ask for something else.
    return quote(text, safe="").replace(".", "%2E") or "-"


def body_of(model: BaseModel) -> bytes:
    """Write a request body as canonical JSON. Raises ``Unsendable``."""
    return body_of_json(model.model_dump(mode="json"))


def body_of_json(value: Json) -> bytes:
    """Write any JSON value as a request body. Raises ``Unsendable``."""
    try:
        return canonical(value)
    except Unreadable as error:
        raise Unsendable(str(error)) from error


def made(model: type[M], values: Mapping[str, object]) -> M:
    """Make a request's content, or say in one sentence what is wrong. Raises ``Unsendable``."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # Only places and reasons: the values may be secrets.
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in each['loc']) or model.__name__}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise Unsendable(f"this cannot be asked: {wrong}.") from None

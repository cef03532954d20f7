"""Every refusal as a problem document (RFC 9457). Codes are permanent; retired ones stay listed."""

from http import HTTPStatus
from typing import ClassVar

from counterseal.core.canonical import Json
from counterseal.core.errors import Refused
from counterseal.core.wire import Problem

STATUS_OF = {
    # bodies and parameters
    "json-malformed": HTTPStatus.BAD_REQUEST,
    "json-duplicate-key": HTTPStatus.BAD_REQUEST,
    "json-not-unicode": HTTPStatus.BAD_REQUEST,
    "json-too-deep": HTTPStatus.BAD_REQUEST,
    "json-too-many-keys": HTTPStatus.BAD_REQUEST,
    "json-number-out-of-range": HTTPStatus.BAD_REQUEST,
    "json-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "invalid-request": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid-parameter": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad-cursor": HTTPStatus.UNPROCESSABLE_ENTITY,
    "idempotency-key-missing": HTTPStatus.BAD_REQUEST,
    "reserved-key": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not-json": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "bundle-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "roster-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "payload-unreadable": HTTPStatus.UNPROCESSABLE_ENTITY,
    # who
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "role-forbids": HTTPStatus.FORBIDDEN,
    "unknown-principal": HTTPStatus.FORBIDDEN,
    "not-the-requester": HTTPStatus.FORBIDDEN,
    "not-the-holder": HTTPStatus.FORBIDDEN,
    "not-the-executor": HTTPStatus.FORBIDDEN,
    "may-not-reveal": HTTPStatus.FORBIDDEN,
    # what there is
    "no-such-action": HTTPStatus.NOT_FOUND,
    "no-such-key": HTTPStatus.NOT_FOUND,
    "no-bundle": HTTPStatus.NOT_FOUND,
    "no-checkpoint": HTTPStatus.NOT_FOUND,
    "not-found": HTTPStatus.NOT_FOUND,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    # the state of things
    "idempotency-key-reused": HTTPStatus.CONFLICT,
    "too-late": HTTPStatus.CONFLICT,
    "not-granted": HTTPStatus.CONFLICT,
    "grant-lapsed": HTTPStatus.CONFLICT,
    "evidence-not-sealed": HTTPStatus.CONFLICT,
    "already-redeemed": HTTPStatus.CONFLICT,
    "digest-mismatch": HTTPStatus.CONFLICT,
    "other-grant": HTTPStatus.CONFLICT,
    "bad-grant": HTTPStatus.CONFLICT,
    "not-redeemed": HTTPStatus.CONFLICT,
    "other-redemption": HTTPStatus.CONFLICT,
    "already-closed": HTTPStatus.CONFLICT,
    "bad-signature": HTTPStatus.CONFLICT,
    "still-moving": HTTPStatus.CONFLICT,
    "outcome-not-reportable": HTTPStatus.CONFLICT,
    "data-shredded": HTTPStatus.CONFLICT,
    "still-open": HTTPStatus.CONFLICT,
    "nothing-to-shred": HTTPStatus.CONFLICT,
    "wrong-disclosure": HTTPStatus.CONFLICT,
    "nothing-to-disclose": HTTPStatus.CONFLICT,
    "log-contradicts-checkpoint": HTTPStatus.CONFLICT,
    "checkpoint-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "evidence-too-large": HTTPStatus.UNPROCESSABLE_ENTITY,
    # what a worker thinks of a gateway that it does not know
    "forged": HTTPStatus.CONFLICT,
    "misaddressed": HTTPStatus.CONFLICT,
    "stale": HTTPStatus.CONFLICT,
    "malformed": HTTPStatus.CONFLICT,
    # us
    "ledger-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "orchestrator-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "data-keys-missing": HTTPStatus.SERVICE_UNAVAILABLE,
    "data-keys-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "log-not-sealed": HTTPStatus.SERVICE_UNAVAILABLE,
    "packager-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "evidence-not-set-up": HTTPStatus.NOT_IMPLEMENTED,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Declined(Refused):
    """A refusal at the door, by its permanent code."""

    code: ClassVar[str] = "refused"

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        action_id: str | None = None,
        errors: tuple[dict[str, Json], ...] = (),
    ) -> None:
        super().__init__(sentence)
        self.declined_code = code
        self.action_id = action_id
        self.errors = errors


def problem_of(refusal: Refused) -> Problem:
    """Write a refusal as a problem document."""
    code = refusal.declined_code if isinstance(refusal, Declined) else refusal.code
    status = STATUS_OF.get(code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(
        type=f"urn:counterseal:problem:{code}",
        title=code.replace("-", " ").capitalize(),
        status=int(status),
        code=code,
        detail=refusal.sentence,
        action_id=getattr(refusal, "action_id", None),
        errors=getattr(refusal, "errors", ()),
    )

"""What is reported, signed, and what must never be lost to a receipt."""

import logging
import pickle
import warnings
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal import errors
from counterseal.core.action import action_digest
from counterseal.core.signing import is_signed
from counterseal.core.wire import Problem
from counterseal.core.words import Outcome
from counterseal.errors import (
    CountersealError,
    GrantRefused,
    NotAuthorised,
    NotFound,
    ReportUndelivered,
    RequestRefused,
    StillHeld,
    Unreachable,
    refusal,
)
from counterseal.meant import Meant, frozen
from counterseal.outbox import MOST_KEPT, Outbox
from counterseal.running import GoAhead, Ran, Undelivered, failed, receipt, succeeded
from tests.unit.client.support import ARGUMENTS, action


def go() -> GoAhead:
    return GoAhead(
        action().id,
        action_digest(action()),
        "redemption-1",
        datetime(2030, 1, 1, tzinfo=UTC),
        Meant("pay", frozen(ARGUMENTS)),
        Ed25519PrivateKey.generate(),
    )


def test_a_receipt_is_signed_with_the_key_named_at_redemption() -> None:
    run = go()
    signed = receipt(run, Ran(Outcome.FAILED, "x" * 5000), "request-1").receipt
    key = run.executor.public_key()
    assert signed.signature is not None
    assert is_signed(key, "receipt", signed.signed_part(), signed.signature)
    changed = signed.model_copy(update={"outcome": Outcome.SUCCEEDED})
    assert not is_signed(key, "receipt", changed.signed_part(), signed.signature)


def test_the_text_of_an_error_is_bounded_and_says_that_it_was_cut() -> None:
    ran = failed(ValueError("é\ud800" + "x" * 5000))
    signed = receipt(go(), ran, "request-1").receipt
    assert signed.detail is not None
    assert len(signed.detail) < 1100
    assert signed.detail.startswith("ValueError: é?x")
    assert signed.detail.endswith("more characters)")


def test_an_error_that_cannot_be_read_has_failed_all_the_same() -> None:
    class Broken(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError

    assert failed(Broken()).outcome is Outcome.FAILED


def test_a_result_is_told_by_digest_only_and_only_if_it_is_json() -> None:
    assert str(succeeded({"secret": "s3cret"}).result).startswith("sha256:")
    cycle: list[object] = []
    cycle.append(cycle)
    for strange in (object(), float("nan"), "\ud800", cycle):
        assert succeeded(strange) == Ran(Outcome.SUCCEEDED)


def test_where_warnings_are_errors_the_result_is_still_returned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox, parcel = Outbox(), receipt(go(), Ran(Outcome.SUCCEEDED), "request-1")
    outbox.add(parcel)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        outbox.failed(parcel, Unreachable("down"))
    assert "was not taken" in caplog.text
    assert outbox.waiting == (parcel,)


def test_a_receipt_that_was_refused_is_not_brought_again() -> None:
    outbox, parcel = Outbox(), receipt(go(), Ran(Outcome.SUCCEEDED), "request-1")
    outbox.add(parcel)
    with pytest.warns(ReportUndelivered):
        outbox.failed(parcel, RequestRefused("closed"))
    assert outbox.waiting == ()


def test_the_outbox_does_not_grow_for_ever() -> None:
    outbox, parcel = Outbox(), receipt(go(), Ran(Outcome.SUCCEEDED), "request-0")
    for number in range(MOST_KEPT + 5):
        content = parcel.receipt.model_copy(update={"request_id": f"request-{number}"})
        outbox.add(Undelivered(parcel.action_id, content))
    assert len(outbox.waiting) == MOST_KEPT
    assert outbox.waiting[0].receipt.request_id == "request-5"


PROBLEM = Problem(title="t", status=409, code="grant-lapsed", detail="too late")


@pytest.mark.parametrize(
    "error",
    [
        StillHeld("held", handle="h.1", action_id="a", reason="r"),
        Unreachable("down", handle="h.1", key="k"),
        GrantRefused("no", problem=PROBLEM),
        *[
            kind("sentence")
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, CountersealError)
        ],
    ],
)
def test_every_error_survives_a_pickle(error: CountersealError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.code == error.code


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", NotAuthorised),
        (403, "role-forbids", NotAuthorised),
        (403, "not-the-holder", GrantRefused),
        (409, "digest-mismatch", GrantRefused),
        (409, "already-redeemed", GrantRefused),
        (404, "no-such-action", NotFound),
        (422, "invalid-request", RequestRefused),
        (418, "something-new", RequestRefused),
    ],
)
def test_problems_become_errors_by_their_code(
    status: int, code: str, kind: type[RequestRefused]
) -> None:
    error = refusal(Problem(title="t", status=status, code=code, detail="why"))
    assert type(error) is kind
    assert (error.code, error.status, error.sentence) == (code, status, "why")

"""The SDK commits to its own values with the server's salts, and trusts no value it is told."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from counterseal.core.action import Action, action_digest
from counterseal.core.canonical import Json
from counterseal.core.commitments import Disclosure, seal_arguments
from counterseal.core.words import Phase
from counterseal.errors import Misunderstood
from counterseal.meant import Meant, frozen
from counterseal.standing import Hold, standing
from tests.unit.client.support import action, answer

MINE: dict[str, Json] = {"to": "DE02", "pin": "1234", "cards": [{"number": 4}, {"number": 5}]}
POINTERS = ("/pin", "/cards/*/number")
MEANT = Meant("pay", frozen(MINE))


def covered(
    arguments: dict[str, Json], pointers: tuple[str, ...] = POINTERS
) -> tuple[Action, tuple[Disclosure, ...]]:
    sealed, disclosures = seal_arguments(
        arguments, pointers, lambda place: place.encode().zfill(32)
    )
    return action(arguments=sealed), disclosures


def test_what_was_meant_is_recognised_behind_commitments() -> None:
    theirs, disclosures = covered(MINE)
    told = answer(of=theirs).model_copy(update={"disclosures": disclosures})
    assert MEANT.digest_of(told) == action_digest(theirs)
    assert isinstance(standing(MEANT, None, told), Hold)
    assert Meant.of(theirs, disclosures) == MEANT


@pytest.mark.parametrize(
    "other",
    [
        MINE | {"pin": "1235"},
        MINE | {"to": "XX99"},
        MINE | {"cards": [{"number": 5}, {"number": 4}]},
        {"to": "DE02", "pin": "1234"},
        MINE | {"more": 1},
    ],
)
def test_another_value_behind_a_commitment_is_another_action(other: dict[str, Json]) -> None:
    theirs, disclosures = covered(other)
    told = answer(of=theirs).model_copy(update={"disclosures": disclosures})
    with pytest.raises(Misunderstood):
        MEANT.digest_of(told)


def test_values_that_are_only_told_are_not_believed() -> None:
    """A server that commits to one thing and discloses what was meant gets nowhere."""
    theirs, _ = covered(MINE | {"pin": "evil"})
    _, disclosures = covered(MINE)
    told = answer(of=theirs).model_copy(update={"disclosures": disclosures})
    with pytest.raises(Misunderstood):
        MEANT.digest_of(told)
    with pytest.raises(Misunderstood):
        Meant.of(theirs, disclosures)


def test_a_commitment_that_is_not_opened_is_not_what_was_meant() -> None:
    theirs, disclosures = covered(MINE)
    for some in ((), disclosures[1:]):
        with pytest.raises(Misunderstood):
            MEANT.digest_of(answer(of=theirs).model_copy(update={"disclosures": some}))
        with pytest.raises(Misunderstood, match="shredded"):
            Meant.of(theirs, some)


@given(st.lists(st.sampled_from(["/to", "/pin", "/cards", "/cards/0", "/*", "/cards/1/number"])))
def test_whatever_the_server_calls_sensitive_the_digest_is_of_what_was_meant(
    pointers: list[str],
) -> None:
    theirs, disclosures = covered(MINE, tuple(pointers))
    told = answer(Phase.HELD, of=theirs).model_copy(update={"disclosures": disclosures})
    assert MEANT.digest_of(told) == told.digest
    assert Meant.of(theirs, disclosures).arguments() == MINE

"""A permit whose evidence is not there yet is waited for like an answer."""

import pytest

from counterseal.agent import Agent
from counterseal.conversation import Reply
from counterseal.core.wire import Answer
from counterseal.core.words import Disposition, Level, Phase
from counterseal.errors import StillHeld
from counterseal.meant import Meant
from counterseal.standing import Hold, Permit, standing
from counterseal.terms import Chance
from tests.unit.client.support import Carried, action, answer
from tests.unit.client.test_conversation import problem

AGENT = Agent(10.0, Chance(draw=lambda: 1.0))
GRANTED = answer(Phase.GRANTED, Disposition.ALLOWED, granted=True)
MEANT = Meant.of(action())


def awaiting(level: Level = Level.SEALED) -> Answer:
    assert GRANTED.grant is not None
    grant = GRANTED.grant.model_copy(update={"token": None, "awaits": level})
    return GRANTED.model_copy(update={"grant": grant})


def said(value: Answer) -> Reply:
    return Reply(200, {}, value.model_dump_json().encode())


def test_a_grant_that_is_kept_back_is_no_permit() -> None:
    assert isinstance(standing(MEANT, None, awaiting()), Hold)
    assert isinstance(standing(MEANT, None, GRANTED), Permit)


@pytest.mark.parametrize("level", [Level.SEALED, Level.WITNESSED])
def test_its_time_out_says_what_it_waited_for(level: Level) -> None:
    now = standing(MEANT, None, awaiting(level))
    assert isinstance(now, Hold)
    with pytest.raises(StillHeld, match=f"before its evidence is {level}") as held:
        raise now.error
    assert held.value.handle == now.handle


def test_waiting_goes_on_until_the_token_is_there() -> None:
    now = standing(MEANT, None, awaiting())
    carried: Carried[object] = Carried([said(awaiting()), said(awaiting()), said(GRANTED)])
    assert isinstance(carried.carry(AGENT.wait(now, 60.0)), Permit)
    assert len(carried.sent) == 3


def test_a_server_that_does_not_hold_the_line_is_not_asked_in_a_busy_loop() -> None:
    now = standing(MEANT, None, awaiting())
    carried: Carried[object] = Carried([said(awaiting())] * 100)
    carried.carry(AGENT.wait(now, 10.0))
    assert len(carried.sent) <= 11


def test_a_redemption_that_comes_too_early_is_sent_again() -> None:
    permit = standing(MEANT, None, GRANTED)
    assert isinstance(permit, Permit)
    early = problem(409, "evidence-not-sealed")
    gone = problem(409, "already-redeemed")
    carried: Carried[object] = Carried([early, early, gone])
    with pytest.raises(Exception, match="why not"):
        carried.carry(AGENT.redeem(permit))
    assert len({sent.call.body for sent in carried.sent}) == 1
    assert len(carried.sent) == 3

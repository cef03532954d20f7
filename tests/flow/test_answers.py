"""The first answer: allowed, blocked, held; the same however often it is asked for."""

import pytest

from counterseal.core.words import Disposition, Phase, Verdict
from tests.support.workflows import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_allowed_action_ends_its_workflow_with_the_answer(scene: Scene) -> None:
    now = await scene.propose("read")
    assert now.effective is Verdict.ALLOW
    assert now.phase is Phase.GRANTED
    assert await scene.handle(now).result() == now


async def test_a_blocked_action_is_recorded_and_closed(scene: Scene) -> None:
    now = await scene.propose("wipe")
    assert now.disposition is Disposition.BLOCKED
    assert await scene.kinds(now) == [
        "action.requested",
        "decision.reached",
        "action.settled",
        "action.closed",
    ]

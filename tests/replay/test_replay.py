"""Holds that are pending while we upgrade go on: today's code replays yesterday's histories."""

from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from domain.standing import Standing
from tests.replay.record import FEW, HISTORIES, SCENES
from workflows import governed_action
from workflows.governed_action import GovernedAction, Opening

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text("utf-8"))


async def replay(path: Path, code: type[Any], runner: WorkflowRunner | None = None) -> None:
    replayer = Replayer(
        workflows=[code],
        data_converter=pydantic_data_converter,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history(path))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem.startswith("handed-over"):
        monkeypatch.setattr(governed_action, "MESSAGES_PER_RUN", FEW)
    await replay(path, GovernedAction)


async def test_a_recorded_history_is_replayed_in_the_sandbox() -> None:
    await replay(HISTORIES / "approved-by-two.json", GovernedAction, SandboxedWorkflowRunner())


def test_every_way_an_action_can_take_is_recorded() -> None:
    names = {path.stem.rstrip("-0123456789") for path in RECORDED}
    assert names == {play.__name__.replace("_", "-") for play in SCENES}


@workflow.defn(name="GovernedAction")
class Hesitant(GovernedAction):
    """Another shape: it waits before it asks."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Standing:
        await workflow.sleep(1)
        return await super().run(opening)


@workflow.defn(name="GovernedAction")
class Forgetful(GovernedAction):
    """Another shape: it does not show operators where the action stands."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Standing:
        return await super().run(opening)

    def _show(self, now: Standing) -> None:
        """Show nothing."""


@pytest.mark.parametrize(
    ("name", "code"),
    [("allowed", Hesitant), ("still-held", Hesitant), ("still-held", Forgetful)],
)
async def test_code_of_another_shape_goes_red(name: str, code: type[Any]) -> None:
    with pytest.raises(NondeterminismError):
        await replay(HISTORIES / f"{name}.json", code)

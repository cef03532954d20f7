"""Holds that are pending while we upgrade go on: today's code replays yesterday's histories."""

from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from domain.standing import Standing
from entrypoints.temporal import DATA_CONVERTER, data_converter
from tests.replay.record import ENCRYPTED, ENCRYPTED_SCENES, FEW, HISTORIES, KEYS, SCENES
from workflows import governed_action
from workflows.governed_action import GovernedAction, Opening

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    """Read a history with its workflow's ID, which says whose payloads it holds."""
    read = WorkflowHistory.from_json(path.stem, path.read_text("utf-8"))
    begun = read.events[0].workflow_execution_started_event_attributes
    return WorkflowHistory(begun.workflow_id, read.events)


async def replay(
    path: Path,
    code: type[Any],
    runner: WorkflowRunner | None = None,
    converter: DataConverter = pydantic_data_converter,
) -> None:
    replayer = Replayer(
        workflows=[code],
        data_converter=converter,
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


@pytest.mark.parametrize("path", sorted(ENCRYPTED.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("runner", [UnsandboxedWorkflowRunner, SandboxedWorkflowRunner])
async def test_an_encrypted_history_is_replayed(path: Path, runner: type[WorkflowRunner]) -> None:
    await replay(path, GovernedAction, runner(), data_converter(KEYS))


async def test_an_encrypted_history_is_not_replayed_without_its_keys() -> None:
    with pytest.raises(Exception, match=KEYS.newest.id):
        await replay(ENCRYPTED / "still-held.json", GovernedAction, converter=DATA_CONVERTER)


async def test_holds_from_before_there_were_keys_go_on_with_them() -> None:
    for path in (HISTORIES / "still-held.json", HISTORIES / "waited-out.json"):
        await replay(path, GovernedAction, converter=data_converter(KEYS))


def test_every_way_an_action_can_take_is_recorded() -> None:
    names = {path.stem.rstrip("-0123456789") for path in RECORDED}
    assert names == {play.__name__.replace("_", "-") for play in SCENES}
    encrypted = {path.stem for path in ENCRYPTED.glob("*.json")}
    assert encrypted == {play.__name__.replace("_", "-") for play in ENCRYPTED_SCENES}


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

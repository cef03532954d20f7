"""Sensitive values on the command line: hidden, revealed on record, shredded for good."""

import json
import uuid

import pytest

from counterseal.cli import main
from counterseal.cli.exits import Exit
from tests.support.discreet import Discreet, secrets
from tests.support.stack import Caller, Cast


@pytest.fixture(scope="module")
def discreet(cast: Cast) -> Discreet:
    return Discreet(cast)


class Terminal:
    """Runs commands as somebody."""

    def __init__(
        self, url: str, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self._patch, self._capture = patch, capture
        patch.setenv("COUNTERSEAL_URL", url)
        patch.setenv("COLUMNS", "200")

    def run(self, who: Caller, *args: str) -> tuple[int, str, str]:
        self._patch.setenv("COUNTERSEAL_API_KEY", who.key)
        code = main(args)
        told = self._capture.readouterr()
        return code, told.out, told.err


@pytest.fixture
def terminal(
    discreet: Discreet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(discreet.cast.stack.url, monkeypatch, capsys)


def test_values_are_shown_to_those_who_ask_and_only_then(
    discreet: Discreet, terminal: Terminal
) -> None:
    arguments = secrets()
    action = discreet.agent.propose("asked", arguments=arguments).json()["action_id"]
    code, shown, _ = terminal.run(discreet.approver, "actions", "show", action)
    assert code == Exit.OK
    assert arguments["pin"] not in shown
    assert "--reveal shows it" in shown
    code, shown, _ = terminal.run(
        discreet.approver, "actions", "show", action, "--reveal", "--why", "to decide"
    )
    assert code == Exit.OK
    assert arguments["pin"] in shown
    assert "$committed" not in shown
    code, _, said = terminal.run(discreet.outsider, "actions", "show", action, "--reveal")
    assert code == Exit.NOT_AUTHORISED
    assert "asked about a held action" in said


def test_an_action_is_shredded_once_it_has_closed(discreet: Discreet, terminal: Terminal) -> None:
    held = discreet.agent.propose("asked", arguments=secrets()).json()
    action = held["action_id"]
    order = ("shred", action, "--reason", "asked to be forgotten", "--request", "erasure-17")
    code, _, said = terminal.run(discreet.operator, *order)
    assert code == Exit.REFUSED
    assert "still open" in said
    asked = {"request_id": uuid.uuid4().hex, "reason": "no longer"}
    discreet.agent.http.post(f"/v1/actions/{action}/withdrawal", json=asked)
    code, told, _ = terminal.run(discreet.operator, *order)
    assert code == Exit.OK
    assert "/pin shredded at" in told
    code, told, _ = terminal.run(discreet.operator, *order, "--json")
    assert json.loads(told)["request"] == "erasure-17"
    code, told, _ = terminal.run(discreet.auditor, "history", action)
    assert code == Exit.OK
    assert "what became of its sensitive values:" in told
    assert "data.shredded" in told
    code, _, said = terminal.run(discreet.auditor, "actions", "show", action, "--reveal")
    assert code == Exit.REFUSED
    assert "shredded" in said
    assert terminal.run(discreet.auditor, *order)[0] == Exit.NOT_AUTHORISED

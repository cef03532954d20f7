"""The command on a real stack."""

import csv
import io
import json
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from counterseal.cli import main
from counterseal.cli.exits import Exit
from tests.support.stack import Caller, Cast

STARTER = str(Path(__file__).parents[2] / "policies" / "starter")
ROSTER = str(Path(STARTER).parent / "roster.yaml")
HOSTILE = "[red]ok[/] \u202efdp.exe \x1b[2J"


class Terminal:
    """Runs commands as somebody, and reads what they say."""

    def __init__(
        self, cast: Cast, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.cast = cast
        self._patch = patch
        self._capture = capture
        self.err = ""
        patch.setenv("COUNTERSEAL_URL", cast.stack.url)

    def run(self, who: Caller | str, *args: str) -> tuple[int, str]:
        """Run one command; give its exit code and what it printed on stdout."""
        key = who if isinstance(who, str) else who.key
        self._patch.setenv("COUNTERSEAL_API_KEY", key)
        code = main(args)
        told = self._capture.readouterr()
        self.err = told.err
        assert "Traceback" not in told.err
        return code, told.out

    def json(self, who: Caller | str, *args: str) -> Any:  # noqa: ANN401 - JSON
        """Run one command with ``--json``."""
        _, told = self.run(who, *args, "--json")
        return json.loads(told)

    def held(self) -> str:
        """Have an action held."""
        arguments = {"amount": 500, "customer": f"c-{secrets.token_hex(6)}", "order_id": HOSTILE}
        answer = self.cast.agent.propose("refund_order", arguments=arguments).json()
        assert answer["phase"] == "HELD"
        return str(answer["action_id"])


@pytest.fixture
def terminal(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(cast, monkeypatch, capsys)


def test_everyone_learns_who_they_are(terminal: Terminal, cast: Cast) -> None:
    assert terminal.json(cast.agent, "whoami")["role"] == "agent"
    assert terminal.run("csk_unknown", "whoami")[0] == Exit.NOT_AUTHORISED


def test_what_is_shown_is_everything_and_nothing_hides(terminal: Terminal, cast: Cast) -> None:
    action = terminal.held()
    for who in (cast.approvers["ada"], cast.auditor, cast.agent):
        code, told = terminal.run(who, "actions", "show", action)
        assert code == Exit.OK
        assert "\\u202efdp.exe \\u001b[2J" in told
        assert "[red]ok[/]" in told
        assert "\u202e" not in told
        assert "\x1b" not in told
    listed = terminal.json(cast.auditor, "actions", "ls", "--state", "HELD", "--since", "1h")
    assert action in [row["action_id"] for row in listed["items"]]
    assert action in terminal.run(cast.auditor, "actions", "ls", "--tool", "refund_order")[1]
    assert action in terminal.run(cast.auditor, "actions", "watch", "--for", "0.1")[1]


def test_two_people_approve_and_the_story_holds(terminal: Terminal, cast: Cast) -> None:
    action = terminal.held()
    digest = terminal.json(cast.auditor, "actions", "show", action)["row"]["digest"]
    ada, grace = cast.approvers["ada"], cast.approvers["grace"]
    wrong = ("--digest", "sha256:" + "0" * 64)
    assert terminal.run(ada, "approve", action, "--reason", "r", *wrong)[0] == Exit.REFUSED
    assert terminal.run(cast.agent, "approve", action, "--reason", "r")[0] == Exit.NOT_AUTHORISED
    assert terminal.run(ada, "approve", action, "--reason", "r", "--digest", digest)[0] == Exit.OK
    assert terminal.run(ada, "approve", action, "--reason", "again")[0] == Exit.REFUSED
    second = terminal.json(grace, "approve", action, "--reason", "fine")
    assert second["disposition"] == "APPROVED"
    assert terminal.run(grace, "deny", action, "--reason", "too late")[0] == Exit.REFUSED
    code, told = terminal.run(cast.auditor, "history", action)
    assert code == Exit.OK
    assert "hold." in told
    story = terminal.json(cast.auditor, "history", action)
    assert story["intact"] is True
    assert "vote.counted" in [each["kind"] for each in story["events"]]
    assert terminal.run(cast.auditor, "history", action, "--full")[0] == Exit.OK


def test_a_question_is_taken_back(terminal: Terminal, cast: Cast) -> None:
    action = terminal.held()
    assert terminal.run(cast.agent, "withdraw", action, "--reason", "mistake")[0] == Exit.OK
    assert terminal.run(cast.auditor, "history", "act_" + "0" * 32)[0] == Exit.REFUSED


def test_a_recorded_decision_is_explained(terminal: Terminal, cast: Cast) -> None:
    action = terminal.held()
    code, told = terminal.run(cast.auditor, "policy", "explain", action)
    assert code == Exit.PENDING
    assert "refund.two-people" in told
    again = terminal.json(cast.auditor, "policy", "explain", action, "--bundle", STARTER)
    assert again["effective"] == "STEP_UP"


def test_keys_and_roster_are_kept(terminal: Terminal, cast: Cast, tmp_path: Path) -> None:
    operator = cast.operator
    secret = terminal.run(operator, "keys", "issue", "agent", "agent:new")[1].strip()
    assert secret not in terminal.err
    key_id = terminal.json(secret, "whoami")["key_id"]
    assert key_id in terminal.run(operator, "keys", "ls")[1]
    assert terminal.run(operator, "keys", "revoke", key_id)[0] == Exit.OK
    deadline = time.monotonic() + 5
    while terminal.run(secret, "whoami")[0] == Exit.OK and time.monotonic() < deadline:
        time.sleep(0.1)
    assert terminal.run(secret, "whoami")[0] == Exit.NOT_AUTHORISED
    file = tmp_path / "roster.json"
    before = terminal.json(operator, "roster", "show")
    file.write_text(json.dumps(before), "utf-8")
    after = terminal.json(operator, "roster", "set", str(file))
    assert after == {**before, "version": before["version"] + 1}
    assert terminal.run(operator, "roster", "set", ROSTER)[0] == Exit.OK
    assert terminal.run(cast.agent, "roster", "show")[0] == Exit.NOT_AUTHORISED
    assert terminal.run(operator, "policy", "activate", STARTER)[0] == Exit.OK


LINES = [
    {"session": "s 1", "tool": "read_file", "args": {"file_path": "a.txt"}, "output": "pay XX99"},
    {"session": "s 1", "tool": "unheard_of", "args": {"x": 1}},
    {
        "session": "s2",
        "prompt": "refund 5",
        "calls": [
            {"tool": "read_file", "args": {"file_path": "b"}, "output": "o"},
            {"tool": "read_file", "args": {"file_path": "c"}, "error": "no such file"},
        ],
    },
]


def test_a_replay_rehearses_a_bundle(terminal: Terminal, cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join([*map(json.dumps, LINES), "{broken"]), "utf-8")
    report = terminal.json(cast.operator, "replay", str(file), "--bundle", STARTER)
    assert (report["sessions"], report["calls"], report["asked"]) == (2, 4, 4)
    assert report["errors"] == {}
    assert report["bad_lines"] == 1
    assert report["unknown_tools"] == {"unheard_of": 1}
    assert report["effective"] == {"ALLOW": 3, "STEP_UP": 1}
    assert report["ended"] == {"SUCCEEDED": 2, "FAILED": 1, "HELD": 1}
    assert sum(report["waiting_for"].values()) >= 1
    assert report["latency_ms"]["p50"] > 0
    code, told = terminal.run(
        cast.operator, "replay", str(file), "--bundle", STARTER, "--limit", "2", "--strict"
    )
    assert code == Exit.REFUSED
    assert "2 of 2" in told


def test_a_replay_with_an_agents_key_leaves_real_records(
    terminal: Terminal, cast: Cast, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(LINES[2]), "utf-8")
    report = terminal.json(cast.agent, "replay", str(file), "--speed", "50")
    assert report["asked"] == report["looked_up"] == 2
    assert report["fired_rules"] == {}
    assert terminal.run(cast.auditor, "replay", str(file))[0] == Exit.NOT_AUTHORISED


def test_a_review_is_answered_in_every_form(terminal: Terminal, cast: Cast) -> None:
    action = terminal.held()
    ada, grace = cast.approvers["ada"], cast.approvers["grace"]
    assert terminal.run(ada, "approve", action, "--reason", "=1+1")[0] == Exit.OK
    assert terminal.run(ada, "approve", action, "--reason", "again")[0] == Exit.REFUSED
    assert terminal.run(grace, "deny", action, "--reason", HOSTILE)[0] == Exit.OK
    mine = ("--action", action)

    (no, yes) = terminal.json(cast.auditor, "review", "votes", *mine)["items"]
    assert [(each["person"], each["approve"]) for each in (no, yes)] == [
        ("grace", False),
        ("ada", True),
    ]
    code, told = terminal.run(cast.auditor, "review", "votes", *mine, "--approvals")
    assert (code, "ada" in told, "grace" in told) == (Exit.OK, True, False)
    assert yes["digest"] in told
    hostile = terminal.run(cast.auditor, "review", "votes", *mine, "--denials")[1]
    assert not {"\u202e", "\x1b"} & {*hostile}

    rows = terminal.run(cast.auditor, "review", "votes", *mine, "--all", "--format", "csv")[1]
    heads, second, first = csv.reader(io.StringIO(rows, newline=""), strict=True)
    assert first[heads.index("reason")] == "'=1+1"
    assert "\\u202e" in second[heads.index("reason")]
    (line,) = terminal.run(cast.auditor, "review", "refusals", *mine, "--format", "jsonl")[
        1
    ].splitlines()
    assert (json.loads(line)["code"], json.loads(line)["sender"]) == ("already-voted", "ada")
    assert "already-voted" in terminal.run(cast.auditor, "review", "refusals", *mine)[1]

    counted = terminal.json(cast.auditor, "review", "votes", *mine, "--by", "approver, approve")
    assert counted["total"] == 2
    told = terminal.run(cast.auditor, "review", "refusals", "--by", "code", "--format", "csv")[1]
    assert told.startswith('"code","count"\r\n')
    told = terminal.run(cast.auditor, "review", "summary", "--by", "class,rule", "--since", "1h")[1]
    assert "refund.two-people" in told
    assert terminal.run(cast.auditor, "review", "summary", "--by", "nonsense")[0] == Exit.REFUSED
    assert terminal.run(cast.agent, "review", "votes")[0] == Exit.NOT_AUTHORISED


def test_a_list_is_followed_to_its_end(
    terminal: Terminal, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [terminal.held() for _ in range(3)]
    monkeypatch.setattr("counterseal.cli.lists.LARGEST_PAGE", 2)
    asked = ("actions", "ls", "--min-risk", "high", "--since", "1h")
    page = terminal.json(cast.auditor, *asked, "--limit", "1")
    assert len(page["items"]) == 1
    everything = terminal.json(cast.auditor, *asked, "--all")
    assert everything["next_cursor"] is None
    assert [each["action_id"] for each in everything["items"]][:3] == made[::-1]
    rest = terminal.json(cast.auditor, *asked, "--all", "--cursor", page["next_cursor"])
    assert rest["items"] == everything["items"][1:]
    lines = terminal.run(cast.auditor, *asked, "--all", "--format", "jsonl")[1].splitlines()
    assert [json.loads(each) for each in lines] == everything["items"]
    terminal.run(cast.auditor, *asked, "--limit", "1")
    assert "--all" in terminal.err
    assert terminal.run(cast.auditor, *asked, "--all")[1].count("ACTION") > 1


def test_a_policy_change_says_why(terminal: Terminal, cast: Cast, tmp_path: Path) -> None:
    shutil.copytree(Path(STARTER).parent, tmp_path / "policies")
    bundle = tmp_path / "policies" / "starter" / "bundle.yaml"
    changed = re.sub(r"version: .*", f'version: "9.{secrets.randbelow(10**6)}"', bundle.read_text())
    bundle.write_text(changed, "utf-8")
    for wrong in ("", "x" * 129, "a\nb"):
        args = ("policy", "activate", STARTER, "--incident", wrong)
        assert terminal.run(cast.operator, *args)[0] == Exit.USAGE
    incident = f"INC-{secrets.token_hex(4)}"
    why = ("--because", "refunds went through", "--incident", incident)
    activated = terminal.run(cast.operator, "policy", "activate", str(bundle.parent), *why)
    assert activated[0] == Exit.OK
    (line,) = terminal.json(cast.auditor, "policy", "log", "--incident", incident)["items"]
    assert (line["because"], line["by"]) == ("refunds went through", "operator")
    assert incident in terminal.run(cast.auditor, "policy", "log")[1]
    assert terminal.run(cast.operator, "policy", "activate", STARTER)[0] == Exit.OK

"""The command's manners: help, exit codes, streams, and never a stack trace."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import counterseal.cli as cli_module
from counterseal.cli import app, main
from counterseal.cli.exits import MEANINGS, Exit

ROOT = Path(__file__).parents[3]
STARTER = str(ROOT / "policies" / "starter")
DOCS = (ROOT / "docs" / "cli.md").read_text("utf-8")
README = (ROOT / "client" / "README.md").read_text("utf-8")


def commands(group: object = None, path: str = "counterseal") -> Iterator[tuple[str, object]]:
    group = group or get_command(app)
    inner = getattr(group, "commands", None)
    if inner is None:
        yield path, group
        return
    for name, each in inner.items():
        yield from commands(each, f"{path} {name}")


COMMANDS = dict(commands())


FILES = {"calls.jsonl", "package.zip", "trust.txt", "checkpoint.txt"}
"""What examples take for granted; any file there is will do."""


def examples() -> Iterator[str]:
    for path, command in COMMANDS.items():
        found = re.findall(r"^\s*Example: (counterseal .*)$", str(command.help), re.MULTILINE)  # type: ignore[attr-defined]
        assert len(found) == 1, path
        assert found[0].startswith(path), path
        yield found[0]
    for text in (DOCS, README):
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            yield from (line for line in block.splitlines() if line.startswith("counterseal "))


@pytest.mark.parametrize("example", sorted(set(examples())))
def test_every_example_is_a_command_that_exists_with_those_options(example: str) -> None:
    words = shlex.split(example.partition(" > ")[0])
    path = max((each for each in COMMANDS if f"{' '.join(words)} ".startswith(f"{each} ")), key=len)
    rest = words[len(path.split()) :]
    rest = [STARTER if word.startswith("policies/") else word for word in rest]
    rest = [str(ROOT / "pyproject.toml") if word in FILES else word for word in rest]
    COMMANDS[path].make_context(path, rest)  # type: ignore[attr-defined] # parses, runs nothing


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_speaks_json_and_is_in_the_docs(path: str) -> None:
    options = {name for each in COMMANDS[path].params for name in each.opts}  # type: ignore[attr-defined]
    assert "--json" in options
    assert f"`{path}`" in DOCS


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_explained(path: str) -> None:
    for each in COMMANDS[path].params:  # type: ignore[attr-defined]
        assert getattr(each, "help", None), f"{path} {each.name}"


def test_exit_codes_are_in_the_help_and_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.OK
    told = " ".join(capsys.readouterr().out.split())
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in told
        assert f"| {code.value} | {meaning} |" in DOCS


@pytest.fixture
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterseal.cli.server.PATIENCE", 0.2)
    monkeypatch.setattr("counterseal.cli.replay.PATIENCE", 0.2)
    monkeypatch.setenv("COUNTERSEAL_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COUNTERSEAL_API_KEY", "csk_secret")


@pytest.mark.usefixtures("_nowhere")
@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["whoami"], Exit.UNREACHABLE),
        (["actions", "ls"], Exit.UNREACHABLE),
        (["history", "act_x"], Exit.UNREACHABLE),
        (["approve", "act_x", "--reason", "r"], Exit.UNREACHABLE),
        (["approve", "act_x"], Exit.USAGE),
        (["actions", "ls", "--state", "SLEEPING"], Exit.USAGE),
        (["actions", "ls", "--since", "yesterday"], Exit.USAGE),
        (["withdraw", "act_x", "--reason", " "], Exit.USAGE),
        (["keys", "issue", "agent", "no spaces"], Exit.USAGE),
        (["roster", "set", "/nowhere/roster.json"], Exit.USAGE),
        (["policy", "explain"], Exit.USAGE),
        (["no-such-command"], Exit.USAGE),
    ],
)
def test_exit_codes_say_what_went_wrong(
    args: list[str], code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err
    assert "Traceback" not in told.err
    assert "csk_secret" not in told.err


def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COUNTERSEAL_URL", raising=False)
    assert main(["whoami"]) == Exit.USAGE
    assert "COUNTERSEAL_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(ZeroDivisionError("oops \x1b[2J"), Exit.BUG), (KeyboardInterrupt(), Exit.INTERRUPTED)],
)
def test_a_mistake_of_ours_is_one_line_unless_asked_for(
    error: BaseException,
    code: Exit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = typer.Typer()

    @broken.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli_module, "app", broken)
    monkeypatch.delenv("COUNTERSEAL_DEBUG", raising=False)
    assert main([]) == code
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "\x1b" not in told
    monkeypatch.setenv("COUNTERSEAL_DEBUG", "1")
    assert main([]) == code
    assert ("Traceback" in capsys.readouterr().err) == (code is Exit.BUG)


def test_a_sound_bundle_passes_its_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", STARTER, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["sound"] is True
    assert main(["policy", "test", STARTER, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["failures"] == []


def test_a_broken_bundle_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.yaml").write_text("bundle: demo\nversion: 1\n", "utf-8")
    for command in ("check", "test"):
        assert main(["policy", command, str(tmp_path)]) == Exit.REFUSED
    told = capsys.readouterr()
    assert "bundle.yaml:2:" in told.out
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("tool", "args", "code"),
    [
        ("nobody_claims_this", "{}", Exit.PENDING),
        ("send_email", "{not json", Exit.USAGE),
        ("no good name", "{}", Exit.USAGE),
        ("send_email", "@/nowhere.json", Exit.USAGE),
    ],
)
def test_a_made_up_call_is_explained(
    tool: str, args: str, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["policy", "explain", "--bundle", STARTER, "--tool", tool, "--args", args]
    assert main(command) == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err


def test_without_the_engine_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "counterseal.core.policy.judge", None)
    assert main(["policy", "check", STARTER]) == Exit.USAGE
    assert "counterseal[policy]" in capsys.readouterr().err


@pytest.mark.usefixtures("_nowhere")
def test_a_replay_without_a_server_ends_with_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"tool": "t"}\n{broken\n' * 6, "utf-8")
    assert main(["replay", str(file), "--json", "--concurrency", "2"]) == Exit.UNREACHABLE
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert report["bad_lines"] == 6
    assert report["asked"] == 0
    assert report["errors"]["unreachable"] >= 3
    assert "line 2:" in told.err
    assert "Traceback" not in told.err


def test_a_replay_of_nothing_but_bad_lines_is_strict_only_if_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSEAL_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COUNTERSEAL_API_KEY", "csk_secret")
    file = tmp_path / "calls.jsonl"
    file.write_text("{broken\n", "utf-8")
    assert main(["replay", str(file)]) == Exit.OK
    assert main(["replay", str(file), "--strict"]) == Exit.REFUSED
    assert "1 lines could not be read" in capsys.readouterr().out

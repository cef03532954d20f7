"""The verifier is one file that needs nothing, and that nothing can make stumble."""

import ast
import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import counterseal_verify as verifier
from tests.support import packages as p

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

FILE = Path(verifier.__file__)
GOOD = p.draft(p.log_of(p.run_story()), p.ACTION).sealed()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "verify.py").write_bytes(FILE.read_bytes())
    (tmp_path / "good.zip").write_bytes(GOOD)
    (tmp_path / "trust").write_text(p.TRUST)
    return tmp_path


def run(desk: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", "verify.py", *words]
    return subprocess.run(command, cwd=desk, capture_output=True, text=True, check=False)  # noqa: S603 - our own file


def test_it_imports_the_standard_library_and_nothing_else() -> None:
    tree = ast.parse(FILE.read_text("utf-8"))
    imported = {
        name.partition(".")[0]
        for each in ast.walk(tree)
        for name in (
            [alias.name for alias in each.names]
            if isinstance(each, ast.Import)
            else [each.module or "."]
            if isinstance(each, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
    assert not imported & {"socket", "ssl", "http", "urllib", "subprocess", "pickle", "ctypes"}


def test_it_runs_alone_in_an_empty_directory(desk: Path) -> None:
    done = run(desk, "good.zip", "--trust", "trust")
    assert (done.returncode, done.stderr) == (0, "")
    assert "PASS" in done.stdout
    assert "ada (treasury) agreed" in done.stdout


def test_without_trust_it_fails_and_says_why(desk: Path) -> None:
    done = run(desk, "good.zip")
    assert done.returncode == 1
    assert "nothing says who signed" in done.stdout


def test_json_is_one_object(desk: Path) -> None:
    told = json.loads(run(desk, "good.zip", "--trust", "trust", "--json").stdout)
    assert told["verdict"] == "good"
    assert told["levels"]["level"] == "witnessed"
    assert told["levels"]["witnessed_at"] == "2026-01-01T09:00:00Z"
    (action,) = told["actions"]
    assert [each["after_seconds"] for each in action["approvals"]] == [10.0, 20.0]
    assert (action["disposition"], action["outcome"]) == ("APPROVED", "SUCCEEDED")


def test_the_timeline_tells_every_event(desk: Path) -> None:
    told = run(desk, "good.zip", "--trust", "trust", "--timeline").stdout
    assert told.count(p.ACTION) == 10
    assert "SUCCEEDED" in told


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nowhere.zip"],
        ["."],
        ["good.zip", "--trust", "nowhere"],
        ["good.zip", "--trust", "."],
        ["good.zip", "--trust", "good.zip"],
        ["good.zip", "--trust", "trust", "--since", "nowhere"],
        ["good.zip", "--trust", "trust", "--since", "good.zip"],
        ["good.zip", "--surprise"],
        ["good.zip", "good.zip"],
        ["trust"],
        ["verify.py", "--json"],
        ["a\0b"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_read_ends_with_two(desk: Path, words: list[str]) -> None:
    if any("\0" in each for each in words):
        assert verifier.main(words) == 2
        return
    done = run(desk, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr


def test_whoever_stops_reading_is_no_accident(desk: Path) -> None:
    command = [sys.executable, "-I", "-S", "verify.py", "good.zip", "--trust", "trust"]
    with subprocess.Popen(  # noqa: S603 - our own file
        command, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
    assert running.returncode in {0, 1, 2}
    assert b"Traceback" not in said


def test_a_narrow_terminal_is_no_accident(desk: Path) -> None:
    command = [sys.executable, "-I", "-S", "verify.py", "good.zip"]
    done = subprocess.run(  # noqa: S603 - our own file
        command, cwd=desk, capture_output=True, check=False, env={"LC_ALL": "C", "PYTHONUTF8": "0"}
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_what_agents_write_is_shown_inert() -> None:
    story = p.run_story()
    evil = "\x1b[2J\u202e\u200b\r\n<b>PASS</b>"
    story[0]["action"]["arguments"]["note"] = evil
    story[0]["justification"] = evil
    story[3]["reason"] = evil
    log = p.log_of(p.renamed(story, p.ACTION))
    made = p.draft(log, p.ACTION)
    made.predicate["purpose"] = evil
    report = verifier.verify(made.sealed(), p.TRUST.encode())
    assert report.code == 0
    for timeline in (False, True):
        told = "\n".join(verifier.page(report, lambda text, _: text, timeline=timeline))
        assert not {*told} & {"\x1b", "\u202e", "\u200b", "\r"}
        assert "\\u001b[2J\\u202e" in told


@UNHURRIED
@given(st.text())
def test_every_character_is_shown_or_escaped(text: str) -> None:
    shown = verifier.inert(text)
    assert shown.isprintable()
    assert all(each.isascii() or each in text for each in shown)


@UNHURRIED
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(raw: bytes) -> None:
    for start in (b"", b"PK\x03\x04", GOOD[:100]):
        assert verifier.verify(start + raw, p.TRUST.encode()).code in {1, 2}


@UNHURRIED
@given(st.integers(0, len(GOOD)), st.integers(0, 400), st.binary(max_size=40))
def test_any_cut_and_paste_is_refused(at: int, length: int, put: bytes) -> None:
    changed = GOOD[:at] + put + GOOD[at + length :]
    report = verifier.verify(changed, p.TRUST.encode())
    assert report.code == (0 if changed == GOOD else report.code)
    assert changed == GOOD or report.code in {1, 2}
    assert not any("Error" in each.sentence for each in report.checks)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3)
    ),
    max_leaves=6,
)


@settings(UNHURRIED, max_examples=50)
@given(st.data())
def test_any_junk_that_a_packager_signs_is_refused_in_words(data: st.DataObject) -> None:
    made = p.draft(p.log_of(p.run_story()), p.ACTION)
    where = data.draw(st.sampled_from(["predicate", "line", "event", "deep"]))
    junk = data.draw(JUNK)
    if where == "predicate":
        made.predicate[data.draw(st.sampled_from(sorted(made.predicate)))] = junk
    elif where == "line":
        line = data.draw(st.sampled_from(made.lines))
        line[data.draw(st.sampled_from(sorted(line)))] = junk
    else:
        nth = data.draw(st.integers(0, len(made.lines) - 1))
        envelope = made.event(nth)
        inside = envelope["event"] if where == "deep" else envelope
        inside[data.draw(st.sampled_from(sorted(inside)))] = junk
        made.put(nth, envelope)
    report = verifier.verify(made.sealed(), p.TRUST.encode())
    assert report.code in {0, 1, 2}
    assert not any("Error" in each.sentence for each in report.checks), report.checks
    with contextlib.redirect_stdout(io.StringIO()):
        list(verifier.page(report, lambda text, _: text))
        json.dumps(verifier.as_json(report))


@settings(UNHURRIED, max_examples=50)
@given(st.data())
def test_any_junk_in_a_recorded_story_is_refused_in_words(data: st.DataObject) -> None:
    story = p.signed_receipt()
    event = data.draw(st.sampled_from(story))
    inside = event
    while below := [each for each in inside.values() if isinstance(each, dict) and each]:
        if data.draw(st.booleans(), "deeper"):
            break
        inside = data.draw(st.sampled_from(below))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(JUNK)
    if not isinstance(event.get("kind"), str):
        return
    report = verifier.verify(p.draft(p.log_of(story), p.ACTION).sealed(), p.TRUST.encode())
    assert not any("Error" in each.sentence for each in report.checks), report.checks
    list(verifier.page(report, lambda text, _: text, timeline=True))
    json.dumps(verifier.as_json(report))


def test_a_duration_is_told_in_its_two_largest_units() -> None:
    told = {seconds: verifier.pause(seconds) for seconds in (0.5, 59, 61, 3600, 90061, 864000)}
    assert [*told.values()] == ["0.500s", "59s", "1m1s", "1h", "1d1h", "10d"]

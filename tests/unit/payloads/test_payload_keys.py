"""One file holds the keys: made once, rotated in one step, and refused whole if a line is wrong."""

import json
import stat
import sys
from pathlib import Path

import pytest

from adapters.payload_keys import PayloadKeys, make_payload_keys, rotate_payload_keys
from entrypoints import admin
from entrypoints.settings import Settings
from entrypoints.temporal import payload_keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "made" / "payload.keys"
    make_payload_keys(made)
    return made


def test_only_its_owner_can_read_the_file(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rotate_payload_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_making_keys_again_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    assert make_payload_keys(path) == PayloadKeys(path).newest.id
    assert path.read_bytes() == before


def test_a_new_key_comes_first_and_every_other_line_stays(path: Path) -> None:
    path.write_text(path.read_text() + "# the oldest one\n")
    before = path.read_text().splitlines()
    new = rotate_payload_keys(path)
    after = path.read_text().splitlines()
    assert [line for line in after if line not in before] == [after[2]]
    assert new in after[2]
    assert PayloadKeys(path).newest.id == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("key ", "kex "),
        ("key ", " key "),
        ("mark ", "kram "),
        ("mark ", "# mark "),
        ("key ", "key 0"),
        ("key ", "key 00000000000000000000000000000000 "),
        ("\nkey", "\n# key"),
        ("\nkey", "\n\N{DEGREE SIGN}\nkey"),
    ],
)
def test_a_file_that_is_not_right_is_refused_without_being_quoted(
    path: Path, old: str, new: str
) -> None:
    secrets = [line.rpartition(" ")[2] for line in path.read_text().splitlines()[1:]]
    path.write_text(path.read_text().replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=r"payload\.keys|ascii") as error:
        PayloadKeys(path)
    assert not any(secret in str(error.value) for secret in secrets)


def test_a_key_under_the_id_of_another_is_refused(path: Path) -> None:
    rotate_payload_keys(path)
    lines = path.read_text().splitlines()
    marked = lines[2].split()[1]
    lines[2] = lines[2].replace(marked, marked[:-1] + ("0" if marked[-1] != "0" else "1"))
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match="line 3"):
        PayloadKeys(path)


@pytest.mark.parametrize("named", ["/tmp/x", "vault:x", "file:", "file:/nowhere/payload.keys"])  # noqa: S108 - a name, never opened
def test_a_setting_that_names_no_file_of_keys_ends_the_program(named: str) -> None:
    with pytest.raises(SystemExit, match="COUNTERSEAL_PAYLOAD_KEYS"):
        payload_keys(Settings(database_url="", payload_keys=named))


def test_without_the_setting_there_are_no_keys() -> None:
    assert payload_keys(Settings(database_url="")) is None


def test_operators_make_and_rotate_keys_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "payload.keys")

    def said(*words: str) -> dict[str, str]:
        monkeypatch.setattr(sys, "argv", ["admin", "--json", "payload-key", file, *words])
        assert admin.main() == 0
        told: dict[str, str] = json.loads(capsys.readouterr().out)
        return told

    first = said()
    assert said() == first
    assert said("--rotate")["newest key"] != first["newest key"]
    keys = payload_keys(Settings(database_url="", payload_keys=f"file:{file}"))
    assert keys is not None
    assert keys.find(first["newest key"]) is not None


def test_a_key_is_not_rotated_into_a_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["admin", "payload-key", str(tmp_path / "none.keys"), "--rotate"]
    monkeypatch.setattr(sys, "argv", words)
    assert admin.main() == 1
    assert "none.keys" in capsys.readouterr().err

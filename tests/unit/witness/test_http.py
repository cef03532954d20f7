"""The witness over HTTP: statuses and media types to the byte."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.note import parse_note
from counterseal.witness import cli
from counterseal.witness.http import application
from counterseal.witness.keys import Logs, WitnessKey
from counterseal.witness.protocol import LARGEST_REQUEST
from counterseal.witness.records import Memory, origin_hash
from counterseal.witness.witness import Witness
from tests.support.logs import SmallLog

KEY = WitnessKey("witness.example/w1", Ed25519PrivateKey.generate())
LOG = SmallLog()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    witness = Witness(KEY, Logs((LOG.verifier,)), Memory(tmp_path), None, lambda: 7)
    door = httpx.ASGITransport(application(witness), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=door, base_url="http://witness") as client:
        yield client


async def test_a_cosignature_is_a_signature_line_that_fits_under_the_checkpoint(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/add-checkpoint", content=LOG.request(0, 4))
    assert answer.status_code == 200
    assert answer.text.startswith("\u2014 witness.example/w1 ")
    assert answer.text.endswith("\n")
    assert answer.text.count("\n") == 1
    assert parse_note(str(LOG.note(4)) + answer.text).signed_by([KEY.verifier]) == (KEY.verifier,)


async def test_a_conflict_says_the_size_and_nothing_else(http: httpx.AsyncClient) -> None:
    await http.post("/add-checkpoint", content=LOG.request(0, 4))
    answer = await http.post("/add-checkpoint", content=LOG.request(3, 6))
    assert (answer.status_code, answer.content) == (409, b"4\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_checkpoints_are_posted(http: httpx.AsyncClient, method: str) -> None:
    answer = await http.request(method, "/add-checkpoint", content=LOG.request(0, 4))
    assert answer.status_code == 405


async def test_too_much_is_not_read(http: httpx.AsyncClient) -> None:
    answer = await http.post("/add-checkpoint", content=b"x" * (LARGEST_REQUEST + 1))
    assert answer.status_code == 413


async def test_monitors_retrieve_the_latest_checkpoint(http: httpx.AsyncClient) -> None:
    path = f"/{hashlib.sha256(LOG.origin.encode()).hexdigest()}/checkpoint"
    assert (await http.get(path)).status_code == 404
    await http.post("/add-checkpoint", content=LOG.request(0, 4))
    answer = await http.get(path)
    assert answer.status_code == 200
    note = parse_note(answer.text)
    assert note.text == LOG.checkpoint(4).text
    assert {*note.signed_by([LOG.verifier, KEY.verifier])} == {LOG.verifier, KEY.verifier}


@pytest.mark.parametrize(
    "named", ["..", "%2e%2e", "lock", "A" * 64, "0" * 63, "0" * 65, "%00" * 64]
)
async def test_only_hashes_name_logs(http: httpx.AsyncClient, named: str) -> None:
    assert (await http.get(f"/{named}/checkpoint")).status_code == 404


async def test_a_witness_that_cannot_remember_signs_nothing_and_tells_nothing(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / origin_hash(LOG.origin)).mkdir()
    answer = await http.post("/add-checkpoint", content=LOG.request(0, 4))
    assert (answer.status_code, answer.text) == (500, "this witness cannot remember now.\n")


async def test_it_says_that_it_is_alive(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).text == "ok\n"


def test_the_command_makes_one_key_and_prints_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "witness.pem"
    assert cli.main(["key", str(file), "--name", "witness.example/w1"]) == 0
    first = capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli.main(["key", str(file), "--name", "witness.example/w1", "--json"]) == 0
    assert f'"key": "{first.strip()}"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log", "nonsense"], "is not a verifier key"),
        (["--logs", "missing.txt"], "missing.txt"),
        ([], "name at least one log"),
        (["--log", str(LOG.verifier), "--key", "missing.pem"], "cannot be read as a private key"),
    ],
)
def test_what_is_wrong_is_said_without_a_stack_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    key = tmp_path / "k.pem"
    cli.main(["key", str(key), "--name", "w"])
    given = ["serve", "--name", "w", "--key", str(key), "--state", str(tmp_path / "s"), *options]
    assert cli.main(given) != 0
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in shown
    assert "Traceback" not in shown

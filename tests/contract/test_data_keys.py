"""Whoever holds the keys opens what they wrapped, in its own context; nobody else does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped] # boto3 ships no types
import httpx
import pytest

from adapters.keys.aws_kms import AwsKmsCustody
from adapters.keys.envelope import new_data_key, open_sealed, seal
from adapters.keys.file import FileCustody
from adapters.payload_keys import make_payload_keys, rotate_payload_keys
from counterseal.core.commitments import Disclosure
from domain.vault import KeyCustody, KeysUnavailable, KeyUnknown, Wrapped
from entrypoints.keys import data_keys
from entrypoints.processes import free_port

CONTEXT = {"tenant": "acme", "action": "act_1", "purpose": "data-key"}


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a stand-in for AWS KMS as a process of its own, with one key behind an alias."""
    port = free_port(0)
    url = f"http://127.0.0.1:{port}"
    with (tmp_path_factory.mktemp("kms") / "log").open("wb") as log:
        program = str(Path(sys.executable).parent / "moto_server")
        arguments = [program, "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(arguments, stdout=log, stderr=log)  # noqa: S603 - our own
    known = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": url,
    }
    before = {name: os.environ.get(name) for name in known}
    os.environ.update(known)
    try:
        _wait_for(url)
        client = boto3.client("kms")
        key = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName="alias/counterseal", TargetKeyId=key)
        yield "alias/counterseal"
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.send_signal(signal.SIGKILL)
        server.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the stand-in for AWS KMS did not come up")


@pytest.fixture(params=["file", "aws-kms"])
def custody(request: pytest.FixtureRequest, tmp_path: Path) -> KeyCustody:
    if request.param == "aws-kms":
        return AwsKmsCustody(request.getfixturevalue("kms"))
    make_payload_keys(tmp_path / "data.keys")
    return FileCustody(tmp_path / "data.keys")


async def test_what_was_wrapped_is_unwrapped(custody: KeyCustody) -> None:
    data_key = new_data_key()
    wrapped = await custody.wrap(data_key, CONTEXT)
    assert data_key not in wrapped.text
    assert (await custody.wrap(data_key, CONTEXT)).text != wrapped.text
    assert await custody.unwrap(wrapped, CONTEXT) == data_key


@pytest.mark.parametrize("changed", [{"tenant": "evil"}, {"action": "act_2"}, {"purpose": "x"}])
async def test_in_another_context_nothing_opens(
    custody: KeyCustody, changed: dict[str, str]
) -> None:
    wrapped = await custody.wrap(new_data_key(), CONTEXT)
    with pytest.raises(KeyUnknown):
        await custody.unwrap(wrapped, CONTEXT | changed)


async def test_a_changed_byte_opens_nothing(custody: KeyCustody) -> None:
    wrapped = await custody.wrap(new_data_key(), CONTEXT)
    last = wrapped.text[:-1] + bytes([wrapped.text[-1] ^ 1])
    for text in (last, wrapped.text[:-1], b"", b"\x00" * 60):
        with pytest.raises(KeyUnknown):
            await custody.unwrap(wrapped._replace(text=text), CONTEXT)


async def test_a_key_that_somebody_else_holds_opens_nothing(custody: KeyCustody) -> None:
    wrapped = await custody.wrap(new_data_key(), CONTEXT)
    for key in ("file/" + "0" * 32, "aws-kms/nobodys", "", wrapped.key.partition("/")[2]):
        with pytest.raises(KeyUnknown):
            await custody.unwrap(Wrapped(key, wrapped.text), CONTEXT)


async def test_a_new_key_is_used_by_some_while_others_have_not_heard_of_it(tmp_path: Path) -> None:
    path = tmp_path / "data.keys"
    make_payload_keys(path)
    old = FileCustody(path)
    before = await old.wrap(b"k" * 32, CONTEXT)
    rotate_payload_keys(path)
    new = FileCustody(path)
    after = await new.wrap(b"n" * 32, CONTEXT)
    assert after.key != before.key
    assert await old.unwrap(after, CONTEXT) == b"n" * 32
    assert await new.unwrap(before, CONTEXT) == b"k" * 32


async def test_an_alias_may_point_to_another_key_later(kms: str) -> None:
    custody, client = AwsKmsCustody(kms), boto3.client("kms")
    before = await custody.wrap(b"k" * 32, CONTEXT)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    client.update_alias(AliasName=kms, TargetKeyId=key)
    assert (await custody.wrap(b"k" * 32, CONTEXT)).key == f"aws-kms/{_arn(client, key)}"
    assert await custody.unwrap(before, CONTEXT) == b"k" * 32


def _arn(client: object, key: str) -> str:
    return str(client.describe_key(KeyId=key)["KeyMetadata"]["Arn"])  # type: ignore[attr-defined] # untyped


async def test_keys_that_cannot_be_reached_may_be_back_later(
    kms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = await AwsKmsCustody(kms).wrap(b"k" * 32, CONTEXT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port(0)}")
    away = AwsKmsCustody(kms)
    with pytest.raises(KeysUnavailable):
        await away.unwrap(wrapped, CONTEXT)
    with pytest.raises(KeysUnavailable):
        await away.wrap(b"k" * 32, CONTEXT)


async def test_nothing_is_wrapped_under_a_key_that_is_not_there(kms: str) -> None:
    with pytest.raises(KeysUnavailable, match="NotFound"):
        await AwsKmsCustody(kms + "-misspelt").wrap(b"k" * 32, CONTEXT)


def test_what_is_sealed_opens_with_its_key_in_its_place_only() -> None:
    key, one = new_data_key(), Disclosure(pointer="/a", salt="A" * 43, value={"n": [1, "geheim"]})
    sealed = seal(key, [one], CONTEXT)
    assert b"geheim" not in sealed
    assert open_sealed(key, sealed, CONTEXT) == (one,)
    for other in (
        (new_data_key(), sealed, CONTEXT),
        (b"short", sealed, CONTEXT),
        (key, sealed, {**CONTEXT, "action": "act_2"}),
        (key, sealed[:-1], CONTEXT),
        (key, b"", CONTEXT),
    ):
        with pytest.raises(KeyUnknown):
            open_sealed(*other)


@pytest.mark.parametrize(
    "named", ["", "file:", "data.keys", "vault:x", "file:/nowhere/data.keys", "aws-kms:"]
)
def test_a_setting_that_names_no_keys_is_told_so(named: str) -> None:
    with pytest.raises(SystemExit, match="COUNTERSEAL_DATA_KEYS"):
        data_keys(named)


def test_without_the_setting_there_are_no_keys() -> None:
    assert data_keys(None) is None


def test_the_setting_names_a_file_or_a_key_in_kms(kms: str, tmp_path: Path) -> None:
    make_payload_keys(tmp_path / "data.keys")
    assert isinstance(data_keys(f"file:{tmp_path / 'data.keys'}"), FileCustody)
    assert isinstance(data_keys(f"aws-kms:{kms}"), AwsKmsCustody)

"""Payloads are encrypted for one tenant: whoever changes or moves one gets nothing out of it."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from adapters.payload_keys import PayloadKeys, make_payload_keys, rotate_payload_keys
from adapters.temporal_codec import (
    EncryptingCodec,
    UnknownPayloadKey,
    UnreadablePayload,
    is_encrypted,
    key_of,
)
from entrypoints.temporal import DATA_CONVERTER, data_converter

CANARY = "canary-4711"
OURS = WorkflowSerializationContext(namespace="default", workflow_id="main/act_1")
THEIRS = WorkflowSerializationContext(namespace="default", workflow_id="rival/act_1")

payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(), st.binary()), data=st.binary(max_size=2000)
)
names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}\Z")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PayloadKeys:
    path = tmp_path_factory.mktemp("keys") / "payload.keys"
    make_payload_keys(path)
    return PayloadKeys(path)


def encoded(codec: EncryptingCodec, *clear: Payload) -> list[Payload]:
    return asyncio.run(codec.encode(clear))


def decoded(codec: EncryptingCodec, *sealed: Payload) -> list[Payload]:
    return asyncio.run(codec.decode(sealed))


def plain(text: str = f'"{CANARY}"') -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


@given(clear=st.lists(payloads), tenant=names)
def test_whatever_is_encrypted_is_decrypted_again(
    keys: PayloadKeys, clear: list[Payload], tenant: str
) -> None:
    codec = EncryptingCodec(keys, tenant)
    sealed = encoded(codec, *clear)
    assert all(is_encrypted(each) for each in sealed)
    assert decoded(codec, *sealed) == clear


def test_nothing_of_the_content_or_its_metadata_is_seen(keys: PayloadKeys) -> None:
    clear = Payload(metadata={"encoding": b"json/plain", CANARY: b"x"}, data=CANARY.encode())
    [sealed] = encoded(EncryptingCodec(keys, "main"), clear)
    assert CANARY.encode() not in sealed.SerializeToString()
    assert set(sealed.metadata) == {"encoding", "encryption-key-id", "tenant"}


def test_the_same_is_never_encrypted_alike(keys: PayloadKeys) -> None:
    sealed = encoded(EncryptingCodec(keys, "main"), *[plain()] * 2000)
    assert len({each.data[:12] for each in sealed}) == len({each.data for each in sealed}) == 2000


def refused(codec: EncryptingCodec, sealed: Payload) -> None:
    """Hold a payload to being of no use, by whichever way it is read."""
    with pytest.raises(UnreadablePayload) as error:
        codec.opened(sealed)
    assert CANARY not in str(error.value)
    assert decoded(codec, sealed) == [sealed]
    with pytest.raises(UnreadablePayload):
        DATA_CONVERTER.payload_converter.from_payload(sealed)


def test_every_single_bit_of_the_ciphertext_counts(keys: PayloadKeys) -> None:
    codec = EncryptingCodec(keys, "main")
    [sealed] = encoded(codec, plain())
    for bit in range(len(sealed.data) * 8):
        changed = bytearray(sealed.data)
        changed[bit // 8] ^= 1 << bit % 8
        refused(codec, Payload(metadata=sealed.metadata, data=bytes(changed)))


@pytest.mark.parametrize("field", ["encryption-key-id", "tenant"])
def test_every_single_bit_of_the_metadata_counts(keys: PayloadKeys, field: str) -> None:
    codec = EncryptingCodec(keys, "main")
    [sealed] = encoded(codec, plain())
    for bit in range(len(sealed.metadata[field]) * 8):
        changed = bytearray(sealed.metadata[field])
        changed[bit // 8] ^= 1 << bit % 8
        refused(
            codec, Payload(metadata={**sealed.metadata, field: bytes(changed)}, data=sealed.data)
        )


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 27, 28])
def test_what_is_cut_short_is_refused(keys: PayloadKeys, length: int) -> None:
    codec = EncryptingCodec(keys, "main")
    [sealed] = encoded(codec, plain())
    refused(codec, Payload(metadata=sealed.metadata, data=sealed.data[:length]))


@pytest.mark.parametrize("missing", ["encryption-key-id", "tenant"])
def test_what_names_no_key_or_tenant_is_refused(keys: PayloadKeys, missing: str) -> None:
    codec = EncryptingCodec(keys, "main")
    [sealed] = encoded(codec, plain())
    del sealed.metadata[missing]
    refused(codec, sealed)


def test_another_tenant_cannot_read_it_even_when_the_label_is_changed(keys: PayloadKeys) -> None:
    theirs = EncryptingCodec(keys, "rival")
    [sealed] = encoded(EncryptingCodec(keys, "main"), plain())
    refused(theirs, sealed)
    refused(theirs, Payload(metadata={**sealed.metadata, "tenant": b"rival"}, data=sealed.data))


def activity(workflow_id: str | None) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="action.ask",
        activity_task_queue="counterseal",
        workflow_id=workflow_id,
        workflow_type=None,
        is_local=True,
    )


def workflow(workflow_id: str) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)


@pytest.mark.parametrize(
    ("context", "tenant"),
    [
        (workflow("main/act_1"), "main"),
        (workflow("group/main/act_1"), "group/main"),
        (workflow("counterseal-sweep-2026-01-01T00:00:00Z"), "-"),
        (workflow("/act_1"), "-"),
        (workflow(""), "-"),
        (activity("main/act_1"), "main"),
        (activity(None), "-"),
        (SerializationContext(), "-"),
    ],
)
def test_the_tenant_is_the_one_whose_workflow_it_is(
    keys: PayloadKeys, context: SerializationContext, tenant: str
) -> None:
    [sealed] = encoded(EncryptingCodec(keys, "another").with_context(context), plain())
    assert sealed.metadata["tenant"] == tenant.encode()


def test_what_was_never_encrypted_is_taken_as_it_is(keys: PayloadKeys) -> None:
    clear = [plain(), Payload(), Payload(metadata={"encoding": b"binary/null"})]
    assert decoded(EncryptingCodec(keys, "main"), *clear) == clear


# -- keys come and go


def test_after_a_rotation_the_new_key_encrypts_and_the_old_one_decrypts(tmp_path: Path) -> None:
    path = tmp_path / "payload.keys"
    old = make_payload_keys(path)
    [before] = encoded(EncryptingCodec(PayloadKeys(path)), plain())
    new = rotate_payload_keys(path)
    codec = EncryptingCodec(PayloadKeys(path))
    [after] = encoded(codec, plain())
    assert (key_of(before), key_of(after)) == (old, new)
    assert decoded(codec, before, after) == [plain(), plain()]


def test_who_started_before_a_rotation_reads_what_others_write_after_it(tmp_path: Path) -> None:
    path = tmp_path / "payload.keys"
    make_payload_keys(path)
    early = EncryptingCodec(PayloadKeys(path), "main")
    encoded(early, plain())
    new = rotate_payload_keys(path)
    late = encoded(EncryptingCodec(PayloadKeys(path), "main"), plain())
    assert decoded(early, *late) == [plain()]
    assert key_of(encoded(early, plain())[0]) == new


def test_a_key_of_ours_that_is_not_here_is_waited_for(tmp_path: Path) -> None:
    here, there = tmp_path / "here.keys", tmp_path / "there.keys"
    make_payload_keys(here)
    there.write_bytes(here.read_bytes())
    new = rotate_payload_keys(there)
    sealed = encoded(EncryptingCodec(PayloadKeys(there), "main"), plain())
    codec = EncryptingCodec(PayloadKeys(here), "main")
    with pytest.raises(UnknownPayloadKey, match=new):
        decoded(codec, *sealed)
    here.write_text("half a file")
    with pytest.raises(UnknownPayloadKey, match=new):
        decoded(codec, *sealed)
    here.write_bytes(there.read_bytes())
    assert decoded(codec, *sealed) == [plain()]


def test_a_key_that_was_taken_out_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "payload.keys"
    old = make_payload_keys(path)
    sealed = encoded(EncryptingCodec(PayloadKeys(path), "main"), plain())
    rotate_payload_keys(path)
    kept = [line for line in path.read_text().splitlines() if old not in line]
    path.write_text("\n".join(kept))
    with pytest.raises(UnknownPayloadKey, match=old):
        decoded(EncryptingCodec(PayloadKeys(path), "main"), *sealed)


def test_a_key_that_nobody_here_made_is_not_waited_for(keys: PayloadKeys, tmp_path: Path) -> None:
    make_payload_keys(tmp_path / "other.keys")
    others = EncryptingCodec(PayloadKeys(tmp_path / "other.keys"), "main")
    refused(EncryptingCodec(keys, "main"), encoded(others, plain())[0])


# -- what Temporal does with it


def test_a_converter_without_keys_says_why_it_cannot_read(keys: PayloadKeys) -> None:
    async def told() -> None:
        written = await data_converter(keys).with_context(OURS).encode([CANARY])
        with pytest.raises(UnreadablePayload, match=keys.newest.id):
            await DATA_CONVERTER.with_context(OURS).decode(written)

    asyncio.run(told())


def test_messages_and_traces_of_failures_are_encrypted_to_the_last_cause(keys: PayloadKeys) -> None:
    async def both_ways() -> tuple[Failure, BaseException]:
        failure = Failure()
        await data_converter(keys).with_context(OURS).encode_failure(_failed(), failure)
        carried = Failure.FromString(failure.SerializeToString())
        return failure, await data_converter(keys).with_context(OURS).decode_failure(carried)

    failure, error = asyncio.run(both_ways())
    assert failure.cause.cause.HasField("encoded_attributes")
    assert CANARY.encode() not in failure.SerializeToString()
    assert CANARY in str(error)
    assert CANARY in str(error.__cause__)
    assert isinstance(error, ApplicationError)
    assert error.details == (CANARY,)


def test_a_failure_that_is_passed_on_stays_encrypted(keys: PayloadKeys) -> None:
    async def passed_on() -> Failure:
        converter: DataConverter = data_converter(keys).with_context(OURS)
        first, second = Failure(), Failure()
        await converter.encode_failure(_failed(), first)
        await converter.encode_failure(await converter.decode_failure(first), second)
        return second

    failure = asyncio.run(passed_on())
    assert CANARY.encode() not in failure.SerializeToString()


def _failed() -> BaseException:
    """An error with two causes, and with a trace that quotes the content."""
    cause = ValueError(CANARY)
    cause.__cause__ = KeyError(CANARY)
    with pytest.raises(ApplicationError) as caught:
        raise ApplicationError("canary-4711", CANARY) from cause
    return caught.value

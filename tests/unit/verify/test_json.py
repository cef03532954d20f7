"""The verifier's JSON is everybody's: RFC 8785 to the byte."""

import json
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import counterseal_verify as verifier

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda below: st.lists(below, max_size=5) | st.dictionaries(text, below, max_size=5),
    max_leaves=20,
)

# The numbers of RFC 8785, appendix B.
APPENDIX_B = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "written"), APPENDIX_B.items())
def test_numbers_are_written_as_the_standard_lists_them(bits: str, written: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert verifier.write_number(number) == written


@UNHURRIED
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_written_as_another_writer_does(number: float) -> None:
    assert verifier.write_number(number).encode() == rfc8785.dumps(number)


@UNHURRIED
@given(values)
def test_every_value_is_written_as_another_writer_does(value: Any) -> None:
    assert verifier.write_json(value).encode() == rfc8785.dumps(value)


@UNHURRIED
@given(values)
def test_what_another_writer_wrote_is_read(value: Any) -> None:
    written = rfc8785.dumps(value)
    assert rfc8785.dumps(verifier.read_json(written, "here")) == written


@UNHURRIED
@given(st.binary(max_size=60) | text.map(str.encode) | values.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_read_exactly_or_refused(raw: bytes) -> None:
    try:
        value = verifier.read_json(raw, "here")
    except verifier.Malformed:
        return
    assert rfc8785.dumps(value) == raw


@pytest.mark.parametrize("depth", [1, 32, 64])
def test_what_the_ledger_can_hold_is_read(depth: int) -> None:
    verifier.read_json(b"[" * depth + b"]" * depth, "here")


def test_a_sum_without_exponent_is_read_back() -> None:
    assert verifier.read_json(b'{"sum":100000000000000000000}', "here") == {"sum": 1e20}


@UNHURRIED
@given(st.lists(st.sampled_from("/~01ab*"), max_size=6).map("".join))
def test_pointers_lead_where_rfc_6901_says_or_nowhere(tail: str) -> None:
    value = {"a": [1, {"b": 2}], "~": 3, "/": 4, "": 5, "0": 6}
    verifier.pointed(value, "/" + tail)
    assert verifier.pointed(value, "/a/1/b") == 2
    assert verifier.pointed(value, "/~0") == 3
    assert verifier.pointed(value, "/~1") == 4
    assert verifier.pointed(value, "/") == 5

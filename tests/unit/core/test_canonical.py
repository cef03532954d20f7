"""Canonical bytes: equal if and only if every reader reads the same action."""

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.canonical import (
    ARGUMENTS,
    GREATEST_INTEGER,
    Bounds,
    Json,
    canonical,
    check,
    digest,
    digest_bytes,
    is_digest,
    parse,
)
from counterseal.core.errors import (
    DuplicateKey,
    NotUnicode,
    NumberOutOfRange,
    TooDeep,
    TooLarge,
    TooManyKeys,
    Unreadable,
)


def read(text: str) -> Json:
    return parse(text.encode(), ARGUMENTS)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


# What is the same action, and what is not (reference/evidence.md §3.1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("0", "-0.0"),
        ("0", "-0"),
        ("100000", "1E5"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
        ('"\\u00e9"', '"é"'),
        ('"/"', '"\\/"'),
        (" [ 1 , 2 ]\n", "[1,2]"),
        ('"\\ud83d\\ude00"', '"😀"'),
    ],
)
def test_two_spellings_of_one_value_are_one_action(one: str, other: str) -> None:
    assert canonical(read(one)) == canonical(read(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "true"),
        ("0", "false"),
        ("1.0", "true"),
        ('"5"', "5"),
        ('{"a":null}', "{}"),
        ("null", "false"),
        ("[]", "{}"),
        ('""', "null"),
        ('"e\\u0301"', '"\\u00e9"'),
        ('"pay\\u202eyap"', '"payyap"'),
        ('"a\\u200bb"', '"ab"'),
        ('"/etc/../x"', '"/x"'),
        ("[1,2]", "[2,1]"),
        ("[1]", "[[1]]"),
        ('"A"', '"a"'),
        ('"a "', '"a"'),
        ("0.1", "0.10000000000000002"),
        ("9007199254740991", "9007199254740990"),
        ('{"a":{"b":1}}', '{"a.b":1}'),
    ],
)
def test_two_values_that_differ_are_two_actions(one: str, other: str) -> None:
    assert canonical(read(one)) != canonical(read(other))
    assert digest("d", read(one)) != digest("d", read(other))


# What is refused before two readers can read it differently


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":1}',
        '[{"x":{"a":1,"b":2,"a":1}}]',
        '{"":1,"":1}',
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(DuplicateKey, match="twice"):
        read(text)


def test_equal_keys_of_different_objects_are_fine() -> None:
    assert read('[{"a":1},{"a":{"a":2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "1" * 400,
        "1" * 401,
        "-" + "9" * 100_000,
        "1e400",
        "-1e400",
        "1" + "0" * 309 + ".0",
        "0." + "1" * 100_000,
        "1e" + "9" * 100_000,
        "NaN",
        "Infinity",
        "-Infinity",
    ],
)
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"amount":{}}}'])
def test_a_number_that_not_every_reader_holds_is_refused(text: str, around: str) -> None:
    with pytest.raises(NumberOutOfRange) as refusal:
        read(around.format(text))
    assert len(refusal.value.sentence) < 200


def test_the_greatest_integers_are_read() -> None:
    assert read(f"[{GREATEST_INTEGER},{-GREATEST_INTEGER}]") == [2**53 - 1, -(2**53) + 1]


@pytest.mark.parametrize("text", ["1e16", "9007199254740993.0", "1e20", "-1e20"])
def test_what_is_written_can_be_read_again_or_is_not_written(text: str) -> None:
    try:
        written = canonical(read(text))
    except NumberOutOfRange:
        return
    assert canonical(parse(written, ARGUMENTS)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a"}',
        "[1,]",
        '{"a":1,}',
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "'a'",
        "nul",
        "1 2",
        "[1][2]",
        '"\x00"',
        '"a\nb"',
        '"\\x"',
        '"\\u12"',
        "\ufeff1",
        "// no\n1",
        "]" * 64 + "[" * 64,
        '"',
        '"\\',
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(text)
    assert refusal.value.code == "json-malformed"


@pytest.mark.parametrize("text", [b'"\xff"', b"\xff\xfe1\x00", b'"\xc0\x80"', b'"\xed\xa0\x80"'])
def test_what_is_not_utf_8_is_refused(text: bytes) -> None:
    with pytest.raises(NotUnicode):
        parse(text, ARGUMENTS)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\udc00":1}', '["a\\ud800b"]', '"\\ude00\\ud83d"']
)
def test_a_lone_surrogate_is_never_hashed(text: str) -> None:
    with pytest.raises(Unreadable):
        canonical(read(text))


def test_a_lone_surrogate_is_refused_as_not_unicode() -> None:
    with pytest.raises(NotUnicode):
        canonical("\ud800")


# Bounds


def test_nesting_is_read_to_the_bound_and_no_deeper() -> None:
    assert parse(nested(32), ARGUMENTS)
    for depth in (33, 1000, 100_000):
        with pytest.raises(TooDeep):
            parse(nested(depth), ARGUMENTS)


def test_nesting_that_is_never_closed_is_refused() -> None:
    with pytest.raises(TooDeep):
        parse(b'{"a":' * 40_000, ARGUMENTS)


def test_brackets_in_strings_are_not_nesting() -> None:
    text = json.dumps({"a": "[" * 1000, 'b"[{:': "\\" * 9 + '"{', "c": ":::"}).encode()
    assert parse(text, Bounds(size=10_000, depth=1, keys=3)) == json.loads(text)


def test_bytes_are_read_to_the_bound_and_no_further() -> None:
    bounds = Bounds(size=10, depth=1, keys=1)
    assert parse(b'"' + b"a" * 8 + b'"', bounds)
    with pytest.raises(TooLarge):
        parse(b'"' + b"a" * 9 + b'"', bounds)


def test_keys_are_read_to_the_bound_and_no_further() -> None:
    bounds = Bounds(size=1000, depth=2, keys=3)
    assert parse(b'{"a":{"b":1},"c":2}', bounds)
    with pytest.raises(TooManyKeys):
        parse(b'{"a":{"b":1},"c":2,"d":3}', bounds)


def test_a_value_is_held_to_the_same_bounds_as_a_text() -> None:
    bounds = Bounds(size=20, depth=2, keys=2)
    assert check({"a": [1], "b": 2}, bounds) == b'{"a":[1],"b":2}'
    with pytest.raises(TooDeep):
        check([[[1]]], bounds)
    with pytest.raises(TooManyKeys):
        check({"a": 1, "b": {"c": 1}}, bounds)
    with pytest.raises(TooLarge):
        check("a" * 19, bounds)


def test_an_empty_value_at_the_bottom_is_a_level_too() -> None:
    with pytest.raises(TooDeep):
        check([[[]]], Bounds(size=20, depth=2, keys=2))


def test_a_value_too_deep_to_recurse_into_is_refused() -> None:
    deep: Json = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TooDeep):
        check(deep, ARGUMENTS)
    with pytest.raises(TooDeep):
        canonical(deep)


LONGEST = 256 * 1024


@pytest.mark.parametrize(
    "text",
    [
        b'"' + b"a" * (LONGEST - 2) + b'"',
        b'"' + b"\\n" * (LONGEST // 2 - 1) + b'"',
        b"[" + b"1," * (LONGEST // 2 - 2) + b"1]",
        b"[" + b'"",' * (LONGEST // 3 - 2) + b'""]',
        b" " * (LONGEST - 1) + b"1",
    ],
)
def test_the_longest_bodies_are_read(text: bytes) -> None:
    assert len(text) <= LONGEST
    assert parse(text, ARGUMENTS)


@pytest.mark.parametrize(
    "text",
    [b'"' + b"a" * (LONGEST - 1), b"[" + b'"a' * (LONGEST // 2 - 1), b"\\" * LONGEST],
)
def test_the_longest_bodies_that_are_not_json_are_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(text, ARGUMENTS)


def test_a_long_unterminated_string_of_quotes_is_refused() -> None:
    with pytest.raises(Unreadable):
        parse(b'"' + b'\\"' * (LONGEST // 2 - 1), ARGUMENTS)


# Writing


@pytest.mark.parametrize(
    ("hexadecimal", "written"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_rfc_8785_says(hexadecimal: str, written: str) -> None:
    number = float.fromhex("0x0p0") + _double(hexadecimal)
    try:
        assert canonical(number).decode() == written
    except NumberOutOfRange:  # allowed to refuse what no reader of ours takes back
        assert GREATEST_INTEGER < abs(number) < 1e21


def _double(hexadecimal: str) -> float:
    import struct  # noqa: PLC0415 - only here

    (number,) = struct.unpack(">d", bytes.fromhex(hexadecimal))
    assert isinstance(number, float)
    return number


def test_keys_are_sorted_by_utf_16_and_strings_escaped_as_rfc_8785_says() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    in_order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(value))) == in_order
    assert canonical('\u20ac$\u000f\nA\'B"\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\"/"'.encode()


@pytest.mark.parametrize("value", [{1: 2}, b"x", object(), {"a": {1, 2}}, [1j], {None: 1}])
def test_what_is_not_a_json_value_is_not_written(value: object) -> None:
    with pytest.raises(Unreadable):
        canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, -(2**53), 10**30])
def test_a_number_that_not_every_reader_holds_is_not_written(value: float) -> None:
    for around in (value, [value], {"a": value}):
        with pytest.raises(NumberOutOfRange):
            canonical(around)


# What writing a float beyond 2^53 does is tested above.
floats = st.floats(-GREATEST_INTEGER, GREATEST_INTEGER, allow_nan=False)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-GREATEST_INTEGER, GREATEST_INTEGER),
    floats,
    st.text(),
)
values = st.recursive(
    scalars,
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.text(), below, max_size=4)
    ),
    max_leaves=20,
)
WIDE = Bounds(size=1 << 20, depth=64, keys=4096)


@given(values)
def test_what_is_written_is_read_back_and_written_the_same(value: Json) -> None:
    written = canonical(value)
    again = parse(written, WIDE)
    assert again == value
    assert canonical(again) == written


@given(values, st.sampled_from([None, 1, 4]), st.booleans())
def test_however_it_was_spelled_it_is_written_the_same(
    value: Json,
    indent: int | None,
    ascii_only: bool,  # noqa: FBT001 - hypothesis calls it by name
) -> None:
    spelled = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert canonical(parse(spelled, WIDE)) == canonical(value)


@given(st.dictionaries(st.text(), scalars, max_size=8), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Json], chance: object) -> None:
    keys = list(value)
    chance.shuffle(keys)  # type: ignore[attr-defined] # a random.Random
    assert canonical({key: value[key] for key in keys}) == canonical(value)


@given(values, values)
def test_equal_bytes_are_equal_values_and_equal_digests(one: Json, other: Json) -> None:
    same_bytes = canonical(one) == canonical(other)
    assert same_bytes == (digest("d", one) == digest("d", other))
    if same_bytes:
        assert one == other


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_it_fail_otherwise_than_by_refusing(text: bytes) -> None:
    try:
        canonical(parse(text, ARGUMENTS))
    except Unreadable:
        return


@given(st.text(alphabet='{}[]:,"\\u0dea 19.e-tn', max_size=60))
def test_nothing_like_json_makes_it_fail_otherwise_than_by_refusing(text: str) -> None:
    try:
        read(text)
    except Unreadable:
        return


# Digests


def test_a_digest_is_sha_256_under_its_domain() -> None:
    expected = hashlib.sha256(b'counterseal/action/v1\n{"a":1}').hexdigest()
    assert digest("counterseal/action/v1", {"a": 1}) == f"sha256:{expected}"
    assert digest_bytes("counterseal/action/v1", b'{"a":1}') == f"sha256:{expected}"


def test_a_digest_of_one_thing_is_never_the_digest_of_another() -> None:
    domains = ["counterseal/action/v1", "counterseal/action/v2", "counterseal/facts/v1", ""]
    assert len({digest(domain, {"a": 1}) for domain in domains}) == len(domains)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sha256:" + "0" * 64, True),
        ("sha256:" + "0" * 64 + "\n", False),
        ("sha256:" + "0" * 63, False),
        ("sha256:" + "0" * 65, False),
        ("sha256:" + "A" * 64, False),
        ("SHA256:" + "0" * 64, False),
        (" sha256:" + "0" * 64, False),
        ("sha256:" + "\u0660" * 64, False),
        ("", False),
    ],
)
def test_the_form_of_a_digest_is_strict(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_digest(text) is expected

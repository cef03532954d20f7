"""A commitment says nothing of its value, opens only to it, and cannot be taken for another."""

import hashlib
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given
from pydantic import ValidationError

from counterseal.core.canonical import Json, canonical
from counterseal.core.commitments import (
    MARKER,
    Disclosure,
    WrongDisclosure,
    commit,
    commit_at,
    committed_places,
    disclose,
    has_marker,
    places,
    seal_arguments,
)
from counterseal.core.policy.pointers import find, tokens

SALT = bytes(range(32))

names = st.text(st.sampled_from('ab/~*01$"'), max_size=3)
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
values: st.SearchStrategy[Json] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
arguments = st.dictionaries(names, values, max_size=4)
steps = st.sampled_from(["a", "b", "*", "0", "1", "01", "~1", "~0", "ab", ""])
pointers = st.lists(st.lists(steps, min_size=1, max_size=4).map(lambda each: "/" + "/".join(each)))


def salts() -> dict[str, bytes]:
    class Salts(dict[str, bytes]):
        def __missing__(self, place: str) -> bytes:
            return hashlib.sha256(place.encode()).digest()

    return Salts()


def test_a_commitment_is_what_the_format_says() -> None:
    written = b"counterseal/commitment/v1\n" + SALT + b'{"a":[1,"x"]}'
    named = "sha256:" + hashlib.sha256(written).hexdigest()
    assert commit(SALT, {"a": [1.0, "x"]}) == {"$committed": named}


@given(arguments, pointers)
def test_what_is_sealed_can_be_opened_again(given: dict[str, Json], wanted: list[str]) -> None:
    sealed, disclosures = seal_arguments(given, wanted, salts().__getitem__)
    assert canonical(disclose(sealed, disclosures)) == canonical(given)
    assert {each.pointer for each in disclosures} == {*places(given, wanted)}
    assert committed_places(sealed) == places(given, wanted)
    assert has_marker(sealed) == bool(disclosures)


@given(arguments, pointers)
def test_nothing_that_a_pointer_leads_to_stays_in_clear(
    given: dict[str, Json], wanted: list[str]
) -> None:
    sealed, _ = seal_arguments(given, wanted, salts().__getitem__)
    assert places(sealed, wanted) == ()
    for pointer in wanted:
        for found in find(sealed, tokens(pointer)):
            # Whatever a pointer still leads to is a commitment, or the inside of one.
            inside = isinstance(found, str) and found.startswith("sha256:")
            assert inside or (isinstance(found, dict) and MARKER in found)


@given(arguments, pointers)
def test_what_no_pointer_leads_to_stays_as_it_was(
    given: dict[str, Json], wanted: list[str]
) -> None:
    sealed, _ = seal_arguments(given, wanted, salts().__getitem__)
    touched = {tokens(place)[0] for place in places(given, wanted)}
    assert {name: sealed[name] for name in given if name not in touched} == {
        name: given[name] for name in given if name not in touched
    }


@given(arguments, pointers, st.data())
def test_a_disclosure_that_was_tampered_with_opens_nothing(
    given: dict[str, Json], wanted: list[str], data: st.DataObject
) -> None:
    sealed, disclosures = seal_arguments(given, wanted, salts().__getitem__)
    if not disclosures:
        return
    one = data.draw(st.sampled_from(disclosures))
    value = data.draw(values.filter(lambda each: canonical(each) != canonical(one.value)))
    forged = [
        one.model_copy(update={"value": value}),
        one.model_copy(update={"salt": one.salt[::-1]}),
        one.model_copy(update={"salt": ""}),
        one.model_copy(update={"pointer": one.pointer + "/x"}),
        one.model_copy(update={"pointer": "/nowhere"}),
    ]
    for each in forged:
        with pytest.raises(WrongDisclosure):
            disclose(sealed, [each])


def test_a_disclosure_of_one_place_does_not_open_another() -> None:
    sealed, (a, _) = seal_arguments({"a": 1, "b": 1}, ["/a", "/b"], salts().__getitem__)
    with pytest.raises(WrongDisclosure):
        disclose(sealed, [a.model_copy(update={"pointer": "/b"})])


def test_the_outermost_of_two_places_covers_the_inner_one() -> None:
    given: dict[str, Json] = {"card": {"number": "4111", "holder": "Ada"}}
    assert places(given, ["/card/number", "/card", "/card/*"]) == ("/card",)


def test_an_absent_value_stays_absent_and_null_is_a_value() -> None:
    sealed, disclosures = seal_arguments({"a": None}, ["/a", "/b"], lambda _: SALT)
    assert sealed == {"a": commit(SALT, None)}
    assert [each.pointer for each in disclosures] == ["/a"]


def test_exact_pointers_are_escaped_and_know_no_wildcard() -> None:
    given: dict[str, Json] = {"a/b": {"~": 1}, "*": 2, "c": 3}
    assert places(given, ["/a~1b/~0", "/*"]) == ("/*", "/a~1b", "/c")
    sealed, _ = commit_at(given, {"/*": SALT})
    assert sealed == {"a/b": {"~": 1}, "*": commit(SALT, 2), "c": 3}


def test_every_spelling_of_a_position_leads_there() -> None:
    assert places({"list": ["x", "y"]}, ["/list/01"]) == ("/list/1",)


def test_a_place_that_is_not_there_cannot_be_committed() -> None:
    with pytest.raises(WrongDisclosure, match="/b"):
        commit_at({"a": 1}, {"/b": SALT})


@pytest.mark.parametrize("pointer", ["", "a", "a/b", "/a~", "/a~2"])
def test_a_disclosure_names_its_place_in_one_way_only(pointer: str) -> None:
    with pytest.raises(ValidationError):
        Disclosure(pointer=pointer, salt="A" * 43, value=1)


def test_the_reserved_key_is_found_wherever_it_stands() -> None:
    assert has_marker({MARKER: 1})
    assert has_marker({"a": [[{"b": {MARKER: None}}]]})
    assert not has_marker({"a": MARKER, "b": [MARKER]})


def test_neither_value_nor_salt_is_in_the_representation() -> None:
    _, (one,) = seal_arguments({"a": "geheim"}, ["/a"], lambda _: SALT)
    assert "geheim" not in repr(one) + str(one)
    assert one.salt not in repr(one) + str(one)
    assert json.loads(one.model_dump_json()) == {
        "pointer": "/a",
        "salt": one.salt,
        "value": "geheim",
    }

"""What a bundle changes is told by the two bundles alone."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.policy.changes import Difference, changes

RULE = {"id": "large", "title": "T", "verdict": "STEP_UP", "params": {"limit": 100.0}}
OTHER = {**RULE, "id": "other"}
CLASS = {"id": "pay", "title": "P", "verdict": "ALLOW"}
OLD: dict[str, Any] = {
    "name": "b",
    "version": "1",
    "description": "",
    "stage": "enforce",
    "directories": {"payees": {"values": ["a"]}},
    "rules": [RULE, OTHER],
    "classes": [CLASS],
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OLD), **parts}


def test_a_bundle_does_not_differ_from_itself() -> None:
    found = changes(OLD, copy.deepcopy(OLD))
    assert (found.rules, found.classes, found.parts) == (Difference(), Difference(), ())


@pytest.mark.parametrize(
    ("rules", "difference"),
    [
        ([OTHER, RULE], Difference()),
        ([RULE], Difference(removed=("other",))),
        ([RULE, OTHER, {**RULE, "id": "a"}], Difference(added=("a",))),
        ([{**RULE, "params": {"limit": 99.0}}, OTHER], Difference(changed=("large",))),
        ([{**RULE, "id": "new"}, OTHER], Difference(added=("new",), removed=("large",))),
        ([{**RULE, "stage": None}, OTHER], Difference(changed=("large",))),
        ([{**RULE, "params": {"limit": True}}, OTHER], Difference(changed=("large",))),
        ([], Difference(removed=("large", "other"))),
        (None, Difference(removed=("large", "other"))),
        ("nonsense", Difference(removed=("large", "other"))),
    ],
)
def test_rules_are_compared_by_what_they_say_not_where_they_stand(
    rules: Any, difference: Difference
) -> None:
    assert changes(OLD, changed(rules=rules)).rules == difference


def test_classes_are_compared_likewise() -> None:
    found = changes(OLD, changed(classes=[{**CLASS, "verdict": "BLOCK"}, {"id": "new"}]))
    assert found.classes == Difference(added=("new",), changed=("pay",))


def test_other_parts_are_named_but_not_what_a_bundle_says_of_itself() -> None:
    found = changes(OLD, changed(version="2", description="x", stage="observe", counters={}))
    assert found.parts == ("counters", "stage")
    assert changes(OLD, changed(directories={"payees": {"values": ["a", "b"]}})).parts == (
        "directories",
    )


def test_before_the_first_bundle_there_was_nothing() -> None:
    found = changes({}, OLD)
    assert found.rules == Difference(added=("large", "other"))
    assert (found.classes.added, found.parts) == (("pay",), ())


names = st.sampled_from("abcd")
rule_sets = st.dictionaries(names, st.integers(0, 2)).map(
    lambda found: {"rules": [{"id": name, "x": value} for name, value in found.items()]}
)


@given(rule_sets, rule_sets)
def test_going_back_undoes_what_going_forth_did(old: Any, new: Any) -> None:
    there, back = changes(old, new).rules, changes(new, old).rules
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)

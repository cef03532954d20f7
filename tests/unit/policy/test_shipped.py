"""The policies we ship mean what their cases say, in both engines."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import cel
import pytest

from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.policy.cases import action_of, coverage, facts_of, run_cases
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.expressions import CelEngine, Failure
from counterseal.core.policy.inputs import declared, param_kinds, param_values
from counterseal.core.policy.judge import Judge, compile_bundle
from counterseal.core.words import Risk, Verdict
from counterseal.policy_files import read_bundle, read_cases, read_files
from tests.unit.policy.support import POLICIES

SHIPPED = ["reading", "payments", "delivery", "messaging", "starter"]
shipped = pytest.mark.parametrize("name", SHIPPED)


@cache
def judge(name: str) -> Judge:
    return compile_bundle(read_bundle(POLICIES / name))


@shipped
def test_every_case_comes_out_as_written(name: str) -> None:
    results = run_cases(judge(name), read_cases(POLICIES / name))
    assert results
    assert [(each.case.name, each.differences) for each in results if not each.passed] == []


@shipped
def test_the_cases_prove_every_rule_and_every_clause(name: str) -> None:
    proved = coverage(judge(name), read_cases(POLICIES / name))
    assert proved.full, proved


@shipped
def test_a_stored_bundle_judges_alike(name: str) -> None:
    bundle = read_bundle(POLICIES / name)
    stored = Bundle.model_validate_json(bundle.model_dump_json())
    assert bundle_digest(stored) == bundle_digest(bundle)
    again = compile_bundle(stored)
    for case in read_cases(POLICIES / name):
        action = action_of(case)
        facts = facts_of(again, case, action)
        first, second = judge(name).decide(action, facts), again.decide(action, facts)
        assert first.model_dump_json() == second.model_dump_json()
        assert Decision.model_validate_json(first.model_dump_json()) == first


@shipped
def test_dangerous_classes_say_what_they_can_do(name: str) -> None:
    for each in judge(name).bundle.classes:
        if each.risk in {Risk.HIGH, Risk.CRITICAL}:
            assert each.blast_radius, each.id


@shipped
def test_at_least_one_answer_of_each_kind_is_shown(name: str) -> None:
    wanted = {Verdict.ALLOW} if name == "reading" else set(Verdict)
    results = run_cases(judge(name), read_cases(POLICIES / name))
    assert {each.decision.effective for each in results} == wanted


def test_what_cannot_be_read_is_refused_with_its_place(tmp_path: Any) -> None:
    (tmp_path / "bundle.yaml").write_text("bundle: a\ninclude: [../nowhere]\n")
    with pytest.raises(Exception, match=r"bundle.yaml:2:11: '../nowhere' is no directory"):
        read_bundle(tmp_path)


def test_files_are_named_from_the_bundle() -> None:
    names = read_files(POLICIES / "starter")
    assert {"bundle.yaml", "../payments/rules.yaml", "../reading/bundle.yaml"} <= names.keys()


# The second engine: another implementation of the language, in another programming language.


def nested(values: dict[str, object]) -> dict[str, object]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *above, last = path.split(".")
        here = tree
        for step in above:
            here = here.setdefault(step, {})
        here[last] = value
    return tree


def by_the_other_engine(text: str, values: dict[str, object]) -> bool | None:
    try:
        value = cel.compile(text).execute(cel.Context(variables=nested(values)))
    except Exception:  # noqa: BLE001 - it raises whatever it likes
        return None
    return value if isinstance(value, bool) else None


def situations(name: str) -> Iterator[tuple[str, str, dict[str, object], bool | None]]:
    whole = judge(name)
    inputs = tuple(declared(whole.bundle))
    for case in read_cases(POLICIES / name):
        action = action_of(case)
        facts = facts_of(whole, case, action)
        values = whole.situation(action, facts).values(inputs)
        for rule in whole.bundle.rules:
            environment = CelEngine().declare(declared(whole.bundle) | param_kinds(rule.params))
            bound = values | param_values(rule.params)
            binding = environment.bind(bound)
            for _, _, clause in rule.clauses:
                ours = environment.compile(clause.cel).evaluate(binding)
                yield (
                    f"{case.name}: {rule.id}/{clause.name}",
                    clause.cel,
                    bound,
                    None if isinstance(ours, Failure) else bool(ours),
                )


@pytest.mark.parametrize("name", ["payments", "delivery", "messaging"])
def test_another_engine_finds_the_same_truth(name: str) -> None:
    compared = [
        (where, ours, by_the_other_engine(text, values))
        for where, text, values, ours in situations(name)
    ]
    assert [each for each in compared if each[1] is not each[2]] == []
    assert {each[1] for each in compared} == {True, False, None}


def test_no_policy_names_anything_of_the_corpora() -> None:
    """Addresses in shipped policies use reserved names only (RFC 2606)."""
    for path in POLICIES.rglob("*.yaml"):
        for domain in re.findall(r"@([\w.-]+\w)", path.read_text("utf-8")):
            assert domain.endswith((".example", "example.com")), (path, domain)


def test_decisions_are_plain_json() -> None:
    (first, *_) = run_cases(judge("payments"), read_cases(POLICIES / "payments"))
    assert json.loads(first.decision.model_dump_json())["effective"] == "ALLOW"

"""Whether a rule fires, clause by clause."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from counterseal.core.policy.compile import CompiledRule, Condition
from counterseal.core.policy.expressions import Binding, Failure
from counterseal.core.policy.inputs import Situation


class Standing(Enum):
    """How a rule stands to an action."""

    FIRED = "fired"
    ERRED = "erred"
    NEAR_MISS = "near miss"
    SILENT = "silent"


class Judged(NamedTuple):
    """A rule and what came of its clauses; ``results`` may be cut short if it is silent."""

    compiled: CompiledRule
    standing: Standing
    results: tuple[bool | Failure, ...]
    binding: Binding


def judged(compiled: CompiledRule, situation: Situation) -> Judged:
    """Evaluate a rule. It stays silent only if a clause says so beyond doubt.

    A false ``when`` silences it. A true ``unless`` silences it too, provided that nothing else
    failed: an exception excuses only from a rule that could be judged in full.
    """
    values = situation.values(compiled.inputs)
    binding = compiled.environment.bind({**values, **compiled.params})
    results: list[bool | Failure] = []
    against = 0
    for condition in compiled.conditions:
        result = truth(condition, binding)
        results.append(result)
        against += result is (condition.section == "unless")
        if against > 1:  # Neither fired nor near: nothing further can change that.
            break
    standing = _standing(compiled, results)
    return Judged(compiled, standing, tuple(results), binding)


def truths(compiled: CompiledRule, situation: Situation) -> Iterator[tuple[Condition, bool]]:
    """Evaluate every clause of a rule, leaving out those that have no value."""
    values = situation.values(compiled.inputs)
    binding = compiled.environment.bind({**values, **compiled.params})
    for condition in compiled.conditions:
        if isinstance(value := truth(condition, binding), bool):
            yield condition, value


def truth(condition: Condition, binding: Binding) -> bool | Failure:
    """Evaluate one clause."""
    value = condition.expression.evaluate(binding)
    if isinstance(value, bool | Failure):
        return value
    return Failure("the clause is neither true nor false")


def _standing(compiled: CompiledRule, results: list[bool | Failure]) -> Standing:
    pairs = list(zip(compiled.conditions, results, strict=False))
    unmet = sum(each.section == "when" and result is False for each, result in pairs)
    excused = sum(each.section == "unless" and result is True for each, result in pairs)
    failed = any(isinstance(result, Failure) for result in results)
    if unmet:
        met = any(each.section == "when" and result is True for each, result in pairs)
        near = unmet == 1 and not excused and not failed and met
        return Standing.NEAR_MISS if near else Standing.SILENT
    if failed:
        return Standing.ERRED
    match excused:
        case 0:
            return Standing.FIRED
        case 1:
            return Standing.NEAR_MISS
        case _:
            return Standing.SILENT

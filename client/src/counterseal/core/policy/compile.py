"""From the conditions of a bundle to expressions that can be evaluated, or to what is wrong."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from counterseal.core.policy.bundle import Bundle, Rule
from counterseal.core.policy.complaint import Path, Problem
from counterseal.core.policy.expressions import (
    Engine,
    Environment,
    Expression,
    Kind,
    Mistake,
    NotCompiled,
)
from counterseal.core.policy.inputs import declared, param_kinds, param_values


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause, compiled: ``paths`` it reads, ``inputs`` it needs, ``thresholds`` it names."""

    section: str
    name: str
    expression: Expression
    paths: tuple[str, ...]
    inputs: tuple[str, ...]
    thresholds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule, ready to be evaluated; ``inputs`` are all that any part of it reads."""

    rule: Rule
    environment: Environment
    conditions: tuple[Condition, ...]
    message: Condition | None
    inputs: tuple[str, ...]
    params: Mapping[str, object]


class Compiler:
    """Compiles the rules of one bundle and gathers every mistake."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.problems: list[Problem] = []
        self._engine = engine
        self._declared = declared(bundle)
        self._environments: dict[tuple[tuple[str, Kind], ...], Environment] = {}
        self._attributes = {each.id: each.attributes.keys() for each in bundle.classes}

    def rule(self, rule: Rule, path: Path) -> CompiledRule | None:
        """Compile one rule, which stands at ``path``; None if that cannot be done."""
        before = len(self.problems)
        environment = self._environment(rule)
        conditions = tuple(
            condition
            for section, number, clause in rule.clauses
            if (
                condition := self._condition(
                    rule, environment, (*path, section, number, "cel"), clause.cel, clause.name
                )
            )
        )
        message = rule.message and self._condition(
            rule, environment, (*path, "message"), rule.message, "message"
        )
        self._every_param_is_read(rule, path, [*conditions, *([message] if message else [])])
        if len(self.problems) > before:
            return None
        inputs = {name for each in conditions for name in each.inputs}
        return CompiledRule(
            rule=rule,
            environment=environment,
            conditions=conditions,
            message=message or None,
            inputs=tuple(sorted(inputs.union(message.inputs if message else ()))),
            params=param_values(rule.params),
        )

    def _environment(self, rule: Rule) -> Environment:
        kinds = param_kinds(rule.params)
        signature = tuple(sorted(kinds.items(), key=lambda item: item[0]))
        if signature not in self._environments:
            self._environments[signature] = self._engine.declare(self._declared | kinds)
        return self._environments[signature]

    def _condition(
        self, rule: Rule, environment: Environment, path: Path, text: str, name: str
    ) -> Condition | None:
        try:
            expression = environment.compile(text)
        except NotCompiled as refused:
            names = [*self._declared, *param_kinds(rule.params)]
            self.problems += [_problem(path, text, each, names) for each in refused.mistakes]
            return None
        section = "message" if path[-1] == "message" else str(path[-3])
        condition = self._described(expression, section, name)
        self.problems += self._objections(rule, condition, path)
        return condition

    def _described(self, expression: Expression, section: str, name: str) -> Condition:
        inputs: set[str] = set()
        thresholds: set[str] = set()
        paths: set[str] = set()
        for path in expression.reading.paths:
            if path.startswith("params."):
                thresholds.add(".".join(path.split(".")[:2]))
            elif found := self._input(path):
                inputs.add(found)
                paths.add(path)
        return Condition(
            section=section,
            name=name,
            expression=expression,
            paths=tuple(sorted(paths)),
            inputs=tuple(sorted(inputs)),
            thresholds=tuple(sorted(thresholds)),
        )

    def _input(self, path: str) -> str | None:
        parts = path.split(".")
        names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((name for name in names if name in self._declared), None)

    def _objections(self, rule: Rule, condition: Condition, path: Path) -> Iterator[Problem]:
        wanted = Kind.STRING if condition.section == "message" else Kind.BOOLEAN
        if condition.expression.kind is not wanted:
            yield _WRONG_KIND[wanted](path)
        roots = {name.split(".")[0] for name in self._declared} | {"params"}
        for loop in sorted(roots.intersection(condition.expression.reading.loops)):
            yield Problem(
                path,
                "cel-shadow",
                f"the loop variable `{loop}` hides the inputs of that name; call it otherwise.",
            )
        for name in condition.inputs:
            yield from self._lacking(rule, name, path)

    def _lacking(self, rule: Rule, name: str, path: Path) -> Iterator[Problem]:
        group, _, attribute = name.partition(".")
        if group not in ("attr", "origin"):
            return
        lacking = [
            each for each in rule.match.classes if attribute not in self._attributes.get(each, ())
        ]
        for each in lacking:
            if each in self._attributes:
                yield Problem(
                    path,
                    "attribute-not-in-class",
                    f"reads {name}, but the class {each} has no attribute {attribute}; "
                    "declare it there, or match fewer classes.",
                )

    def _every_param_is_read(self, rule: Rule, path: Path, conditions: list[Condition]) -> None:
        if any(problem.path[:2] == path for problem in self.problems):
            return  # A condition that was not understood may well read them.
        read = {name for each in conditions for name in each.thresholds}
        self.problems += [
            Problem(
                (*path, "params", name),
                "unused-param",
                f"no clause reads params.{name}; use it or leave it out.",
            )
            for name in rule.params
            if f"params.{name}" not in read
        ]


_WRONG_KIND = {
    Kind.BOOLEAN: lambda path: Problem(
        path,
        "cel-not-boolean",
        "a clause must be true or false; compare the value, for example `… == true`.",
    ),
    Kind.STRING: lambda path: Problem(
        path, "cel-not-string", "a message must be a string; wrap other values in string(…)."
    ),
}

_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")


def _problem(path: Path, text: str, mistake: Mistake, names: list[str]) -> Problem:
    offset = _offset(text, mistake)
    said = mistake.sentence.removesuffix(" (in container '')")
    if unknown := _UNDECLARED.search(said):
        name = unknown[1]
        # The engine points at the dot before the last name; people look for its start.
        start = max(text.rfind(name, 0, offset + len(name)), 0) if name in text else offset
        return Problem(path, "cel-unknown-input", f"{said}{_meant(name, names)}", start)
    if said.startswith("Syntax error"):
        return Problem(path, "cel-syntax", f"{said.split(' expecting {')[0]}.", offset)
    hint = _NUMBERS if "double" in said and "int" in said else ""
    return Problem(path, "cel-type", f"{said}{hint}.", offset)


_NUMBERS = "; all numbers here are doubles, so write 10.0 for 10, or name the number in params"


def _meant(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; docs/policy.md lists the inputs."


def _offset(text: str, mistake: Mistake) -> int:
    lines = text.split("\n")
    before = sum(len(line) + 1 for line in lines[: mistake.line - 1])
    return min(before + mistake.column - 1, max(len(text) - 1, 0))

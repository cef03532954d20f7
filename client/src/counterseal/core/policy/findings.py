"""The reasons of a decision, written down mechanically: clauses, values, thresholds."""

from datetime import datetime

from counterseal.core.canonical import Json, canonical, digest_bytes
from counterseal.core.errors import Unreadable
from counterseal.core.model import instant_text
from counterseal.core.policy.compile import Condition
from counterseal.core.policy.decision import ClauseFinding, RuleFinding
from counterseal.core.policy.evaluate import Judged, Standing
from counterseal.core.policy.expressions import Failure
from counterseal.core.policy.inputs import MISSING, Situation
from counterseal.core.policy.pointers import tokens, touches
from counterseal.core.words import Stage, Verdict

LONGEST_READING = 256
"""Bytes of a value's canonical form that are written out; longer ones are named by digest."""

_SURELY_SHORT = 40
"""Characters of which none takes more than the six bytes of an escape."""

READING_DOMAIN = "counterseal/reading/v1"


class Findings:
    """Writes findings about one action; ``hidden`` are the inputs that must not be in clear."""

    def __init__(
        self,
        situation: Situation,
        hidden: frozenset[str],
        sensitive: tuple[tuple[str, ...], ...],
    ) -> None:
        self._situation = situation
        self._hidden = hidden
        self._sensitive = sensitive
        self._written: dict[str, Json] = {}

    def rule(self, judged: Judged, stage: Stage) -> RuleFinding:
        """Tell about one rule, which acts at ``stage``."""
        rule = judged.compiled.rule
        erred = judged.standing is Standing.ERRED
        verdict = said(judged)
        return RuleFinding(
            rule=rule.id,
            title=rule.title,
            owner=rule.owner,
            controls=rule.controls,
            verdict=verdict,
            effective=stage.applied_to(verdict),
            stage=stage,
            erred=erred,
            message=self._message(judged),
            clauses=tuple(
                self._clause(judged, condition, result)
                for condition, result in zip(
                    judged.compiled.conditions, judged.results, strict=True
                )
            ),
        )

    def reading(self, path: str) -> Json:
        """Write down what was read at ``path``."""
        if path not in self._written:
            self._written[path] = self._write(path)
        return self._written[path]

    def _write(self, path: str) -> Json:
        if self.is_hidden(path):
            return {"sensitive": True}
        value = self._at(path)
        if value is MISSING:
            return {"missing": self._situation.why_missing(path)}
        return abridged(value)

    def is_hidden(self, path: str) -> bool:
        """Say whether what stands at ``path`` must not be written in clear."""
        if path in self._hidden:
            return True
        name, _, rest = path.removeprefix("action.").partition(".")
        inside = tuple(rest.split(".")) if rest else ()
        return (
            path.startswith("action.") and name == "arguments" and touches(inside, self._sensitive)
        )

    def _clause(
        self,
        judged: Judged,
        condition: Condition,
        result: bool | Failure,  # noqa: FBT001 - it is an outcome, not a switch
    ) -> ClauseFinding:
        params = judged.compiled.params
        return ClauseFinding(
            name=condition.name,
            section=condition.section,
            holds=None if isinstance(result, Failure) else result,
            readings={path: self.reading(path) for path in condition.paths},
            thresholds={name: abridged(params[name]) for name in condition.thresholds},
            error=self._reason(condition, result) if isinstance(result, Failure) else None,
        )

    def _reason(self, condition: Condition, failure: Failure) -> str:
        for name in condition.inputs:
            if self._situation.value(name) is MISSING:
                return f"{name}: {self._situation.why_missing(name)}"
        # An engine may quote what it could not convert.
        hidden = any(self.is_hidden(path) for path in condition.paths)
        return "failed on a sensitive value" if hidden else failure.reason

    def _message(self, judged: Judged) -> str | None:
        message = judged.compiled.message
        if judged.standing is Standing.NEAR_MISS or message is None:
            return None
        if any(self.is_hidden(path) for path in message.paths):
            return None
        value = message.expression.evaluate(judged.binding)
        return value if isinstance(value, str) else None

    def _at(self, path: str) -> object:
        if not path.startswith("action.arguments."):
            return self._situation.value(path)
        value: object = self._situation.action.arguments
        for step in tokens("/" + path.removeprefix("action.arguments.").replace(".", "/")):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        return value


def said(judged: Judged) -> Verdict:
    """Tell what a rule says: its verdict, or what stands for it if it could not be evaluated."""
    rule = judged.compiled.rule
    if judged.standing is Standing.ERRED and rule.on_error is not None:
        return rule.on_error
    return rule.verdict


def abridged(value: object) -> Json:
    """Write a value, or its digest and length if it is long."""
    if isinstance(value, bool | float) or (isinstance(value, str) and len(value) <= _SURELY_SHORT):
        return value
    plain = _plain(value)
    try:
        written = canonical(plain)
    except Unreadable:
        return {"missing": "not a JSON value"}
    if len(written) <= LONGEST_READING:
        return plain
    return {"sha256": digest_bytes(READING_DOMAIN, written), "bytes": len(written)}


def _plain(value: object) -> Json:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value

"""From judged rules to one decision: the strictest answer, its reasons and its route."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from counterseal.core.canonical import Json
from counterseal.core.policy.bundle import ActionClass, Bundle
from counterseal.core.policy.decision import Decision, RuleFinding
from counterseal.core.policy.evaluate import Judged, Standing
from counterseal.core.policy.findings import Findings, said
from counterseal.core.policy.inputs import Situation
from counterseal.core.policy.route import Route, merge
from counterseal.core.words import FailMode, Level, Stage, Verdict, strictest

DEFAULT = "default"
UNKNOWN_TOOL = "unknown-tool"

_FOR_AGENT = {
    Verdict.ALLOW: "Policy allows this action.",
    Verdict.STEP_UP: (
        "Policy holds this action until people have decided. Wait for their answer; asking again "
        "or asking differently does not change it."
    ),
    Verdict.BLOCK: "Policy refuses this action. Do not try to reach the same effect another way.",
}
"""What agents are told does not depend on why, so that it teaches nobody to get around it."""


@dataclass(frozen=True)
class Conclusion:
    """Combines what the class and the rules say about one action."""

    bundle: Bundle
    action_class: ActionClass | None
    situation: Situation
    judgements: list[Judged]
    hidden: frozenset[str]
    sensitive: tuple[tuple[str, ...], ...]

    def decision(self, **rest: Any) -> Decision:  # noqa: ANN401 - passed on to the model
        """Write the decision; ``rest`` is what does not depend on the rules."""
        ttl = self.bundle.defaults
        described = self.action_class
        return Decision(
            verdict=strictest(self._floor, *(said(each) for each in self._fired)),
            effective=self.effective,
            action_class=described.id if described else None,
            risk=described.risk if described else self.bundle.unknown_tools.risk,
            stage=self.stage,
            fail_mode=self._fail_mode,
            determining=tuple(self._determining()),
            fired=tuple(self._finding(each) for each in self._fired),
            near_misses=tuple(
                self._finding(each)
                for each in self.judgements
                if each.standing is Standing.NEAR_MISS
            ),
            route=self._route,
            for_agent=self._for_agent(),
            sensitive=described.sensitive if described else (),
            grant_ttl=(described and described.grant_ttl) or ttl.grant_ttl,
            receipt_ttl=(described and described.receipt_ttl) or ttl.receipt_ttl,
            evidence=described.evidence if described else Level.RECORDED,
            attributes=dict(self._attributes()),
            **rest,
        )

    @cached_property
    def stage(self) -> Stage:
        """How strongly the class acts."""
        own = self.action_class.stage if self.action_class else self.bundle.unknown_tools.stage
        return own or self.bundle.stage

    @cached_property
    def effective(self) -> Verdict:
        """What is done."""
        return strictest(self._effective_floor, *(self._effective(each) for each in self._fired))

    @cached_property
    def _floor(self) -> Verdict:
        return self.action_class.verdict if self.action_class else Verdict.STEP_UP

    @property
    def _effective_floor(self) -> Verdict:
        return self.stage.applied_to(self._floor)

    @cached_property
    def _fired(self) -> list[Judged]:
        return [
            each for each in self.judgements if each.standing in (Standing.FIRED, Standing.ERRED)
        ]

    @cached_property
    def _findings(self) -> Findings:
        return Findings(self.situation, self.hidden, self.sensitive)

    @property
    def _fail_mode(self) -> FailMode:
        described = self.action_class
        return described.fail_mode if described else self.bundle.unknown_tools.fail_mode

    def _finding(self, judged: Judged) -> RuleFinding:
        return self._findings.rule(judged, self._stage(judged))

    def _stage(self, judged: Judged) -> Stage:
        return (judged.compiled.rule.stage or self.bundle.stage).weaker(self.stage)

    def _effective(self, judged: Judged) -> Verdict:
        return self._stage(judged).applied_to(said(judged))

    def _leading(self) -> Iterator[Judged]:
        """Yield the rules that demand what is done; nothing has to demand that an action runs."""
        if self.effective is not Verdict.ALLOW:
            yield from (each for each in self._fired if self._effective(each) is self.effective)

    def _determining(self) -> Iterator[str]:
        yield from (each.compiled.rule.id for each in self._leading())
        if self._effective_floor is self.effective:
            yield DEFAULT if self.action_class else UNKNOWN_TOOL

    @property
    def _route(self) -> Route | None:
        if self.effective is not Verdict.STEP_UP:
            return None
        own = self.action_class.route if self.action_class else self.bundle.unknown_tools.route
        fallback = own or self.bundle.defaults.route
        routes = [each.compiled.rule.route or fallback for each in self._leading()]
        if self._effective_floor is Verdict.STEP_UP:
            routes.append(fallback)
        return merge(route for route in routes if route is not None)

    def _for_agent(self) -> str:
        words = [each.compiled.rule.for_agent for each in self._leading()]
        return " ".join([_FOR_AGENT[self.effective], *dict.fromkeys(filter(None, words))])

    def _attributes(self) -> Iterator[tuple[str, Json]]:
        for name, value in self.situation.attributes.items():
            yield name, {"sensitive": True} if f"attr.{name}" in self.hidden else value

"""What holds whatever a bundle says. Judge through here, so that everybody judges alike."""

from counterseal.core.action import Action
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.judge import Judge
from counterseal.core.words import Verdict

UNKNOWN_PRINCIPAL = "unknown-principal"
UNREVEALED = "unrevealed"


def decide(judge: Judge, action: Action, facts: Facts) -> Decision:
    """Judge ``action``, then hold the decision to the invariants.

    An agent whose principals are listed acts for nobody else: otherwise it could name a bystander
    as principal and have the real one approve what they asked for. And what could not be read
    cannot be judged, nor approved by anybody.
    """
    decision = judge.decide(action, facts)
    if facts.principal_refused:
        return _blocked(decision, UNKNOWN_PRINCIPAL, "You may not act on behalf of this principal.")
    if facts.unrevealed:
        return _blocked(
            decision, UNREVEALED, "The sensitive values of this action could not be read."
        )
    return decision


def _blocked(decision: Decision, by: str, for_agent: str) -> Decision:
    return decision.model_copy(
        update={
            "verdict": Verdict.BLOCK,
            "effective": Verdict.BLOCK,
            "determining": (by,),
            "route": None,
            "for_agent": for_agent,
        }
    )

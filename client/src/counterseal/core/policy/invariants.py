"""What holds whatever a bundle says. Judge through here, so that everybody judges alike."""

from counterseal.core.action import Action
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.judge import Judge
from counterseal.core.words import Verdict

UNKNOWN_PRINCIPAL = "unknown-principal"


def decide(judge: Judge, action: Action, facts: Facts) -> Decision:
    """Judge ``action``, then hold the decision to the invariants.

    An agent whose principals are listed acts for nobody else: otherwise it could name a bystander
    as principal and have the real one approve what they asked for.
    """
    decision = judge.decide(action, facts)
    if not facts.principal_refused:
        return decision
    return decision.model_copy(
        update={
            "verdict": Verdict.BLOCK,
            "effective": Verdict.BLOCK,
            "determining": (UNKNOWN_PRINCIPAL,),
            "route": None,
            "for_agent": "You may not act on behalf of this principal.",
        }
    )

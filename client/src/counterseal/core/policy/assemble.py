"""Putting the facts about an action together from what was read."""

from collections.abc import Mapping
from datetime import datetime

from counterseal.core.action import Action
from counterseal.core.policy.facts import Asserted, Count, Facts, Past
from counterseal.core.policy.judge import Judge
from counterseal.core.policy.origins import origins


def assemble(  # noqa: PLR0913 - each fact comes from somewhere else
    judge: Judge,
    action: Action,
    at: datetime,
    *,
    agent_owner: str | None = None,
    agent_labels: tuple[str, ...] = (),
    principal_verified: bool = False,
    history: tuple[Past, ...] = (),
    counts: Mapping[str, Count] | None = None,
    asserted: Asserted | None = None,
) -> Facts:
    """Freeze the facts about ``action`` at ``at``; ``counts`` maps counter keys to counts.

    A counter that is not in ``counts`` stays out of the facts, and reading it is an error.
    """
    attributes = judge.attributes(action)
    queries = judge.counter_queries(action, attributes)
    told = asserted or Asserted()
    return Facts(
        at=at,
        agent_owner=agent_owner,
        agent_labels=agent_labels,
        principal_verified=principal_verified,
        history=history,
        counters={
            query.name: counts[query.key] for query in queries if counts and query.key in counts
        },
        origins=origins(judge, attributes, told, tool=action.tool),
        request_given=told.user_request is not None,
        observations_given=sum(not each.trusted for each in told.observations),
        read_at={"history": at, "counters": at},
        asserted=("origins", "request", "observations"),
    )

"""Putting the facts about an action together from what was read: one way, for everybody."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.core.policy.facts import Asserted, Count, Facts, Past
from counterseal.core.policy.judge import Judge
from counterseal.core.policy.origins import origins


class Known(TypedDict, total=False):
    """What is known of who asks, and of what they did before."""

    agent_owner: str | None
    agent_labels: tuple[str, ...]
    principal_verified: bool
    principal_refused: bool
    unrevealed: bool
    history: tuple[Past, ...]


def assemble(
    judge: Judge,
    action: Action,
    at: datetime,
    *,
    counts: Mapping[str, Count] | None = None,
    asserted: Asserted | None = None,
    **known: Unpack[Known],
) -> Facts:
    """Freeze the facts about ``action`` at ``at``; ``counts`` maps counter keys to counts.

    A counter that is not in ``counts`` stays out of the facts, and reading it is an error.
    """
    attributes = judge.attributes(action)
    queries = judge.counter_queries(action, attributes)
    counters = {
        query.name: counts[query.key] for query in queries if counts and query.key in counts
    }
    told = asserted or Asserted()
    return freeze(judge, action, at, attributes=attributes, counters=counters, told=told, **known)


def freeze(
    judge: Judge,
    action: Action,
    at: datetime,
    *,
    attributes: Mapping[str, Json],
    counters: dict[str, Count],
    told: Asserted,
    **known: Unpack[Known],
) -> Facts:
    """Freeze what was read already: ``counters`` by name, ``told`` as the caller asserted it."""
    return Facts(
        at=at,
        counters=counters,
        origins=origins(judge, attributes, told, tool=action.tool),
        request_given=told.user_request is not None,
        observations_given=sum(not each.trusted for each in told.observations),
        read_at=dict.fromkeys(("roster", "history", "counters", "bundle"), at),
        asserted=("principal", "request", "observations", "origins"),
        **known,
    )

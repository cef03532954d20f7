"""Every kind of event there is, one of each, and events that no version of us would write."""

from collections.abc import Mapping
from typing import get_args

import hypothesis.strategies as st

from domain.administration import SystemEvent
from domain.checks import LedgerVerified
from domain.custody import CustodyEvent
from domain.events import Event, Fact, Refusal
from domain.evidence.events import EvidenceExported, LedgerSealed
from domain.evidence.story import StoryEvent
from tests.support.hostile import poisoned
from tests.support.stories import ACTION
from tests.support.tales import told, whole_log


def kinds_of(*unions: object) -> set[str]:
    found: set[str] = set()
    for union in unions:
        if isinstance(union, type) and issubclass(union, Fact):
            found.add(str(union.model_fields["kind"].default))
        else:
            found |= kinds_of(
                *(each for each in get_args(union) if get_args(each) or is_fact(each))
            )
    return found


def is_fact(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Fact)


EVERY_KIND = kinds_of(
    Event, SystemEvent, CustodyEvent, EvidenceExported, LedgerSealed, LedgerVerified
)
EVERY_REFUSAL = kinds_of(Refusal)

LOG = told(whole_log())
ONE_OF_EACH = tuple({each.kind: each for each in LOG}.values())


def changed(one: StoryEvent, hostile: str) -> StoryEvent:
    event = poisoned(one.event, hostile)
    assert isinstance(event, Mapping)
    return StoryEvent(one.seq, one.stream, one.version, one.leaf, one.kind, one.at, event)


FIELDS = sorted(
    {name for each in LOG for name in (each.event or {})}
    | {"action", "decision", "route", "bundle", "fired", "clauses", "readings", "thresholds"}
    | {"arguments", "needs", "groups", "escalation", "after", "determining", "$committed"}
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)
events = st.builds(
    StoryEvent,
    seq=st.integers(0, 2**53),
    stream=st.sampled_from([ACTION.id, f"{ACTION.id}:late", f"{ACTION.id}:data", "odd"]),
    version=st.integers(0, 9),
    leaf=st.just("0" * 64),
    kind=st.none() | st.sampled_from(sorted(EVERY_KIND)) | st.text(max_size=9),
    at=st.none() | st.text(max_size=9) | st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
    event=st.none() | bodies,
)

"""The story of one action, gathered from its streams, and what it comes to in one row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from counterseal.core.canonical import Json
from domain.evidence.story import PackageStory, StoryEvent
from domain.evidence.telling.reading import between, find, text, texts

_ACTION = "act_"


@dataclass(frozen=True, slots=True)
class Account:
    """One action. ``late`` is what was refused after the end, ``custody`` who saw sealed values."""

    action_id: str
    told: tuple[StoryEvent, ...]
    late: tuple[StoryEvent, ...] = ()
    custody: tuple[StoryEvent, ...] = ()

    @property
    def events(self) -> tuple[StoryEvent, ...]:
        """All of it."""
        return (*self.told, *self.late, *self.custody)

    @property
    def is_told(self) -> bool:
        """Say whether anything but hashes is known of it."""
        return any(each.event is not None for each in self.events)

    def bodies(self, kind: str) -> Iterator[Mapping[str, Json]]:
        """Go through what its events of one kind say."""
        return (each.event for each in self.told if each.kind == kind and each.event is not None)

    def first(self, kind: str) -> Mapping[str, Json]:
        """Read its first event of a kind; empty if it has none or it is withheld."""
        return next(self.bodies(kind), {})

    @property
    def action(self) -> Json:
        """What would run."""
        return find(self.first("action.requested"), "action")

    @property
    def decision(self) -> Json:
        """What policy said."""
        return find(self.first("decision.reached"), "decision")

    @property
    def disposition(self) -> str:
        """How the question ended; empty while it is open."""
        return self._end("action.settled", "disposition")

    @property
    def outcome(self) -> str:
        """What became of the action; empty while it is open."""
        return self._end("action.closed", "outcome")

    @property
    def asked_at(self) -> Json:
        """When it was asked."""
        found = self.first("action.requested") or self.first("decision.reached")
        return find(found, "at")

    @property
    def decided_in(self) -> float | None:
        """How many seconds the answer took."""
        return between(self.asked_at, find(self.first("action.settled"), "at"))

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who agreed."""
        votes = self.bodies("vote.counted")
        return tuple(text(vote, "person") for vote in votes if find(vote, "approve") is True)

    def asked_since(self, groups: Iterable[str]) -> Json:
        """Tell when the first of ``groups`` was asked."""
        wanted = {*groups}
        for kind, field in (("action.held", "asked"), ("hold.escalated", "added")):
            for body in self.bodies(kind):
                if wanted & {*texts(body, field)}:
                    return find(body, "at")
        return find(self.first("action.held"), "at")

    def _end(self, kind: str, field: str) -> str:
        return text(self.first(kind), field) or text(self.first("action.closed"), field)


def accounts(story: PackageStory) -> tuple[Account, ...]:
    """Gather the events of each action, in the order in which they were first asked."""
    streams: dict[str, list[StoryEvent]] = {}
    for each in story.events:
        if each.stream.startswith(_ACTION):
            streams.setdefault(each.action_id, []).append(each)
    return tuple(_account(action_id, events) for action_id, events in streams.items())


def of_the_system(story: PackageStory) -> tuple[StoryEvent, ...]:
    """Keep what happened to no single action: policies, keys, people, totals, exports."""
    return tuple(each for each in story.events if not each.stream.startswith(_ACTION))


def _account(action_id: str, events: list[StoryEvent]) -> Account:
    beside: dict[str, tuple[StoryEvent, ...]] = {}
    ordered = sorted(events, key=lambda each: (each.stream, each.version))
    for stream, parts in groupby(ordered, key=lambda each: each.stream):
        beside[stream.partition(":")[2]] = tuple(parts)
    told = beside.pop("", ())
    late = beside.pop("late", ())
    return Account(action_id, told, late, tuple(each for rest in beside.values() for each in rest))

"""Where an action can stand. Each state carries what its next step needs, and its next deadline."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from counterseal.core.action import Action
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.route import Route
from counterseal.core.words import Disposition, Outcome
from domain.events import (
    ActionRequested,
    ExecutionReported,
    GrantIssued,
    GrantRedeemed,
    VoteCounted,
    VoteRefused,
)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nothing is recorded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Requested, and not answered yet: a state no reader ever finds, since both are one append."""

    request: ActionRequested


@dataclass(frozen=True, slots=True)
class Judged:
    """Policy has answered; what follows from it is part of the same append."""

    request: ActionRequested
    decision: Decision


@dataclass(frozen=True, slots=True)
class Held:
    """Waiting for people."""

    request: ActionRequested
    decision: Decision
    route: Route
    since: datetime
    deadline: datetime
    votes: tuple[VoteCounted, ...] = ()
    reminded: int = 0
    reminded_at: datetime | None = None
    climbed: int = 0
    refused: tuple[VoteRefused, ...] = ()

    @property
    def approvals(self) -> tuple[VoteCounted, ...]:
        """The votes in favour."""
        return tuple(vote for vote in self.votes if vote.approve)

    @property
    def denials(self) -> tuple[VoteCounted, ...]:
        """The votes against."""
        return tuple(vote for vote in self.votes if not vote.approve)

    @property
    def asked(self) -> tuple[str, ...]:
        """The groups asked so far, each once."""
        groups = (name for need in self.route.needs for name in need.asked(self.climbed))
        return tuple(dict.fromkeys(groups))

    @property
    def next_rung(self) -> int | None:
        """The next escalation, in seconds after the hold began; None at the top of the ladder."""
        rungs = (step.after for need in self.route.needs for step in need.escalation)
        return min((after for after in rungs if after > self.climbed), default=None)

    @property
    def next_reminder(self) -> datetime | None:
        """When the people asked are next reminded."""
        if self.route.remind_every is None:
            return None
        return (self.reminded_at or self.since) + timedelta(seconds=self.route.remind_every)

    @property
    def next_deadline(self) -> datetime:
        """The one moment to wake up for: a reminder, an escalation or the end."""
        due = [self.deadline]
        if (reminder := self.next_reminder) is not None:
            due.append(reminder)
        if (rung := self.next_rung) is not None:
            due.append(self.since + timedelta(seconds=rung))
        return min(due)

    def with_vote(self, vote: VoteCounted) -> "Held":
        """Count one more vote."""
        return replace(self, votes=(*self.votes, vote))


@dataclass(frozen=True, slots=True)
class Settled:
    """The question is answered; a grant or the close is part of the same append."""

    request: ActionRequested
    decision: Decision
    disposition: Disposition
    votes: tuple[VoteCounted, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """The holder may run the action once."""

    request: ActionRequested
    decision: Decision
    disposition: Disposition
    grant: GrantIssued
    votes: tuple[VoteCounted, ...] = ()
    given_back: bool = False

    @property
    def next_deadline(self) -> datetime:
        """When the unused grant lapses."""
        return self.grant.expires_at


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The holder is running the action, or has run it, or has died doing so."""

    request: ActionRequested
    decision: Decision
    disposition: Disposition
    grant: GrantIssued
    redemption: GrantRedeemed
    votes: tuple[VoteCounted, ...] = ()
    receipt: ExecutionReported | None = None

    @property
    def next_deadline(self) -> datetime:
        """When a missing receipt is no longer waited for."""
        return self.redemption.receipt_due


@dataclass(frozen=True, slots=True)
class Closed:
    """The story is complete. ``given_back`` tells a grant that was returned from one that aged."""

    request: ActionRequested
    decision: Decision
    disposition: Disposition
    outcome: Outcome
    grant: GrantIssued | None = None
    redemption: GrantRedeemed | None = None
    votes: tuple[VoteCounted, ...] = ()
    given_back: bool = False
    receipt: ExecutionReported | None = None


State = Unseen | Asked | Judged | Held | Settled | Granted | Redeemed | Closed


def action_of(state: State) -> Action | None:
    """Name the action that a story is about; None if nothing is recorded."""
    return None if isinstance(state, Unseen) else state.request.action

"""A second, simpler opinion on what the lifecycle must do, for the state machine to compare with.

It thinks in humans, not in names, and in one flat record, not in states. It shares no code with
``domain`` beyond the commands it is told of.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from counterseal.core.policy.decision import Decision
from counterseal.core.policy.route import Need, Route
from counterseal.core.words import Disposition, Verdict
from domain.commands import Redeem, Report, Vote, Withdraw
from tests.support.stories import AGENT, DIGEST, GRANT

HUMANS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ada": (("ada", "ada@home"), ("treasury",)),
    "grace": (("grace", "U-grace"), ("treasury", "security")),
    "ken": (("ken",), ("security",)),
    "lin": (("lin", "lin@home"), ("chiefs",)),
    "moe": (("moe",), ("treasury", "chiefs")),
    "mallory": (("mallory",), ()),
    "olga": (("olga", "olga@home"), ("treasury", "security", "chiefs")),
    "paul": (("paul", "paul@home"), ("treasury", "security", "chiefs")),
    "paybot": ((AGENT,), ("treasury", "security", "chiefs")),
}
"""Names and groups of everyone. The owner, the principal and the agent are in every group."""

INVOLVED = {"olga", "paul", "paybot"}


def human(name: str) -> str:
    """Tell which human a name belongs to."""
    return next(who for who, (names, _) in HUMANS.items() if name in names)


@dataclass
class Voice:
    """One counted answer."""

    who: str
    approve: bool
    vote: Vote
    groups: set[str]


@dataclass
class Model:
    """What ought to be true of one action."""

    decision: Decision
    asked_at: datetime
    voices: list[Voice] = field(default_factory=list)
    refused: list[Vote] = field(default_factory=list)
    disposition: Disposition | None = None
    granted_at: datetime | None = None
    redeemed: Redeem | None = None
    redeemed_at: datetime | None = None
    is_closed: bool = False

    def __post_init__(self) -> None:
        if self.decision.effective is Verdict.ALLOW:
            self._settle(Disposition.ALLOWED, self.asked_at)
        elif self.decision.effective is Verdict.BLOCK or self.decision.route is None:
            self._settle(Disposition.BLOCKED, self.asked_at)

    @property
    def route(self) -> Route:
        assert self.decision.route is not None
        return self.decision.route

    @property
    def is_held(self) -> bool:
        return self.disposition is None

    def pass_time(self, now: datetime) -> None:
        """Let happen what time alone makes happen. At most one end is due at once."""
        if self.is_held and now >= self.asked_at + timedelta(seconds=self.route.timeout):
            silent = not any(not voice.approve for voice in self.voices)
            says_yes = self.route.on_timeout is Verdict.ALLOW and silent
            self._settle(Disposition.ALLOWED if says_yes else Disposition.EXPIRED, now)
        elif self.redeemed_at is not None:
            due = self.redeemed_at + timedelta(seconds=self.decision.receipt_ttl)
            self.is_closed = self.is_closed or now >= due
        elif self.granted_at is not None:
            due = self.granted_at + timedelta(seconds=self.decision.grant_ttl)
            self.is_closed = self.is_closed or now >= due

    def asked(self, need: Need, now: datetime) -> set[str]:
        """Name whom a need asks by now."""
        found = {*need.groups}
        for step in need.escalation:
            if now >= self.asked_at + timedelta(seconds=step.after):
                found |= {*step.groups}
        return found

    def counts(self, vote: Vote) -> bool:
        """Say whether ``vote`` ought to count."""
        who = human(vote.person)
        return (
            self.is_held
            and vote.flaw is None
            and vote.digest == DIGEST
            and who not in INVOLVED
            and who not in {voice.who for voice in self.voices}
            and vote.vote_id not in {voice.vote.vote_id for voice in self.voices}
            and not any(same(vote, past) for past in self.refused)
            and bool({*HUMANS[who][1]} & self.everybody_asked(vote.at))
        )

    def everybody_asked(self, now: datetime) -> set[str]:
        """Name everyone asked by now."""
        return set().union(*(self.asked(need, now) for need in self.route.needs))

    def take(self, vote: Vote) -> bool:
        """Take a vote, and say whether it counted."""
        if not self.counts(vote):
            if self.is_held and vote.flaw is None:
                self.refused.append(vote)
            return False
        who = human(vote.person)
        groups = {*HUMANS[who][1]} & self.everybody_asked(vote.at)
        self.voices.append(Voice(who, vote.approve, vote, groups))
        if sum(not voice.approve for voice in self.voices) >= self.route.deny_threshold:
            self._settle(Disposition.DENIED, vote.at)
        elif self.is_approved(vote.at):
            self._settle(Disposition.APPROVED, vote.at)
        return True

    def is_approved(self, now: datetime) -> bool:
        """Say whether so many different humans agreed as each need wants."""
        return all(
            len(
                {
                    voice.who
                    for voice in self.voices
                    if voice.approve and voice.groups & self.asked(need, now)
                }
            )
            >= need.quorum
            for need in self.route.needs
        )

    def withdraw(self, command: Withdraw) -> bool:
        """Take a withdrawal, and say whether it ended anything."""
        if command.flaw is not None or command.by != AGENT or self.is_closed:
            return False
        if self.is_held:
            self._settle(Disposition.CANCELLED, command.at)
            return True
        self.is_closed = self.redeemed is None
        return self.is_closed

    def redeem(self, command: Redeem) -> bool:
        """Take a redemption, and say whether it used the grant."""
        fits = (command.by, command.grant_id, command.digest) == (AGENT, GRANT, DIGEST)
        is_open = self.granted_at is not None and not self.is_closed and self.redeemed is None
        if not (fits and is_open) or command.flaw is not None:
            return False
        self.redeemed, self.redeemed_at = command, command.at
        return True

    def report(self, command: Report) -> bool:
        """Take a receipt, and say whether it ended the story."""
        if self.redeemed is None or self.is_closed or command.outcome in {"LAPSED", "NOT_RUN"}:
            return False
        if self.redeemed.executor_key not in {None, command.signed_by}:
            return False
        told = (command.by, command.redemption_id, command.digest)
        self.is_closed = told == (AGENT, self.redeemed.redemption_id, DIGEST)
        return self.is_closed

    def _settle(self, disposition: Disposition, at: datetime) -> None:
        self.disposition = disposition
        if disposition in {Disposition.ALLOWED, Disposition.APPROVED}:
            self.granted_at = at
        else:
            self.is_closed = True


def same(one: Vote, other: Vote) -> bool:
    """Say whether two votes say the same under the same ID."""
    ones = (one.vote_id, one.person, one.approve, one.digest)
    return ones == (other.vote_id, other.person, other.approve, other.digest)

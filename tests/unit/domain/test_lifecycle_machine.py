"""Random lives of an action, compared with a second opinion after every step."""

from datetime import datetime, timedelta
from functools import reduce
from typing import get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from counterseal.core.policy.decision import Decision
from counterseal.core.policy.route import Need, Route, Step
from counterseal.core.words import Disposition, Outcome, Verdict
from domain.commands import Command, Flaw, Redeem, Report, Vote, Wake, Withdraw
from domain.events import (
    ActionClosed,
    ActionSettled,
    DecisionReached,
    Event,
    GrantIssued,
    GrantLapsed,
    GrantRedeemed,
    Refusal,
    VoteCounted,
    read_event,
)
from domain.evolution import evolve
from domain.lifecycle import decide, replay
from domain.refusals import refuse
from domain.states import Closed, Granted, Held, Redeemed, State, Unseen
from tests.support.model import HUMANS, INVOLVED, Model, human, same
from tests.support.stories import (
    AGENT,
    DIGEST,
    FORGED,
    GRANT,
    OTHER_AGENT,
    OTHER_DIGEST,
    START,
    ask,
    ask_otherwise,
    decision,
    kinds,
    redeem,
    report,
    vote,
    withdraw,
)

REFUSALS = get_args(Refusal)
OF_TIME = {
    "hold.reminded",
    "hold.escalated",
    "action.settled",
    "grant.issued",
    "grant.lapsed",
    "execution.unknown",
    "action.closed",
}

groups = st.lists(
    st.sampled_from(["treasury", "security", "chiefs"]), min_size=1, max_size=2, unique=True
).map(tuple)
steps = st.builds(Step, after=st.sampled_from([30, 60, 120, 900]), groups=groups)
needs = st.builds(
    Need,
    groups=groups,
    quorum=st.integers(1, 3),
    escalation=st.lists(steps, max_size=3).map(tuple),
)
routes = st.builds(
    Route,
    needs=st.lists(needs, min_size=1, max_size=2).map(tuple),
    deny_threshold=st.integers(1, 3),
    timeout=st.sampled_from([60, 120, 600]),
    remind_every=st.sampled_from([None, 20, 60, 150]),
    on_timeout=st.sampled_from([Verdict.BLOCK, Verdict.ALLOW, Verdict.STEP_UP]),
)
decisions = st.one_of(
    routes.map(lambda by: decision(by=by)),
    routes.map(lambda by: decision(by=by)),
    routes.map(lambda by: decision(by=by)),
    st.sampled_from([decision(Verdict.ALLOW), decision(Verdict.BLOCK), decision()]),
)
moments = st.sampled_from([0.0, 0.0, 1.0, 5.0, 30.0, 60.0, 1000.0, "due", "almost due", "overdue"])
names = st.sampled_from([name for known, _ in HUMANS.values() for name in known])
flaws = st.sampled_from([None, None, None, FORGED])
digests = st.sampled_from([DIGEST, DIGEST, DIGEST, OTHER_DIGEST])
keys = st.sampled_from([None, None, "k" * 43])


class Life(RuleBasedStateMachine):
    """One action, and everybody who has something to say about it."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = START
        self.story: tuple[Event, ...] = ()
        self.state: State = Unseen()
        self.sent: list[Command] = []
        self.model: Model | None = None

    # What can be asked

    @initialize(judged=decisions)
    def begin(self, judged: Decision) -> None:
        self.model = Model(judged, START)
        self.obey(ask(judged))

    @rule(
        moment=moments,
        name=names,
        approve=st.sampled_from([True, True, True, False]),
        digest=digests,
        flaw=flaws,
        vote_id=st.sampled_from([None, None, None, "vote-a", "vote-b"]),
    )
    def someone_votes(
        self,
        *,
        moment: float | str,
        name: str,
        approve: bool,
        digest: str,
        flaw: Flaw | None,
        vote_id: str | None,
    ) -> None:
        self.wait(moment)
        known, member = HUMANS[human(name)]
        aliases = tuple(other for other in known if other != name)
        cast = vote(
            name,
            approve=approve,
            groups=member,
            aliases=aliases,
            digest=digest,
            flaw=flaw,
            vote_id=vote_id or f"vote-{len(self.sent)}",
        )
        self.send_vote(self.stamped(cast))

    @rule(moment=moments, by=st.sampled_from([AGENT, AGENT, OTHER_AGENT, "olga"]), flaw=flaws)
    @precondition(lambda self: len(self.sent) > 4)
    def someone_withdraws(self, moment: float | str, by: str, flaw: Flaw | None) -> None:
        self.wait(moment)
        command = self.stamped(withdraw(by, flaw=flaw, request_id=f"request-{len(self.sent)}"))
        assert isinstance(command, Withdraw)
        self.known.withdraw(command)
        self.obey(command)

    @rule(moment=moments)
    def time_passes(self, moment: float | str) -> None:
        self.wait(moment)
        assert {*kinds(self.obey(Wake(at=self.now)))} <= OF_TIME

    @rule(
        moment=moments,
        by=st.sampled_from([AGENT, AGENT, AGENT, OTHER_AGENT]),
        digest=digests,
        grant_id=st.sampled_from([GRANT, GRANT, GRANT, "grt_other"]),
        redemption_id=st.sampled_from(["redemption-1", "redemption-2"]),
        key=keys,
        flaw=flaws,
    )
    @precondition(lambda self: not isinstance(self.state, Held) or len(self.sent) % 4 == 0)
    def someone_redeems(
        self,
        moment: float | str,
        by: str,
        digest: str,
        grant_id: str,
        redemption_id: str,
        key: str | None,
        flaw: Flaw | None,
    ) -> None:
        self.wait(moment)
        use = redeem(
            by,
            digest=digest,
            grant_id=grant_id,
            redemption_id=redemption_id,
            executor_key=key,
            flaw=flaw,
        )
        command = self.stamped(use)
        assert isinstance(command, Redeem)
        used = self.known.redeem(command)
        added = self.obey(command)
        assert used == any(isinstance(event, GrantRedeemed) for event in added)

    @rule(
        moment=moments,
        by=st.sampled_from([AGENT, AGENT, AGENT, OTHER_AGENT]),
        digest=digests,
        redemption_id=st.sampled_from(["redemption-1", "redemption-2"]),
        key=keys,
        outcome=st.sampled_from(list(Outcome)),
    )
    @precondition(lambda self: isinstance(self.state, Redeemed | Closed) or len(self.sent) % 5 == 0)
    def someone_reports(
        self,
        moment: float | str,
        by: str,
        digest: str,
        redemption_id: str,
        key: str | None,
        outcome: Outcome,
    ) -> None:
        self.wait(moment)
        told = report(outcome, by=by, digest=digest, redemption_id=redemption_id, signed_by=key)
        command = self.stamped(told)
        assert isinstance(command, Report)
        accepted = self.known.report(command)
        added = self.obey(command)
        assert accepted == ("execution.reported" in kinds(added))

    @rule(moment=moments, digest=digests)
    def the_id_is_used_again(self, moment: float | str, digest: str) -> None:
        self.wait(moment)
        self.obey(self.stamped(ask_otherwise(digest)))

    @rule(moment=moments, pick=st.integers(0, 1000))
    @precondition(lambda self: self.sent)
    def something_is_delivered_again(self, moment: float | str, pick: int) -> None:
        self.wait(moment)
        again = self.stamped(self.sent[pick % len(self.sent)])
        if isinstance(again, Vote):
            self.send_vote(again)
            return
        if isinstance(again, Redeem):
            self.known.redeem(again)
        if isinstance(again, Report):
            self.known.report(again)
        if isinstance(again, Withdraw):
            self.known.withdraw(again)
        self.obey(again)

    # How it is sent

    @property
    def known(self) -> Model:
        assert self.model is not None
        return self.model

    def wait(self, moment: float | str) -> None:
        due = getattr(self.state, "next_deadline", None)
        if isinstance(moment, float):
            self.now += timedelta(seconds=moment)
        elif due is not None:
            apart = {"due": 0, "almost due": -0.001, "overdue": 400}[moment]
            self.now = max(self.now, due + timedelta(seconds=apart))
        self.known.pass_time(self.now)

    def stamped(self, command: Command) -> Command:
        return command.model_copy(update={"at": self.now})

    def send_vote(self, cast: Command) -> None:
        assert isinstance(cast, Vote)
        told_before = self.known.is_held and any(same(cast, old) for old in self.known.refused)
        repeats = any(same(cast, voice.vote) for voice in self.known.voices)
        counted = self.known.take(cast)
        added = self.obey(cast)
        assert counted == any(isinstance(event, VoteCounted) for event in added)
        if cast.flaw is None and (told_before or repeats):
            assert {*kinds(added)} <= OF_TIME

    def obey(self, command: Command) -> tuple[Event, ...]:
        before = self.state
        added = decide(before, command)
        self.check(before, added, command)
        self.state = reduce(evolve, added, before)
        self.story += added
        self.sent.append(command)
        self.check_repetition(command, added)
        return added

    # What must hold

    def check(self, before: State, added: tuple[Event, ...], command: Command) -> None:
        if isinstance(before, Closed):
            assert added == ()
            assert all(isinstance(event, REFUSALS) for event in refuse(before, command))
        last = self.story[-1].at if self.story else START
        for event in added:
            assert last <= event.at <= command.at
            last = event.at
            assert read_event(event.model_dump(mode="json")) == event
            if not isinstance(event, REFUSALS):
                assert getattr(event, "digest", DIGEST) == DIGEST
        for position, event in enumerate(added):
            so_far = (*self.story, *added[:position])
            assert not any(isinstance(past, ActionClosed) for past in so_far)
            if isinstance(event, GrantRedeemed):
                self.check_redemption(event, so_far)
            if isinstance(event, ActionSettled):
                self.check_settlement(event, (*self.story, *added[: position + 1]))

    def check_redemption(self, used: GrantRedeemed, so_far: tuple[Event, ...]) -> None:
        """Everything that justifies it stands before it, and it is the first use."""
        assert any(isinstance(past, DecisionReached) for past in so_far)
        settled = [past for past in so_far if isinstance(past, ActionSettled)]
        assert [past.disposition.may_execute for past in settled] == [True]
        (grant,) = [past for past in so_far if isinstance(past, GrantIssued)]
        assert (used.grant_id, used.digest, used.by) == (grant.grant_id, grant.digest, grant.holder)
        assert used.at < grant.expires_at
        assert not any(isinstance(past, GrantRedeemed | GrantLapsed) for past in so_far)

    def check_settlement(self, settled: ActionSettled, so_far: tuple[Event, ...]) -> None:
        if settled.disposition is not Disposition.APPROVED:
            return
        counted = [past for past in so_far if isinstance(past, VoteCounted) and past.approve]
        assert not {human(past.person) for past in counted} & INVOLVED
        for need in self.known.route.needs:
            everyone = {*need.groups, *(name for step in need.escalation for name in step.groups)}
            people = {
                human(past.person)
                for past in counted
                if everyone & {*HUMANS[human(past.person)][1]}
            }
            assert len(people) >= need.quorum

    def check_repetition(self, command: Command, added: tuple[Event, ...]) -> None:
        """The same again, at once, adds nothing; or refuses, if the first was not accepted."""
        again = decide(self.state, command)
        assert all(isinstance(event, REFUSALS) for event in again)
        if not isinstance(command, Redeem | Report | Withdraw) and not (
            any(isinstance(event, REFUSALS) for event in added)
        ):
            assert again == () or isinstance(self.state, Granted | Redeemed)
        if any(isinstance(event, GrantRedeemed | VoteCounted | ActionClosed) for event in added):
            assert again == ()

    @invariant()
    def the_record_tells_the_state(self) -> None:
        assert replay(self.story) == self.state

    @invariant()
    def it_stands_where_it_ought_to(self) -> None:
        if self.model is None:
            return
        assert isinstance(self.state, Held) == self.model.is_held
        if isinstance(self.state, Granted | Redeemed | Closed):
            assert self.state.disposition is self.model.disposition
            assert isinstance(self.state, Closed) == self.model.is_closed

    @invariant()
    def it_waits_for_a_moment_to_come(self) -> None:
        if isinstance(self.state, Held | Granted | Redeemed):
            assert self.state.next_deadline > self.now

    def teardown(self) -> None:
        """Whatever was done, waking when asked to brings every story to its end."""
        if self.model is None:
            return
        for _ in range(100):
            if isinstance(self.state, Closed):
                break
            assert isinstance(self.state, Held | Granted | Redeemed)
            self.now = self.state.next_deadline
            self.known.pass_time(self.now)
            assert self.obey(Wake(at=self.now))
        assert isinstance(self.state, Closed)
        assert self.state.disposition is self.model.disposition
        assert kinds(self.story).count("action.closed") == 1
        assert kinds(self.story)[-1] == "action.closed"
        assert kinds(self.story).count("grant.redeemed") <= 1
        granted = "grant.issued" in kinds(self.story)
        assert granted == self.state.disposition.may_execute
        assert replay(self.story) == self.state


Life.TestCase.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)


TestLife = Life.TestCase

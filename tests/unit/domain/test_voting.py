"""Who may answer, what counts, and when there are enough answers."""

import pytest

from counterseal.core.words import Disposition
from domain.commands import Vote
from domain.events import ActionSettled, Event, VoteCounted, VoteRefused
from domain.states import Closed, Granted, Held
from tests.support.stories import (
    ADA,
    AGENT,
    CHIEFS,
    DIGEST,
    FORGED,
    GRACE,
    KEN,
    MALLORY,
    OTHER_DIGEST,
    OWNER,
    PRINCIPAL,
    SECURITY,
    TREASURY,
    Given,
    approved,
    at,
    held,
    kinds,
    need,
    vote,
    wake,
)


def refused(story: tuple[Event, ...]) -> VoteRefused:
    (event,) = story
    assert isinstance(event, VoteRefused)
    return event


def settled(story: tuple[Event, ...]) -> ActionSettled:
    return next(event for event in story if isinstance(event, ActionSettled))


def test_one_of_two_is_not_enough() -> None:
    story = Given(held(quorum=2)).when(vote())
    assert kinds(story) == ["vote.counted"]
    assert isinstance(Given(held(quorum=2), story).state, Held)


def test_two_of_two_approve() -> None:
    end = settled(Given(held(quorum=2), approved(GRACE)).when(vote(ADA)))
    assert end.disposition is Disposition.APPROVED
    assert end.by == (GRACE, ADA)


def test_a_counted_vote_keeps_who_said_what_where_and_of_which_action() -> None:
    counted = Given(held()).when(vote(ADA, aliases=("ada@home",), seconds=12))[0]
    assert counted == VoteCounted(
        at=at(12),
        vote_id="vote-ada",
        person=ADA,
        aliases=("ada@home",),
        groups=(TREASURY,),
        approve=True,
        reason="matches the invoice",
        digest=DIGEST,
        channel="web",
        assurance="web_sso",
    )


def test_a_counted_vote_names_only_the_groups_that_were_asked() -> None:
    counted = Given(held()).when(vote(groups=("everyone", TREASURY, CHIEFS)))[0]
    assert isinstance(counted, VoteCounted)
    assert counted.groups == (TREASURY,)


@pytest.mark.parametrize("person", [AGENT, OWNER, PRINCIPAL, "olga@home", "paul@home"])
@pytest.mark.parametrize("approve", [True, False])
def test_nobody_answers_for_what_they_asked_for(person: str, approve: bool) -> None:  # noqa: FBT001 - a parameter of the test
    refusal = refused(Given(held()).when(vote(person, approve=approve)))
    assert refusal.code == "self-approval"
    assert refusal.approve is approve
    assert TREASURY in refusal.sentence


def test_another_name_of_the_owner_does_not_help() -> None:
    assert refused(Given(held()).when(vote("o.lsen", aliases=(OWNER,)))).code == "self-approval"


def test_a_name_that_was_linked_after_the_request_is_seen_through() -> None:
    masked = vote("new-account", aliases=("olga@home",))
    assert refused(Given(held()).when(masked)).code == "self-approval"


def test_a_person_has_one_voice() -> None:
    again = vote(ADA, vote_id="vote-2")
    assert refused(Given(held(quorum=2), approved(ADA)).when(again)).code == "already-voted"


def test_a_person_cannot_take_back_a_yes_with_a_no() -> None:
    turned = vote(ADA, vote_id="vote-2", approve=False)
    assert refused(Given(held(quorum=2), approved(ADA)).when(turned)).code == "already-voted"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((ADA, ("ada@home",)), ("ada@home", (ADA,))),
        ((ADA, ()), ("ada@home", (ADA,))),
        ((ADA, ("ada@home",)), ("ada@home", ())),
        ((ADA, ("a.lovelace",)), ("ada@home", ("a.lovelace",))),
    ],
)
def test_one_human_with_two_names_has_one_voice(
    first: tuple[str, tuple[str, ...]], second: tuple[str, tuple[str, ...]]
) -> None:
    story = Given(held(quorum=2), approved(first[0], aliases=first[1]))
    assert refused(story.when(vote(second[0], aliases=second[1]))).code == "already-voted"


def test_the_same_vote_twice_is_one_vote() -> None:
    assert Given(held(quorum=2), approved(GRACE)).when(vote(GRACE)) == ()


def test_a_double_click_under_two_ids_is_one_vote() -> None:
    story = Given(held(quorum=2)).when(vote(), vote(vote_id="click-2", seconds=11))
    assert kinds(story) == ["vote.counted", "vote.refused"]


def test_an_outsider_is_not_asked() -> None:
    refusal = refused(Given(held()).when(vote(MALLORY, groups=("interns",))))
    assert refusal.code == "not-asked"
    assert TREASURY in refusal.sentence


def test_a_person_of_no_group_is_not_asked() -> None:
    assert refused(Given(held()).when(vote(groups=()))).code == "not-asked"


def test_a_vote_on_another_digest_is_stale() -> None:
    refusal = refused(Given(held()).when(vote(digest=OTHER_DIGEST)))
    assert refusal.code == "stale-digest"
    assert refusal.digest == OTHER_DIGEST
    assert DIGEST in refusal.sentence


def test_a_flawed_vote_does_not_count_whoever_it_claims_to_be() -> None:
    refusal = refused(Given(held()).when(vote(flaw=FORGED)))
    assert (refusal.code, refusal.sentence) == (FORGED.code, FORGED.sentence)


def test_a_refused_vote_sent_again_is_not_refused_again() -> None:
    for wrong in (
        vote(MALLORY, groups=()),
        vote(digest=OTHER_DIGEST),
        vote(OWNER),
        vote(flaw=FORGED),
    ):
        assert kinds(Given(held()).when(wrong, wrong)) == ["vote.refused"]


def test_a_refused_vote_does_not_begin_to_count_when_it_is_delivered_again() -> None:
    hold = held(need(TREASURY, escalation=[(60, (CHIEFS,))]))
    early = vote(KEN, groups=(CHIEFS,))
    story = Given(hold).after(early, wake(60), early.model_copy(update={"at": at(70)}))
    assert isinstance(story.state, Held)
    assert story.state.votes == ()


def test_a_refused_person_may_vote_once_they_are_asked() -> None:
    hold = held(need(TREASURY, escalation=[(60, (CHIEFS,))]))
    early = vote(KEN, groups=(CHIEFS,))
    later = vote(KEN, groups=(CHIEFS,), vote_id="vote-2", seconds=70)
    assert isinstance(Given(hold).after(early, later).state, Granted)


def test_a_forgery_that_comes_first_does_not_silence_the_genuine_vote() -> None:
    forged = vote(ADA, approve=False, flaw=FORGED)
    genuine = vote(ADA, approve=False, seconds=11)
    story = Given(held()).when(forged, genuine)
    assert settled(story).disposition is Disposition.DENIED


def test_a_forged_copy_of_a_counted_vote_is_kept_as_refused() -> None:
    forged = vote(GRACE, flaw=FORGED)
    assert refused(Given(held(quorum=2), approved(GRACE)).when(forged)).code == "forged"


@pytest.mark.parametrize(
    "taken",
    [
        vote(KEN, approve=False, vote_id="vote-grace"),
        vote(KEN, vote_id="vote-grace"),
        vote(GRACE, approve=False),
    ],
)
def test_another_vote_under_a_used_id_is_refused_not_swallowed(taken: Vote) -> None:
    story = Given(held(quorum=3), approved(GRACE))
    assert refused(story.when(taken)).code == "vote-id-reused"
    assert len(story.when(taken, taken)) == 1


def test_an_outsider_who_uses_up_an_id_does_not_silence_its_owner() -> None:
    squatter = vote(MALLORY, groups=(), vote_id="vote-ada")
    story = Given(held()).when(squatter, vote(ADA, approve=False))
    assert settled(story).disposition is Disposition.DENIED


def test_one_no_is_enough_unless_policy_says_otherwise() -> None:
    end = settled(Given(held(quorum=2)).when(vote(approve=False, reason="wrong payee")))
    assert end.disposition is Disposition.DENIED
    assert (end.because, end.by) == ("wrong payee", (ADA,))


def test_a_deny_threshold_takes_so_many_different_people() -> None:
    hold = Given(held(quorum=3, deny_threshold=2)).after(vote(ADA, approve=False))
    assert isinstance(hold.state, Held)
    again = hold.after(vote(ADA, approve=False, vote_id="vote-2"))
    assert isinstance(again.state, Held)
    end = settled(again.when(vote(GRACE, approve=False, reason="no")))
    assert end.disposition is Disposition.DENIED
    assert end.by == (ADA, GRACE)


def test_a_no_below_the_threshold_does_not_count_as_a_yes() -> None:
    story = Given(held(quorum=2, deny_threshold=2)).after(vote(ADA, approve=False), vote(GRACE))
    assert isinstance(story.state, Held)


def test_a_refused_no_does_not_deny() -> None:
    story = Given(held()).after(vote(MALLORY, approve=False, groups=()))
    assert isinstance(story.state, Held)


def test_every_need_must_be_met() -> None:
    hold = held(need(TREASURY, quorum=2), need(SECURITY))
    story = Given(hold).after(vote(ADA), vote(GRACE))
    assert isinstance(story.state, Held)
    assert isinstance(story.after(vote(KEN, groups=(SECURITY,))).state, Granted)


def test_more_votes_for_one_need_do_not_serve_another() -> None:
    hold = held(need(TREASURY), need(SECURITY))
    story = Given(hold).after(vote(ADA), vote(GRACE), vote("lin"))
    assert isinstance(story.state, Held)


def test_a_person_in_both_groups_answers_for_both_needs() -> None:
    """As the code has it; whether two needs should take two people is the policy owner's call."""
    story = Given(held(need(TREASURY), need(SECURITY))).after(vote(groups=(TREASURY, SECURITY)))
    assert isinstance(story.state, Granted)


def test_escalation_does_not_lower_the_quorum() -> None:
    hold = held(need(TREASURY, quorum=2, escalation=[(60, (CHIEFS,))]))
    story = Given(hold).after(vote(KEN, groups=(CHIEFS,), seconds=61))
    assert isinstance(story.state, Held)
    assert isinstance(story.after(vote(ADA, seconds=62)).state, Granted)


def test_an_escalated_group_serves_only_the_need_that_climbed() -> None:
    hold = held(need(TREASURY, escalation=[(60, (CHIEFS,))]), need(SECURITY))
    story = Given(hold).after(vote(KEN, groups=(CHIEFS,), seconds=61))
    assert isinstance(story.state, Held)
    assert isinstance(story.after(vote("sue", groups=(SECURITY,), seconds=62)).state, Granted)


@pytest.mark.parametrize("approve", [True, False])
def test_a_vote_after_the_answer_is_too_late(approve: bool) -> None:  # noqa: FBT001 - a parameter of the test
    answered = Given(held()).after(vote(ADA))
    refusal = refused(answered.when(vote(GRACE, approve=approve, seconds=30)))
    assert refusal.code == "already-settled"
    assert "APPROVED" in refusal.sentence


def test_a_counted_vote_sent_again_after_the_answer_is_no_news() -> None:
    assert Given(held()).after(vote(ADA)).when(vote(ADA, seconds=30)) == ()


def test_another_vote_under_the_id_of_a_counted_one_is_refused_after_the_answer_too() -> None:
    answered = Given(held()).after(vote(ADA))
    turned = vote(ADA, approve=False, seconds=30)
    assert refused(answered.when(turned)).code == "already-settled"


def test_a_forged_vote_after_the_answer_is_called_forged() -> None:
    answered = Given(held()).after(vote(ADA))
    assert refused(answered.when(vote(ADA, flaw=FORGED, seconds=30))).code == "forged"


def test_a_denied_action_cannot_be_approved_any_more() -> None:
    story = Given(held()).after(vote(ADA, approve=False), vote(GRACE, seconds=20))
    assert isinstance(story.state, Closed)
    assert story.state.disposition is Disposition.DENIED

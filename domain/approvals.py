"""Who may answer, and when there are enough answers. Silence, and nobody, is no."""

from collections.abc import Iterable

from domain.commands import Vote
from domain.events import VoteCounted, VoteRefused
from domain.states import Held

_OUR_CODES = {"vote-id-reused", "stale-digest", "self-approval", "already-voted", "not-asked"}


def count_or_refuse(held: Held, vote: Vote) -> VoteCounted | VoteRefused | None:
    """Take one vote: counted, refused with a reason, or None if this very vote was answered."""
    if _is_answered(held, vote):
        return None
    if (flaw := _flaw(held, vote)) is not None:
        return refusal(vote, *flaw)
    return VoteCounted(
        at=vote.at,
        vote_id=vote.vote_id,
        person=vote.person,
        aliases=vote.aliases,
        groups=tuple(group for group in held.asked if group in vote.groups),
        approve=vote.approve,
        reason=vote.reason,
        digest=vote.digest,
        channel=vote.channel,
        assurance=vote.assurance,
    )


def is_same_vote(past: VoteCounted | VoteRefused, vote: Vote) -> bool:
    """Say whether ``vote`` repeats ``past``. An ID alone proves nothing: anybody may send one."""
    return (
        past.vote_id == vote.vote_id
        and past.person == vote.person
        and past.approve == vote.approve
        and past.digest == vote.digest
    )


def refusal(vote: Vote, code: str, sentence: str) -> VoteRefused:
    """Record that ``vote`` did not count, and why."""
    return VoteRefused(
        at=vote.at,
        vote_id=vote.vote_id,
        person=vote.person,
        approve=vote.approve,
        code=code,
        sentence=sentence,
        digest=vote.digest,
        channel=vote.channel,
    )


def may_answer(held: Held, names: Iterable[str], groups: Iterable[str]) -> bool:
    """Say whether somebody is asked about an action, and has no interest of their own in it."""
    return not _names(*names) & _interested(held) and bool({*groups} & {*held.asked})


def quorum_met(held: Held) -> bool:
    """Say whether every need has its quorum of distinct approvers.

    A route cannot be without needs, so this is never true of nobody.
    """
    approvals = held.approvals
    return bool(held.route.needs) and all(
        sum(bool({*vote.groups} & {*need.asked(held.climbed)}) for vote in approvals) >= need.quorum
        for need in held.route.needs
    )


def is_denied(held: Held) -> bool:
    """Say whether enough people said no."""
    return len(held.denials) >= held.route.deny_threshold


def _is_answered(held: Held, vote: Vote) -> bool:
    refused = [past for past in held.refused if is_same_vote(past, vote)]
    if vote.flaw is not None:
        return any(past.code == vote.flaw.code for past in refused)
    # A forgery of this vote that came first must not silence the genuine one.
    genuine = any(past.code in _OUR_CODES for past in refused)
    return genuine or any(is_same_vote(past, vote) for past in held.votes)


def _flaw(held: Held, vote: Vote) -> tuple[str, str] | None:
    who = _names(vote.person, *vote.aliases)
    action = held.request.action.id
    if vote.flaw is not None:
        return vote.flaw.code, vote.flaw.sentence
    if any(vote.vote_id == past.vote_id for past in held.votes):
        return (
            "vote-id-reused",
            f"{vote.vote_id} is another vote on {action}; send this one under an ID of its own.",
        )
    if vote.digest != held.request.digest:
        return (
            "stale-digest",
            f"{vote.person} answered for {vote.digest}, but {action} is {held.request.digest}; "
            "read the action again and vote on what would run.",
        )
    if who & _interested(held):
        return (
            "self-approval",
            f"{vote.person} asked for {action}, or is asked for, or owns its agent, and so cannot "
            "answer for it; ask another member of " + " or ".join(held.asked) + ".",
        )
    if any(who & _names(past.person, *past.aliases) for past in held.votes):
        return (
            "already-voted",
            f"{vote.person} has answered for {action}; one person has one voice.",
        )
    if not {*vote.groups} & {*held.asked}:
        return (
            "not-asked",
            f"{vote.person} is not in {' or '.join(held.asked)}, who are asked about {action}.",
        )
    return None


def _interested(held: Held) -> set[str]:
    """Name whoever may not answer, whatever the door that took the request put on its list."""
    request = held.request
    action = request.action
    return _names(action.agent, action.principal, request.agent_owner, *request.excluded)


def _names(*names: str | None) -> set[str]:
    """Write names so that the same person is the same in any case."""
    return {name.casefold() for name in names if name is not None}

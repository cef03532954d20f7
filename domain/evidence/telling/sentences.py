"""What happened, in one plain sentence per event. ``details`` and the record tell the rest."""

from collections.abc import Callable, Mapping

from counterseal.core.canonical import Json
from domain.evidence.story import StoryEvent
from domain.evidence.telling.reading import clock, entries, find, items, seconds, span, text, texts
from domain.evidence.telling.wording import Sentence, listed, say

Event = Mapping[str, Json]


def sentence(told: StoryEvent) -> Sentence:
    """Say what happened; kinds that this version does not know are named as such."""
    if told.event is None:
        return Sentence("Withheld: that this event is here is proven, what it says is not told.")
    write = SENTENCES.get(told.kind or "")
    if write is None:
        return say(
            "Something of the kind {} happened, which this version has no words for.",
            told.kind or "(none)",
        )
    return write(told.event)


def _requested(event: Event) -> Sentence:
    principal = text(event, "action", "principal")
    agent, tool = text(event, "action", "agent"), text(event, "action", "tool")
    if principal:
        return say("The agent {} asked to run {} on behalf of {}.", agent, tool, principal)
    return say("The agent {} asked to run {}.", agent, tool)


def _decided(event: Event) -> Sentence:
    effective = text(event, "decision", "effective")
    verdict = text(event, "decision", "verdict")
    rules = listed(texts(event, "decision", "determining"))
    said = {
        "ALLOW": "Policy allowed it, by {}.",
        "STEP_UP": "Policy asked for people to agree first, by {}.",
        "BLOCK": "Policy blocked it, by {}.",
    }.get(effective)
    if said is None:
        return say("Policy answered {}, by {}.", effective, rules)
    if verdict == effective:
        return say(said, rules)
    return say(f"{said} With everything enforced it would have answered {{}}.", rules, verdict)


def _held(event: Event) -> Sentence:
    return say(
        "It waits for people until {}. Asked: {}.",
        clock(find(event, "deadline")),
        listed(texts(event, "asked")),
    )


def _voted(event: Event) -> Sentence:
    answer = "agreed" if find(event, "approve") is True else "said no"
    return say(
        f"{{}} {answer}, as a member of {{}}.",
        text(event, "person"),
        listed(texts(event, "groups")),
    )


def _vote_refused(event: Event) -> Sentence:
    approve = find(event, "approve")
    answer = "answer" if approve is None else "yes" if approve is True else "no"
    return say(
        f"The {answer} of {{}} did not count: {{}}", text(event, "person"), text(event, "sentence")
    )


def _reminded(event: Event) -> Sentence:
    return say("Reminder {} was due to {}.", text(event, "nth"), listed(texts(event, "asked")))


def _escalated(event: Event) -> Sentence:
    return say(
        "Nobody had answered enough after {}, so {} are asked too.",
        span(seconds(event, "after")),
        listed(texts(event, "added")),
    )


def _settled(event: Event) -> Sentence:
    by = texts(event, "by")
    ours = {
        "ALLOWED": "The answer is yes, without people: {}.",
        "BLOCKED": "The answer is no, without people: {}.",
        "APPROVED": "The answer is yes, by people: {}.",
        "DENIED": "The answer is no, by people: {}.",
        "EXPIRED": "Time ran out, and silence is no: {}.",
        "CANCELLED": "The question was taken back: {}.",
    }.get(text(event, "disposition"))
    because = text(event, "because").removesuffix(".")
    if ours is None:
        return say("The question ended as {}: {}.", text(event, "disposition"), because)
    if not by:
        return say(ours, because)
    return say(f"{ours.removesuffix('.')} (by {{}}).", because, listed(by))


def _granted(event: Event) -> Sentence:
    return say(
        "{} may now run exactly this, once, until {}.",
        text(event, "holder"),
        clock(find(event, "expires_at")),
    )


def _redeemed(event: Event) -> Sentence:
    return say(
        "{} used the permission and starts to run it. A report is due by {}.",
        text(event, "by"),
        clock(find(event, "receipt_due")),
    )


def _lapsed(event: Event) -> Sentence:
    if find(event, "given_back") is True:
        return say(
            "The permission was given back unused: {}.", text(event, "because").removesuffix(".")
        )
    return say("The permission ended unused: {}.", text(event, "because").removesuffix("."))


def _reported(event: Event) -> Sentence:
    signed = "with a signature" if find(event, "signed") is True else "without a signature"
    ours = {
        "SUCCEEDED": "{} reported that it ran and succeeded",
        "FAILED": "{} reported that it failed",
        "UNKNOWN": "{} reported that it does not know how it ended",
    }.get(text(event, "outcome"))
    if ours is None:
        return say(f"{{}} reported {{}}, {signed}.", text(event, "by"), text(event, "outcome"))
    return say(f"{ours}, {signed}.", text(event, "by"))


def _unknown(event: Event) -> Sentence:
    return say(
        "Whether it ran is not known, and is not guessed: {}.",
        text(event, "because").removesuffix("."),
    )


def _closed(event: Event) -> Sentence:
    return say("The story ends here: {}, {}.", text(event, "disposition"), text(event, "outcome"))


def _refused(what: str) -> Callable[[Event], Sentence]:
    return lambda event: say(
        f"{what} by {{}} was refused: {{}}", text(event, "by"), text(event, "sentence")
    )


def _revealed(event: Event) -> Sentence:
    return say(
        "{} ({}) was shown the sealed values at {}.",
        text(event, "by"),
        text(event, "role"),
        listed(texts(event, "pointers")),
    )


def _shredded(event: Event) -> Sentence:
    return say(
        "{} had the sealed values at {} destroyed for ever, because: {}.",
        text(event, "by"),
        listed(texts(event, "pointers")),
        text(event, "because").removesuffix("."),
    )


def _tenant(event: Event) -> Sentence:
    return say("The tenant {} began, made by {}.", text(event, "tenant"), text(event, "by"))


def _key_issued(event: Event) -> Sentence:
    return say(
        "{} issued the key {} to {}, as {} in {}.",
        *(text(event, name) for name in ("by", "key_id", "subject", "role", "environment")),
    )


def _key_revoked(event: Event) -> Sentence:
    return say("{} revoked the key {}.", text(event, "by"), text(event, "key_id"))


def _roster(event: Event) -> Sentence:
    people, agents = (len(items(event, "roster", name)) for name in ("people", "agents"))
    return say(
        f"{{}} changed who is who: {people} people and {agents} agents are known now.",
        text(event, "by"),
    )


def _bundle(event: Event) -> Sentence:
    name, version = text(event, "name"), text(event, "version")
    ours, theirs = "{} put the policy {} version {} into force", [text(event, "by"), name, version]
    for field, said in (("because", ", because: {}"), ("incident", " (after the incident {})")):
        if value := text(event, field).removesuffix("."):
            ours += said
            theirs.append(value)
    return say(f"{ours}.", *theirs)


def _exported(event: Event) -> Sentence:
    ours = "{} ({}) took evidence out, for: {}."
    if disclosed := len(items(event, "disclosed")):
        ours += f" With it went {disclosed:,} sealed values in clear."
    purpose = text(event, "purpose").removesuffix(".")
    return say(ours, text(event, "by"), text(event, "role"), purpose)


def _totals(event: Event) -> Sentence:
    counted = sum(
        int(number) for each in entries(event, "kinds").values() if (number := seconds(each))
    )
    return say(
        f"The log's events from {{}} up to but not including {{}} were counted: {counted:,}.",
        text(event, "start"),
        text(event, "end"),
    )


def _verified(event: Event) -> Sentence:
    by, size, against = (text(event, name) for name in ("by", "size", "checkpoints"))
    ours = "{} checked the log's first {} events against {} checkpoints"
    if find(event, "found") == 0:
        return say(f"{ours}: all is as it was signed.", by, size, against)
    said = " ".join(text(each, "sentence") for each in items(event, "findings"))
    return say(
        f"{ours}, and found {{}} things that cannot be: {{}}",
        by,
        size,
        against,
        text(event, "found"),
        said,
    )


SENTENCES: Mapping[str, Callable[[Event], Sentence]] = {
    "action.requested": _requested,
    "decision.reached": _decided,
    "action.held": _held,
    "vote.counted": _voted,
    "vote.refused": _vote_refused,
    "hold.reminded": _reminded,
    "hold.escalated": _escalated,
    "action.settled": _settled,
    "grant.issued": _granted,
    "grant.redeemed": _redeemed,
    "grant.lapsed": _lapsed,
    "execution.reported": _reported,
    "execution.unknown": _unknown,
    "action.closed": _closed,
    "request.refused": _refused("The same key with other content, sent"),
    "withdrawal.refused": _refused("A withdrawal"),
    "grant.refused": _refused("An attempt to run it"),
    "receipt.refused": _refused("A report"),
    "data.revealed": _revealed,
    "data.shredded": _shredded,
    "tenant.created": _tenant,
    "key.issued": _key_issued,
    "key.revoked": _key_revoked,
    "roster.changed": _roster,
    "bundle.activated": _bundle,
    "evidence.exported": _exported,
    "ledger.sealed": _totals,
    "ledger.verified": _verified,
}
"""What is said of each kind of event that this version writes."""

REFUSALS = frozenset(
    {"vote.refused", "request.refused", "withdrawal.refused", "grant.refused", "receipt.refused"}
)
"""Kinds of attempts that changed nothing but the record."""

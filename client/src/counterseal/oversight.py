"""The calls of approvers, auditors and operators, as values. No I/O."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter

from counterseal.calls import BYTES, Call, action_path, body_of, body_of_json, segment
from counterseal.core.packages import LARGEST_PACKAGE, NewPackage
from counterseal.core.review import ActivationPage, RefusalPage, Summary, VotePage
from counterseal.core.wire import (
    ActionPage,
    ActionView,
    Answer,
    Ballot,
    BundleView,
    Identity,
    KeyView,
    NewBundle,
    NewKey,
    NewRehearsal,
    Rehearsal,
    RosterView,
    Shredding,
    ShreddingView,
    Story,
    VoteAnswer,
)

T = TypeVar("T")

LONGEST_EXPORT = 300.0
"""Seconds that gathering evidence may take."""


def whoami() -> Call[Identity]:
    """Ask what the server takes the key's holder for."""
    return _get("/v1/whoami", Identity)


def page(filters: Mapping[str, str]) -> Call[ActionPage]:
    """List actions, newest first."""
    return _get("/v1/actions", ActionPage, filters)


def count_actions(filters: Mapping[str, str]) -> Call[Summary]:
    """Count actions by the words under ``by``."""
    return _get("/v1/actions/summary", Summary, filters)


def votes(filters: Mapping[str, str]) -> Call[VotePage]:
    """List votes that counted, newest first."""
    return _get("/v1/votes", VotePage, filters)


def count_votes(filters: Mapping[str, str]) -> Call[Summary]:
    """Count votes by the words under ``by``."""
    return _get("/v1/votes/summary", Summary, filters)


def refusals(filters: Mapping[str, str]) -> Call[RefusalPage]:
    """List what was refused, newest first."""
    return _get("/v1/refusals", RefusalPage, filters)


def count_refusals(filters: Mapping[str, str]) -> Call[Summary]:
    """Count what was refused by the words under ``by``."""
    return _get("/v1/refusals/summary", Summary, filters)


def activations(filters: Mapping[str, str]) -> Call[ActivationPage]:
    """List bundles as they came into force, newest first."""
    return _get("/v1/bundles/history", ActivationPage, filters)


def look(action_id: str) -> Call[ActionView | Answer]:
    """See an action as far as one's role may."""
    seen: TypeAdapter[ActionView | Answer] = TypeAdapter(ActionView | Answer)
    return Call("GET", action_path(action_id), seen)


def reveal(action_id: str, why: str | None) -> Call[ActionView]:
    """See an action with its sensitive values. That they were seen, and why, is recorded."""
    query = {"reveal": "true"} | ({"why": why} if why else {})
    return _get(action_path(action_id), ActionView, query)


def shred(action_id: str, shredding: Shredding) -> Call[ShreddingView]:
    """Destroy a closed action's sensitive values."""
    path = action_path(action_id, "/shredding")
    return Call("POST", path, TypeAdapter(ShreddingView), body=body_of(shredding))


def view(action_id: str) -> Call[ActionView]:
    """See everything that would run, and why it is held."""
    return _get(action_path(action_id), ActionView)


def story(action_id: str) -> Call[Story]:
    """Read everything recorded of one action."""
    return _get(action_path(action_id, "/events"), Story)


def vote(action_id: str, ballot: Ballot) -> Call[VoteAnswer]:
    """Answer a hold."""
    path = action_path(action_id, "/votes")
    return Call("POST", path, TypeAdapter(VoteAnswer), body=body_of(ballot))


def keys() -> Call[tuple[KeyView, ...]]:
    """List API keys."""
    return Call("GET", "/v1/keys", TypeAdapter(tuple[KeyView, ...]))


def issue_key(new: NewKey) -> Call[KeyView]:
    """Hand out a key. Not repeated after a lost connection: each request makes a key."""
    return Call("POST", "/v1/keys", TypeAdapter(KeyView), body=body_of(new), repeatable=False)


def revoke_key(key_id: str) -> Call[object]:
    """Make a key useless."""
    return Call("DELETE", f"/v1/keys/{segment(key_id)}", TypeAdapter(object))


def roster() -> Call[RosterView]:
    """Read who is who."""
    return _get("/v1/roster", RosterView)


def set_roster(new: RosterView) -> Call[RosterView]:
    """Say who is who."""
    return Call("PUT", "/v1/roster", TypeAdapter(RosterView), body=body_of(new))


def bundle() -> Call[BundleView]:
    """Ask which bundle is in force."""
    return _get("/v1/bundles", BundleView)


def activate(new: NewBundle) -> Call[BundleView]:
    """Bring a bundle into force."""
    # Servers before this release know no reason, and would refuse a field they do not know.
    body = body_of_json(new.model_dump(mode="json", exclude_none=True))
    return Call("POST", "/v1/bundles", TypeAdapter(BundleView), body=body)


def rehearse(new: NewRehearsal) -> Call[Rehearsal]:
    """Make a tenant to try a bundle on. Not repeated: each request makes a tenant."""
    return Call(
        "POST", "/v1/rehearsals", TypeAdapter(Rehearsal), body=body_of(new), repeatable=False
    )


def checkpoint() -> Call[bytes]:
    """Ask for the log's newest signed checkpoint."""
    return Call("GET", "/v1/log/checkpoint", BYTES, media="text/plain")


def entries(start: int, limit: int) -> Call[bytes]:
    """Read events in the order of the log: one stored text per line."""
    query = {"start": str(start), "limit": str(limit)}
    return Call("GET", "/v1/log/entries", BYTES, query=query, media="application/x-ndjson")


def evidence(new: NewPackage) -> Call[bytes]:
    """Take evidence along: the bytes of a ZIP file. A long period takes minutes."""
    return Call(
        "POST",
        "/v1/evidence",
        BYTES,
        body=body_of_json(new.model_dump(mode="json", exclude_none=True)),
        wait=LONGEST_EXPORT,
        media="application/zip",
        largest=LARGEST_PACKAGE,
    )


def trust() -> Call[bytes]:
    """Ask which keys the server says it uses, as a trust file to compare others with."""
    return Call("GET", "/v1/evidence/trust", BYTES, media="text/plain")


def _get(path: str, answer: type[T], query: Mapping[str, str] | None = None) -> Call[T]:
    return Call("GET", path, TypeAdapter(answer), query=query or {})

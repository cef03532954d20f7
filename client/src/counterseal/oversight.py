"""The calls of approvers, auditors and operators, as values. No I/O."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter

from counterseal.calls import BYTES, Call, action_path, body_of, segment
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
    Story,
    VoteAnswer,
)

T = TypeVar("T")


def whoami() -> Call[Identity]:
    """Ask what the server takes the key's holder for."""
    return _get("/v1/whoami", Identity)


def page(filters: Mapping[str, str]) -> Call[ActionPage]:
    """List actions, newest first."""
    return _get("/v1/actions", ActionPage, filters)


def look(action_id: str) -> Call[ActionView | Answer]:
    """See an action as far as one's role may."""
    seen: TypeAdapter[ActionView | Answer] = TypeAdapter(ActionView | Answer)
    return Call("GET", action_path(action_id), seen)


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
    return Call("POST", "/v1/bundles", TypeAdapter(BundleView), body=body_of(new))


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


def _get(path: str, answer: type[T], query: Mapping[str, str] | None = None) -> Call[T]:
    return Call("GET", path, TypeAdapter(answer), query=query or {})

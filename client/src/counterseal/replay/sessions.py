"""What an agent would have told us at each point of a recorded session."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from counterseal.core.policy.facts import Asserted, Observation
from counterseal.replay.lines import ToolCall

MOST_OBSERVATIONS = 64
MOST_BYTES = 200_000
LONGEST_REQUEST = 65_536

_PLAIN = re.compile(r"[A-Za-z0-9._:@/+-]+")
_LONGEST_NAME = 100


def sessions(calls: Iterable[ToolCall]) -> list[list[ToolCall]]:
    """Group calls by session, in the order in which they stand."""
    found: dict[str, list[ToolCall]] = {}
    for call in calls:
        found.setdefault(call.session, []).append(call)
    return list(found.values())


def limited(
    grouped: list[list[ToolCall]], calls: int | None, most: int | None
) -> list[list[ToolCall]]:
    """Keep the first ``most`` sessions and the first ``calls`` calls in them."""
    kept: list[list[ToolCall]] = []
    left = calls
    for each in islice(grouped, most):
        part = each if left is None else each[:left]
        if part:
            kept.append(part)
        left = None if left is None else left - len(part)
    return kept


def session_name(run: str, session: str) -> str:
    """Name a session within one replay, so that two replays never share a history."""
    if _PLAIN.fullmatch(session) and len(session) <= _LONGEST_NAME:
        return f"{run}/{session}"
    # Two odd names must not become one.
    return f"{run}/s-{hashlib.sha256(session.encode('utf-8', 'replace')).hexdigest()[:24]}"


def asserted(call: ToolCall, earlier: Sequence[ToolCall]) -> Asserted:
    """Say what led to ``call``: the user's request and the latest outputs that fit."""
    kept: list[Observation] = []
    left = MOST_BYTES
    for each in reversed(earlier):
        if each.output is None or len(kept) == MOST_OBSERVATIONS or left <= 0:
            continue
        content = _cut(each.output, left)
        left -= len(content.encode("utf-8", "replace"))
        kept.append(Observation(tool=each.tool[:128], content=content))
    request = call.prompt[:LONGEST_REQUEST] if call.prompt is not None else None
    return Asserted(user_request=request, observations=tuple(reversed(kept)))


def _cut(text: str, size: int) -> str:
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")

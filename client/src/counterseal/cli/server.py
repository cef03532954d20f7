"""The way from a command to the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import typer

from counterseal import oversight
from counterseal.client import Counterseal
from counterseal.core.policy.duration import seconds
from counterseal.core.wire import ActionView
from counterseal.errors import NotAuthorised

PATIENCE = 15.0


@contextmanager
def server(url: str | None = None) -> Iterator[Counterseal]:
    """Connect as ``COUNTERSEAL_URL`` and ``COUNTERSEAL_API_KEY`` say."""
    with Counterseal(url, patience=PATIENCE) as line:
        yield line


def whole_view(line: Counterseal, action: str) -> ActionView:
    """See all of an action. Raises ``NotAuthorised`` if one's role sees less."""
    found = line.ask(oversight.look(action))
    if isinstance(found, ActionView):
        return found
    raise NotAuthorised("this is an agent's key; use that of an approver, auditor or operator.")


def instant(text: str | None) -> str | None:
    """Read ``2h`` (ago) or an RFC 3339 instant; give RFC 3339."""
    if text is None:
        return None
    ago = seconds(text)
    if ago is not None:
        return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a duration like 2h nor an instant like 2026-01-31T09:00:00Z"
        ) from error
    return at.astimezone(UTC).isoformat()

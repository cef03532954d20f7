"""What can come of a call instead of its result. Everything derives from ``CountersealError``.

::

    CountersealError
    ├── NotPermitted          an answer: the action may not run (any more)
    │   ├── Blocked           policy said no; ``reason`` is what it tells agents
    │   ├── Denied            a person said no
    │   ├── Expired           nobody answered in time
    │   ├── Withdrawn         the requester took the question back
    │   ├── StillHeld         people are still being asked; ``handle`` resumes, after a restart too
    │   ├── Lapsed            it was permitted, and nobody ran it in time
    │   └── AlreadyRun        the grant was used before; nothing runs twice
    ├── Unreachable           no answer could be had; the action must not run
    ├── Misunderstood         the server speaks of another action than the one that was meant
    ├── Unsendable            what was asked cannot be written as a request; nothing was sent
    └── RequestRefused        a problem document; ``code`` is permanent
        ├── NotAuthorised     the API key is missing, unknown, revoked or of another role
        ├── NotFound          there is no such action (or it is not yours to see)
        └── GrantRefused      the grant cannot be used: already-redeemed, digest-mismatch …

Every error can be pickled, so it survives a queue or a process pool. None carries a grant token
or an API key.
"""

from counterseal.core.wire import Problem
from counterseal.core.words import Disposition, Outcome


class CountersealError(Exception):
    """The call has no result. ``code`` is for machines; the sentence is for people."""

    code: str = "error"

    @property
    def sentence(self) -> str:
        """What went wrong and what would work, for a person."""
        return str(self)


class NotPermitted(CountersealError):  # noqa: N818 - a refusal is an answer, not an accident
    """The action may not run. ``reason`` is what policy or people say to the agent."""

    code = "not-permitted"

    def __init__(
        self,
        sentence: str,
        *,
        action_id: str = "",
        reason: str = "",
        disposition: Disposition | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(sentence)
        self.action_id = action_id
        self.reason = reason
        self.disposition = disposition
        self.outcome = outcome


class Blocked(NotPermitted):
    """Policy said no."""

    code = "blocked"


class Denied(NotPermitted):
    """A person said no."""

    code = "denied"


class Expired(NotPermitted):
    """Nobody answered in time, and silence is no."""

    code = "expired"


class Withdrawn(NotPermitted):
    """The requester took the question back."""

    code = "withdrawn"


class StillHeld(NotPermitted):
    """People are still being asked. Keep ``handle`` and resume with it, today or tomorrow."""

    code = "still-held"

    def __init__(
        self, sentence: str, *, handle: str = "", action_id: str = "", reason: str = ""
    ) -> None:
        super().__init__(sentence, action_id=action_id, reason=reason)
        self.handle = handle


class Lapsed(NotPermitted):
    """The action was permitted, and its grant was not used in time."""

    code = "lapsed"


class AlreadyRun(NotPermitted):
    """The grant was used before. ``outcome`` is what was reported, if anything was."""

    code = "already-run"


class Unreachable(CountersealError):  # noqa: N818 - as above
    """No answer could be had before the deadline. The action must not run.

    ``handle`` resumes an action that is known; proposing again with ``key`` asks the same question.
    """

    code = "unreachable"

    def __init__(self, sentence: str, *, handle: str | None = None, key: str | None = None) -> None:
        super().__init__(sentence)
        self.handle = handle
        self.key = key


class Misunderstood(CountersealError):  # noqa: N818 - as above
    """The server's action is not the one that was meant: digests or contents differ."""

    code = "misunderstood"


class Unsendable(CountersealError):  # noqa: N818 - as above
    """What was asked cannot be written as a request. Nothing was sent."""

    code = "unsendable"


class RequestRefused(CountersealError):  # noqa: N818 - as above
    """The server answered with a problem (RFC 9457)."""

    def __init__(self, sentence: str, *, problem: Problem | None = None) -> None:
        super().__init__(sentence)
        self.problem = problem
        self.code = problem.code if problem else "refused"
        self.status = problem.status if problem else 0


class NotAuthorised(RequestRefused):
    """The API key does not open this door."""


class NotFound(RequestRefused):
    """There is nothing by that name that this key may see."""


class GrantRefused(RequestRefused):
    """The grant cannot be used. Do not run the action."""


class ReportUndelivered(UserWarning):
    """An action ran, and its receipt could not be delivered yet; see ``undelivered``."""


_GRANT_CODES = frozenset(
    {
        "already-redeemed",
        "bad-grant",
        "digest-mismatch",
        "grant-lapsed",
        "not-granted",
        "not-the-holder",
        "other-grant",
    }
)


def refusal(problem: Problem) -> RequestRefused:
    """Choose the error for a problem document."""
    sentence = problem.detail or problem.title
    if problem.code in _GRANT_CODES:
        return GrantRefused(sentence, problem=problem)
    if problem.status in (401, 403):
        return NotAuthorised(sentence, problem=problem)
    if problem.status == 404:  # noqa: PLR2004 - Not Found
        return NotFound(sentence, problem=problem)
    return RequestRefused(sentence, problem=problem)

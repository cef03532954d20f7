"""The custody of sensitive values: who may see them, when they may go, and what is recorded of it.

What happens to an action's values stands in a stream beside the action's own, ``<action id>:data``,
so that it can happen long after the action closed.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from counterseal.core.action import ActionId
from counterseal.core.commitments import committed_places
from counterseal.core.words import Role
from domain.approvals import may_answer
from domain.commands import Flaw
from domain.events import Fact
from domain.states import Closed, Held, State, action_of


class DataRevealed(Fact):
    """Somebody was about to be shown the values at ``pointers``: recorded before they were."""

    kind: Literal["data.revealed"] = "data.revealed"
    action: ActionId
    by: str
    role: Role
    pointers: tuple[str, ...]
    why: str | None = None


class DataShredded(Fact):
    """The values at ``pointers`` were destroyed with their key. Their commitments stay.

    ``request`` names what asked for it outside: an erasure request, a ticket.
    """

    kind: Literal["data.shredded"] = "data.shredded"
    action: ActionId
    by: str
    because: str
    pointers: tuple[str, ...]
    request: str | None = None


CustodyEvent = DataRevealed | DataShredded

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))

_EVENT: TypeAdapter[CustodyEvent] = TypeAdapter(
    Annotated[CustodyEvent, Field(discriminator="kind")]
)


def read_custody_event(recorded: object) -> CustodyEvent:
    """Read a recorded event back, keeping fields this version does not know."""
    return _EVENT.validate_python(recorded)


def data_stream(action_id: str) -> str:
    """Name the stream that tells what became of an action's sensitive values."""
    return f"{action_id}:data"


def sensitive_places(state: State) -> tuple[str, ...]:
    """Name the places at which an action's arguments are committed to."""
    action = action_of(state)
    return committed_places(action.arguments) if action is not None else ()


def reveal_flaw(
    state: State, role: Role, names: Iterable[str], groups: Iterable[str]
) -> Flaw | None:
    """Say why somebody may not see an action's values, or None if they may.

    Auditors and operators may, on record. An approver may while the action is theirs to answer:
    nobody can agree to what they are not shown.
    """
    match role:
        case Role.AUDITOR | Role.OPERATOR:
            return None
        case Role.APPROVER if isinstance(state, Held) and may_answer(state, names, groups):
            return None
        case Role.APPROVER:
            return Flaw(
                code="may-not-reveal",
                sentence="only those who are asked about a held action see its sensitive values; "
                "ask an auditor or an operator.",
            )
        case Role.AGENT:
            return Flaw(
                code="may-not-reveal",
                sentence="an agent is shown the values of its own actions without asking.",
            )


def retention_ended(keep_for: int, action_class: str | None) -> str:
    """Say why values are shredded that nobody asked to be shredded."""
    unit, size = next((name, size) for name, size in _UNITS if keep_for % size == 0)
    count = keep_for // size
    lasted = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"retention of {lasted} (class {action_class or 'unknown'}) ended"


def shred_flaw(state: State) -> Flaw | None:
    """Say why an action's values cannot be shredded, or None if they can."""
    if not isinstance(state, Closed):
        return Flaw(
            code="still-open",
            sentence="an action that is still open needs its values; deny it, withdraw it or wait "
            "for its end.",
        )
    if not sensitive_places(state):
        return Flaw(
            code="nothing-to-shred",
            sentence="this action was asked without sensitive values: nothing of it is encrypted.",
        )
    return None

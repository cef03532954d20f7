"""Answers and conversations for tests without a server."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from counterseal.conversation import Conversation, Heard, Lost, Pause, Reply, Send
from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import Json
from counterseal.core.wire import Answer, Grant
from counterseal.core.words import Disposition, Outcome, Phase

T = TypeVar("T")

ARGUMENTS: dict[str, Json] = {"amount": 20, "to": "DE02"}
TOKEN = "grant-token-nobody-may-see"  # noqa: S105 - made up


def action(tool: str = "pay", arguments: dict[str, Json] | None = None, **other: str) -> Action:
    return Action.model_validate(
        {
            "id": action_id("acme", "agent:a", "key-1234"),
            "tenant": "acme",
            "agent": "agent:a",
            "environment": "production",
            "tool": tool,
            "arguments": ARGUMENTS if arguments is None else arguments,
            **other,
        }
    )


def answer(
    phase: Phase = Phase.HELD,
    disposition: Disposition | None = None,
    outcome: Outcome | None = None,
    *,
    of: Action | None = None,
    granted: bool = False,
) -> Answer:
    meant = of or action()
    digest = action_digest(meant)
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    grant = Grant(grant_id="grt_1", digest=digest, expires_at=expires, token=TOKEN)
    return Answer(
        action_id=meant.id,
        digest=digest,
        action=meant,
        phase=phase,
        disposition=disposition,
        outcome=outcome,
        message="ask the treasury",
        grant=grant if granted else None,
    )


@dataclass
class Carried(Generic[T]):
    """A conversation carried over a clock and a network that a test makes up."""

    says: Iterable[Reply | Lost]
    takes: float = 0.01
    now: float = 1000.0
    sent: list[Send] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def carry(self, conversation: Conversation[T]) -> T:
        saying = iter(self.says)
        try:
            step = next(conversation)
            while True:
                said: Reply | Lost | None = None
                if isinstance(step, Pause):
                    self.now += step.seconds
                    if step.seconds:
                        self.pauses.append(step.seconds)
                else:
                    self.sent.append(step)
                    said = next(saying)
                    self.now += min(self.takes, step.seconds)
                step = conversation.send(Heard(self.now, said))
        except StopIteration as end:
            result: T = end.value
            return result

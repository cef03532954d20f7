"""What a proposal says, and where the randomness in it comes from."""

import random
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.calls import made
from counterseal.core.canonical import Json
from counterseal.core.policy.facts import Asserted
from counterseal.core.wire import Proposal
from counterseal.errors import Unsendable
from counterseal.meant import Meant, frozen

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Chance:
    """Where IDs, keys and jitter come from."""

    name: Callable[[], str] = lambda: secrets.token_hex(16)
    key: Callable[[], Ed25519PrivateKey] = Ed25519PrivateKey.generate
    draw: Callable[[], float] = random.random


class Circumstances(TypedDict, total=False):
    """What a proposal may say besides tool and arguments.

    ``key`` is the idempotency key: with the same one the same question is asked, also after a
    crash. ``wait`` is how many seconds to wait for an answer; without it, none.
    """

    principal: str | None
    session: str | None
    resource: str | None
    justification: str | None
    asserted: Asserted | None
    key: str | None
    wait: float


@dataclass(frozen=True, slots=True)
class Question:
    """A proposal with its key, and what was meant by it."""

    meant: Meant
    proposal: Proposal
    key: str
    wait: float


def question(
    tool: str, arguments: Mapping[str, Json], terms: Circumstances, chance: Chance
) -> Question:
    """Freeze what is asked. Raises ``Unsendable``."""
    written = frozen(dict(arguments))
    meant = Meant(
        tool, written, terms.get("principal"), terms.get("session"), terms.get("resource")
    )
    proposal = made(
        Proposal,
        {
            "tool": tool,
            "arguments": meant.arguments(),
            "principal": meant.principal,
            "session": meant.session,
            "resource": meant.resource,
            "justification": terms.get("justification"),
            "asserted": terms.get("asserted") or Asserted(),
        },
    )
    return Question(
        meant, proposal, _key(terms.get("key") or chance.name()), max(0.0, terms.get("wait", 0.0))
    )


def _key(text: str) -> str:
    if _KEY.fullmatch(text) is None:
        raise Unsendable("an idempotency key is 1 to 255 visible ASCII characters, without spaces.")
    return text

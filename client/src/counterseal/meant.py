"""What the caller means to do, frozen the moment it is asked."""

from dataclasses import dataclass

from counterseal.core.action import Action, action_digest
from counterseal.core.canonical import ARGUMENTS, Json, check, parse
from counterseal.core.commitments import (
    Disclosure,
    WrongDisclosure,
    commit_at,
    disclose,
    has_marker,
)
from counterseal.core.errors import Unreadable
from counterseal.core.signing import decode
from counterseal.core.wire import Answer
from counterseal.errors import Misunderstood, Unsendable


@dataclass(frozen=True, slots=True)
class Meant:
    """One tool call. The arguments are canonical bytes, so nobody can change them any more."""

    tool: str
    written: bytes
    principal: str | None = None
    session: str | None = None
    resource: str | None = None

    @classmethod
    def of(cls, action: Action, disclosed: tuple[Disclosure, ...] = ()) -> "Meant":
        """Take over what an action says, with what is ``disclosed`` put back in its places.

        Raises ``Misunderstood`` if that does not open everything.
        """
        return cls(
            action.tool,
            frozen(_opened(action, disclosed)),
            action.principal,
            action.session,
            action.resource,
        )

    def arguments(self) -> dict[str, Json]:
        """Read the arguments back; every call gives fresh values."""
        value = parse(self.written, ARGUMENTS)
        if not isinstance(value, dict):
            raise Unsendable("arguments are an object of names and values.")
        return value

    def digest_of(self, answer: Answer) -> str:
        """Compute the digest of this call as the action of ``answer``.

        Raises ``Misunderstood`` unless the server understood this call and no other. Whose action
        it is, what the caller left open, and which values are committed to instead of shown, is
        the server's to say: the commitments are made here, over our own values.
        """
        theirs = answer.action
        if theirs is None or theirs.id != answer.action_id:
            raise Misunderstood(f"{answer.action_id}: the server does not say what it understood.")
        digest = action_digest(
            theirs.model_copy(
                update={
                    "tool": self.tool,
                    "arguments": self._covered(answer.disclosures),
                    "resource": self.resource,
                    "principal": self.principal or theirs.principal,
                    "session": self.session or theirs.session,
                }
            )
        )
        if not digest == answer.digest == action_digest(theirs):
            raise Misunderstood(
                f"{answer.action_id}: the server's digest {answer.digest} is not that of what was "
                f"meant ({digest}); do not run it."
            )
        return digest

    def _covered(self, disclosures: tuple[Disclosure, ...]) -> dict[str, Json]:
        salts = {each.pointer: decode(each.salt) or b"" for each in disclosures}
        try:
            return commit_at(self.arguments(), salts)[0]
        except WrongDisclosure:
            return self.arguments()  # then the digests differ, which says it all


def _opened(action: Action, disclosed: tuple[Disclosure, ...]) -> dict[str, Json]:
    try:
        arguments = disclose(action.arguments, disclosed)
    except WrongDisclosure as error:
        raise Misunderstood(f"{action.id}: {error.sentence}") from error
    if has_marker(arguments):
        raise Misunderstood(
            f"{action.id} cannot be taken up again: its sensitive values were shredded, or cannot "
            "be opened now; propose it again with the values at hand."
        )
    return arguments


def frozen(arguments: Json) -> bytes:
    """Freeze arguments into canonical bytes, within our bounds. Raises ``Unsendable``."""
    if not isinstance(arguments, dict):
        raise Unsendable("arguments are an object of names and values.")
    try:
        written = check(arguments, ARGUMENTS)
        parse(written, ARGUMENTS)  # A float like 2.0**53 can be written and not be read back.
    except Unreadable as error:
        raise Unsendable(f"the arguments cannot be asked about: {error}") from error
    return written

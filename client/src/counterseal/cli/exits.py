"""What exit codes mean. They are permanent: scripts rely on them."""

from enum import IntEnum

from counterseal.errors import (
    CountersealError,
    NotAuthorised,
    StillHeld,
    Unreachable,
    Unsendable,
)


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    PENDING = 3
    UNREACHABLE = 4
    NOT_AUTHORISED = 5
    BUG = 70
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done; for `policy explain`: ALLOW",
    Exit.REFUSED: "refused, or a check failed; for `policy explain`: BLOCK",
    Exit.USAGE: "wrong usage, or a setting is missing; nothing was sent",
    Exit.PENDING: "not settled yet; for `policy explain`: STEP_UP",
    Exit.UNREACHABLE: "the server could not be reached or gave no answer in time",
    Exit.NOT_AUTHORISED: "the API key is missing, unknown, revoked or of another role",
    Exit.BUG: "a mistake of ours; COUNTERSEAL_DEBUG=1 shows where",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
}


def table() -> str:
    """Write the codes for the help."""
    return "\n\n".join(f"{code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())


def exit_of(error: CountersealError) -> Exit:
    """Choose the code for an error."""
    match error:
        case NotAuthorised():
            return Exit.NOT_AUTHORISED
        case Unreachable():
            return Exit.UNREACHABLE
        case Unsendable():
            return Exit.USAGE
        case StillHeld():
            return Exit.PENDING
        case _:
            return Exit.REFUSED

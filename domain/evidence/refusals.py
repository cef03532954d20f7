"""Why a package is not given."""

from counterseal.core.errors import Refused
from counterseal.core.packages import LARGEST_PACKAGE, MOST_ACTIONS


class EvidenceTooLarge(Refused):
    """More than a package may hold."""

    code = "evidence-too-large"

    def __init__(self) -> None:
        super().__init__(
            f"a package has at most {LARGEST_PACKAGE >> 20} MiB, and this would be larger; ask "
            "for a shorter period or for fewer actions."
        )


class TooManyActions(Refused):
    """More actions fit than a package may tell of."""

    code = "evidence-too-large"

    def __init__(self) -> None:
        super().__init__(
            f"more than {MOST_ACTIONS} actions fit, and a package tells of {MOST_ACTIONS} at most; "
            "narrow the filters, or ask for a period."
        )


class NotSealedYet(Refused):
    """The newest events lie under no signed checkpoint."""

    code = "log-not-sealed"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"no signed checkpoint covers the first {size} events of the log yet, so nothing could "
            "be proven; send the same request again, and see to the signer if this stays so."
        )


class NoSuchActions(Refused):
    """There is nothing to tell of."""

    code = "no-such-action"

    def __init__(self, sentence: str, action_id: str | None = None) -> None:
        super().__init__(sentence)
        self.action_id = action_id


class PeriodRefused(Refused):
    """A period that no package can be about."""

    code = "invalid-request"


class NothingSealedThere(Refused):
    """A pointer leads to no sensitive value of any of the actions."""

    code = "nothing-to-disclose"

    def __init__(self, pointer: str) -> None:
        super().__init__(
            f"none of these actions has a sensitive value at {pointer[:200]} that is still kept; "
            "leave it out, or look at the action's arguments for what is committed."
        )


class CheckpointRefused(Refused):
    """What was given as an earlier checkpoint is none of this log."""

    code = "checkpoint-refused"


class LogContradicts(Refused):
    """The log does not continue a checkpoint that its own key signed."""

    code = "log-contradicts-checkpoint"

    def __init__(self, sentence: str) -> None:
        super().__init__(
            f"{sentence} The log was rolled back or rewritten since it was signed: keep the "
            "checkpoint, it is evidence, and tell whoever is responsible for this installation."
        )

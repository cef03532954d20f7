"""What each profile withholds. What is withheld is still proven to be there, by its hash."""

from typing import assert_never

from counterseal.core.packages import Profile
from domain.evidence.contents import Leaf
from domain.evidence.totals import DECISION, END

_ARGUMENTS = frozenset({"action.requested", "roster.changed"})
_COUNTED = frozenset({"ledger.sealed", DECISION, "action.settled", END})


def withholds(profile: Profile, kind: str) -> bool:
    """Say whether the bodies of events of ``kind`` are withheld."""
    match profile:
        case Profile.FULL:
            return False
        case Profile.WITHOUT_ARGUMENTS:
            return kind in _ARGUMENTS
        case Profile.COUNTS:
            return kind not in _COUNTED
        case _:
            assert_never(profile)


def shown(profile: Profile, leaf: Leaf) -> Leaf:
    """Give a leaf as ``profile`` shows it."""
    return leaf.withheld() if withholds(profile, leaf.kind) else leaf

"""What is wrong with a bundle, where, and what would work."""

from typing import NamedTuple

from pydantic import Field

from counterseal.core.errors import Refused
from counterseal.core.model import Record

Path = tuple[str | int, ...]
"""Where something stands in a bundle: ``("rules", 3, "when", 0, "cel")``."""


class Problem(NamedTuple):
    """A mistake at ``path``, ``offset`` characters into the text that stands there."""

    path: Path
    code: str
    sentence: str
    offset: int = 0


class Complaint(Record):
    """One mistake, for the person who has to mend it.

    ``code`` is permanent. ``line`` and ``column`` count from 1 and are 0 where the text of the
    file is not at hand, as with a bundle read back from its stored form; ``where`` always says
    which part of the bundle is meant.
    """

    file: str
    line: int = Field(ge=0)
    column: int = Field(ge=0)
    code: str
    where: str
    sentence: str

    def __str__(self) -> str:
        """Write the complaint the way compilers do, so that editors can jump to it."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.where
        return f"{place}: {self.sentence} [{self.code}]"


class BundleRefused(Refused):
    """The bundle cannot be used; every mistake that was found is in ``complaints``."""

    code = "bundle-refused"

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        self.complaints = complaints
        count = f"{len(complaints)} mistake{'s' if len(complaints) != 1 else ''} in the bundle"
        super().__init__("\n".join([count + ":", *(f"  {each}" for each in complaints)]))


def spell(path: Path) -> str:
    """Write a path for people: ``rules[3].when[0].cel``."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")

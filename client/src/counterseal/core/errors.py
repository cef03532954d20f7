"""Refusals: who asked what, why not, and what would work.

``code`` is for machines and permanent; the sentence is for people.
"""

from typing import ClassVar


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an accident
    """Something was asked that cannot be done as asked."""

    code: ClassVar[str] = "refused"

    @property
    def sentence(self) -> str:
        """The refusal for a person."""
        return str(self)


class Unreadable(Refused):
    """Bytes or values that cannot be taken as JSON within our bounds."""

    code = "json-malformed"


class TooLarge(Unreadable):
    """More bytes than we read."""

    code = "json-too-large"


class TooDeep(Unreadable):
    """Nested deeper than we follow."""

    code = "json-too-deep"


class TooManyKeys(Unreadable):
    """More object keys than we read."""

    code = "json-too-many-keys"


class DuplicateKey(Unreadable):
    """The same key twice in one object: two readers could see two different actions."""

    code = "json-duplicate-key"


class NumberOutOfRange(Unreadable):
    """A number that not every reader holds exactly."""

    code = "json-number-out-of-range"


class NotUnicode(Unreadable):
    """Text that is not valid Unicode (a lone surrogate, or bytes that are not UTF-8)."""

    code = "json-not-unicode"

"""Sentences in which our words and those of others are kept apart."""

from dataclasses import dataclass

from domain.evidence.telling.inert import inert

_LONGEST = 400  # characters of one value within a sentence


@dataclass(frozen=True, slots=True)
class Sentence:
    """Our words with theirs in between: each ``{}`` of ``ours`` is the next of ``theirs``.

    The two are kept apart to the end, so that whoever shows them can show which is which.
    """

    ours: str
    theirs: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The sentence as one inert line."""
        return self.ours.format(*(inert(each) for each in self.theirs))


def listed(names: tuple[str, ...], joint: str = "and") -> str:
    """Write names as people list them."""
    if not names:
        return "nobody"
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def say(ours: str, *theirs: str) -> Sentence:
    """Put ``theirs`` into ``ours``; what is too long for a sentence is cut, and says so."""
    return Sentence(ours, tuple(_short(each) for each in theirs))


def _short(value: str) -> str:
    """Cut what would drown the sentence, and say so; the whole of it is in the record below."""
    if len(value) <= _LONGEST:
        return value or "(not said)"
    return f"{value[:_LONGEST]} … ({len(value):,} characters, whole in the record)"

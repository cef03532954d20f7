"""Words of others, marked as theirs: nobody takes them for ours, and none can hide or take over."""

from domain.evidence.page.html import Markup, element, folded, joined, verbatim
from domain.evidence.telling.inert import alphabets_mixed
from domain.evidence.telling.wording import Sentence, listed

_LONG = 600  # characters of a person's words that stand unfolded
_LINES = 12
_OPENING = 120


def spoken(said: Sentence) -> Markup:
    """Write a sentence, marking what in it is not ours."""
    first, *rest = said.ours.split("{}")
    marked = (
        part
        for value, after in zip(said.theirs, rest, strict=True)
        for part in (element("span", value, class_="theirs"), after)
    )
    return element("p", first, *marked)


def theirs(value: str) -> Markup | None:
    """Mark what came from outside, and warn of words that mix look-alike alphabets."""
    if not value:
        return None
    shown = element("span", value, class_="theirs")
    if not (mixed := alphabets_mixed(value)):
        return shown
    warning = f" Look-alike letters: one word mixes {listed(mixed)}."
    return joined([shown, element("em", warning, class_="warn")])


def quote(label: str, said: str) -> Markup | None:
    """Write a person's or an agent's own words in a frame; long ones are folded, never cut."""
    if not said:
        return None
    mixed = alphabets_mixed(said)
    warning = f"Look-alike letters: one word mixes {listed(mixed)}." if mixed else None
    lines = said.count("\n") + 1
    box: Markup = verbatim(said)
    if len(said) > _LONG or lines > _LINES:
        opening = said[:_OPENING].partition("\n")[0]
        size = f" … ({len(said):,} characters on {lines:,} lines; open to read all)"
        box = folded(joined([element("span", opening, class_="theirs"), size]), box)
    return element(
        "div",
        element("p", label),
        box,
        element("p", warning, class_="warn") if warning else None,
        class_="quote",
    )

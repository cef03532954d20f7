"""Events in the order of time, each as a point on a vertical line."""

from collections.abc import Iterable, Mapping

from domain.evidence.page.details import details
from domain.evidence.page.html import Markup, element
from domain.evidence.page.quotes import spoken
from domain.evidence.story import StoryEvent
from domain.evidence.telling.account import Account
from domain.evidence.telling.reading import between, clock, instant, span
from domain.evidence.telling.sentences import REFUSALS, sentence


def line(events: Iterable[StoryEvent], one: Account | None, disclosed: Mapping[str, str]) -> Markup:
    """Write ``events`` one below the other, each with its time and the time since the last."""
    points: list[Markup] = []
    before: str | None = None
    for each in events:
        points.append(_point(each, before, one, disclosed))
        before = each.at or before
    return element("ol", *points, class_="line")


def _point(
    each: StoryEvent, before: str | None, one: Account | None, disclosed: Mapping[str, str]
) -> Markup:
    kinds = ["refused"] if each.kind in REFUSALS else ["withheld"] if each.event is None else []
    place = (
        f"event {each.seq:,} of the log · {each.stream} {each.version} · {each.kind or 'withheld'}"
    )
    return element(
        "li",
        element("div", _time(each.at), _gap(before, each.at), class_="when"),
        element(
            "div",
            element("strong", "Refused attempt", class_="bad") if each.kind in REFUSALS else None,
            spoken(sentence(each)),
            details(each, one, disclosed),
            element("p", place, class_="place"),
            class_="what",
        ),
        **({"class_": kinds[0]} if kinds else {}),
    )


def _time(at: str | None) -> Markup:
    moment = instant(at)
    if moment is None:
        return element("span", "time not told" if at is None else clock(at))
    return element("time", clock(at), datetime=moment.isoformat())


def _gap(before: str | None, at: str | None) -> Markup | None:
    passed = between(before, at)
    if passed is None:
        return None
    return element("span", "at the same moment" if passed == 0 else f"{span(passed)} later")

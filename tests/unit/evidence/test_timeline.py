"""The page tells everything, and obeys nobody."""

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from unicodedata import category, is_normalized

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from counterseal.core.canonical import Json
from domain.evidence.page.html import Markup, element
from domain.evidence.page.style import STYLE
from domain.evidence.story import PackageStory, StoryEvent
from domain.evidence.telling.inert import alphabets_mixed, inert
from domain.evidence.telling.outline import outline
from domain.evidence.telling.sentences import REFUSALS, SENTENCES, sentence
from domain.evidence.timeline import render_timeline
from tests.support.hostile import BREAKOUTS, HIDING, HOSTILE
from tests.support.kinds import EVERY_KIND, EVERY_REFUSAL, LOG, ONE_OF_EACH, changed, events
from tests.support.stories import ACTION, ask
from tests.support.tales import (
    COMMITTED,
    explained,
    numbered,
    one_action,
    package,
    told,
    whole_log,
    withheld,
)

PAGE = render_timeline(package(LOG))

VOID = {"meta"}
TAGS = {
    *("a", "article", "b", "body", "code", "dd", "details", "div", "dl", "dt", "em", "footer"),
    *("h1", "h2", "h3", "h4", "head", "header", "html", "li", "main", "meta", "ol", "p", "pre"),
    *("section", "span", "strong", "style", "summary", "table", "tbody", "td", "th", "thead"),
    *("time", "title", "tr", "ul"),
}
ATTRIBUTES = {
    *("aria-labelledby", "charset", "class", "content", "datetime", "href", "http-equiv", "id"),
    *("lang", "name", "role", "scope", "tabindex"),
}


class Page(HTMLParser):
    """What a browser makes of a page: its tags, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.open: list[str] = []
        self.strange: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.strange.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    def handle_comment(self, data: str) -> None:
        self.strange.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.strange.append(f"<?{data}")

    def unknown_decl(self, data: str) -> None:
        self.strange.append(f"<![{data}")

    @property
    def text(self) -> str:
        return "".join(self.said)

    def all(self, name: str) -> list[str]:
        return [
            value or "" for _, found in self.tags for key, value in found.items() if key == name
        ]


def is_ours(page: Page) -> bool:
    ids = page.all("id")
    return (
        page.strange == []
        and page.open == []
        and {tag for tag, _ in page.tags} <= TAGS
        and {name for _, found in page.tags for name in found} <= ATTRIBUTES
        and {target.removeprefix("#") for target in page.all("href")} <= {*ids}
        and all(re.fullmatch(r"#action-\d+", target) for target in page.all("href"))
        and len(ids) == len({*ids})
        and {*page.all("aria-labelledby")} <= {*ids}
        and all(re.fullmatch(r"[0-9T:.+-]+", moment) for moment in page.all("datetime"))
    )


def hostile_story(hostile: str) -> PackageStory:
    strange = StoryEvent(999, "odd", 0, "0" * 64, hostile, hostile, {"by": hostile})
    events = (*(changed(each, hostile) for each in ONE_OF_EACH), strange)
    return PackageStory(
        log=hostile,
        tenant=hostile,
        tree_size=1000,
        root=hostile,
        level=hostile,
        witnesses=(hostile,),
        exported_at=hostile,
        requested_by=hostile,
        purpose=hostile,
        profile=hostile,
        scope=hostile,
        events=events,
        disclosures={(ACTION.id, hostile): hostile},
        shredded=frozenset({hostile}),
    )


def test_every_kind_of_event_has_its_sentence() -> None:
    assert len(EVERY_KIND) > 25
    assert {*SENTENCES} == EVERY_KIND


def test_every_refusal_is_set_apart() -> None:
    assert EVERY_REFUSAL == REFUSALS


def test_the_sample_tells_of_every_kind() -> None:
    assert {each.kind for each in LOG} >= EVERY_KIND


@pytest.mark.parametrize("one", ONE_OF_EACH, ids=lambda one: one.kind)
def test_no_sentence_lacks_a_word(one: StoryEvent) -> None:
    said = sentence(one).plain
    assert "(not said)" not in said
    assert "unknown time" not in said
    assert said.endswith((".", ")"))


def test_a_kind_of_tomorrow_is_named_and_kept_whole() -> None:
    page = render_timeline(package(told({"future": [{"kind": "moon.landed", "crew": ["neil"]}]})))
    assert "moon.landed" in page
    assert "neil" in page


def test_the_page_loads_and_runs_nothing() -> None:
    page = Page(PAGE)
    assert is_ours(page)
    (policy,) = [
        found["content"]
        for tag, found in page.tags
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not re.search(r"url\(|@import|expression|https?:", STYLE)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_text_is_shown_and_never_obeyed(hostile: str) -> None:
    source = render_timeline(hostile_story(hostile))
    page = Page(source)
    assert is_ours(page)
    source.encode()  # not even a lone surrogate is left
    if hostile.strip() and len(hostile) < 200:
        assert inert(hostile) in page.text
    if hostile in HIDING:
        assert f"ab⟦U+{ord(hostile[2]):04X}⟧cd" in source
        assert hostile not in source


def test_the_attack_table_is_long() -> None:
    assert len(HOSTILE) >= 150
    assert len({*BREAKOUTS}) == len(BREAKOUTS)


@given(st.text())
def test_nothing_invisible_is_shown(text: str) -> None:
    shown = inert(text)
    assert all(each == " " or category(each)[0] not in "CZ" for each in shown)
    assert is_normalized("NFC", shown)


def test_hidden_marks_cannot_be_forged() -> None:
    assert inert("⟦U+202E⟧") == "⟦U+27E6⟧U+202E⟧"


def test_letters_that_look_alike_are_pointed_out() -> None:
    assert alphabets_mixed("p\u0430ypal") == ("CYRILLIC", "LATIN")
    assert alphabets_mixed("Привет, world") == ()
    asked = ask(explained()).model_copy(update={"justification": "pay p\u0430ypal"})
    assert "one word mixes CYRILLIC and LATIN" in render_timeline(package(told(one_action(asked))))


def test_a_string_cannot_pass_for_another_member() -> None:
    written = outline({"note": 'x",\n"to": "friend', "n": 1})
    assert written.split("\n") == [
        "{",
        '  "note": "x\\",',
        '    │ \\"to\\": \\"friend",',
        '  "n": 1',
        "}",
    ]


def test_ten_thousand_lines_are_folded_and_none_is_lost() -> None:
    lines = [f"line-{number}" for number in range(10_000)]
    asked = ask(explained()).model_copy(update={"justification": "\n".join(lines)})
    page = render_timeline(package(told(one_action(asked))))
    assert '<span class="theirs">line-0</span> … (' in page
    assert "on 10,000 lines; open to read all" in page
    text = Page(page).text
    assert "\n".join(lines) in text


def test_a_leading_line_break_is_kept() -> None:
    asked = ask(explained()).model_copy(update={"justification": "\nsecond"})
    assert "<pre>\n\nsecond</pre>" in render_timeline(package(told(one_action(asked))))


def test_sealed_values_are_shown_as_sealed_and_disclosures_beside_them() -> None:
    assert f"sealed ({COMMITTED})" in PAGE
    opened = render_timeline(package(LOG, disclosures={(ACTION.id, "/to"): '"DE-77"'}))
    assert "Sealed values disclosed in this package (1)" in opened
    assert "DE-77" in opened
    assert "DE-77" not in PAGE


def test_what_was_shredded_is_said() -> None:
    page = render_timeline(package(LOG, shredded=[ACTION.id]))
    assert page.count("can be read by nobody") == 1


def test_what_is_withheld_is_shown_by_its_hash() -> None:
    one = next(each for each in LOG if each.kind == "action.requested")
    page = render_timeline(package(withheld(each) if each is one else each for each in LOG))
    assert "withheld" in Page(page).text
    assert f"Hash: {one.leaf}" in page
    assert "1 of them by hash only" in page


def test_actions_outside_the_scope_are_counted() -> None:
    hidden = [withheld(each) for each in LOG if each.stream.startswith("act_")]
    page = Page(render_timeline(package(hidden)))
    assert "more actions lie in the range and outside the scope" in page.text
    assert "No action is told here." in page.text


def test_refusals_stand_apart_in_words_too() -> None:
    page = Page(PAGE)
    refused = sum(each.kind in REFUSALS for each in LOG)
    assert page.text.count("Refused attempt") == refused > 10
    assert "Refused after the end" in page.text


def test_a_hasty_approval_is_pointed_out() -> None:
    assert PAGE.count("Approved in less than 3 seconds.") == 1


def test_nothing_is_left_out_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("timeline", "page.summary"):
        monkeypatch.setattr(f"domain.evidence.{module}.MOST_TOLD", 5)
    many: dict[str, Iterable[Mapping[str, Json]]] = {}
    for number in range(7):
        many.update(one_action(ask(explained(), action=numbered(number))))
    page = Page(render_timeline(package(told(many))))
    assert "Shown are the first 5 of 7 actions" in page.text
    assert is_ours(page)


def test_the_same_story_gives_the_same_page() -> None:
    assert render_timeline(package(told(whole_log()))) == PAGE


def test_headings_come_in_order_and_tables_name_their_cells() -> None:
    page = Page(PAGE)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(found.get("scope") in {"col", "row"} for tag, found in page.tags if tag == "th")
    assert {"header", "main", "footer"} <= {tag for tag, _ in page.tags}
    assert ("html", {"lang": "en"}) in page.tags


@pytest.mark.parametrize("scheme", re.findall(r"\{([^{}]*--ink:[^{}]*)\}", STYLE))
def test_colours_have_contrast_enough(scheme: str) -> None:
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", scheme))
    for ink in ("ink", "soft", "good", "bad", "wait", "calm"):
        for paper in ("paper", "panel", "theirs", "badpanel"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_only_markup_is_not_escaped() -> None:
    assert element("p", "<b>", Markup("<b>x</b>"), None) == "<p>&lt;b&gt;<b>x</b></p>"
    assert element("a", "x", class_='"') == '<a class="&quot;">x</a>'


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=6))
def test_whatever_was_recorded_makes_a_page(story: list[StoryEvent]) -> None:
    assert is_ours(Page(render_timeline(package(story))))

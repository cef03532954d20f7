"""Hostile text is shown, not obeyed."""

import io
import json
import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import given
from rich.console import Console

from counterseal.cli.inert import compact, pretty, visible
from counterseal.cli.screen import facts, listing, plain
from counterseal.core.canonical import Json, canonical

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_what_is_printed_reads_back_as_the_same_value(value: Json) -> None:
    for written in (pretty(value), compact(value)):
        assert canonical(json.loads(written)) == canonical(value)


@given(st.text())
def test_nothing_invisible_is_printed(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(each)[0] != "C" for each in shown)
    assert all(each == " " or unicodedata.category(each)[0] != "Z" for each in shown)


@given(st.text(), st.text())
def test_two_texts_are_never_shown_alike(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),  # reorders what follows
        ("a\u200bb", "a\\u200bb"),  # zero width
        ("pay\u00a0me", "pay\\u00a0me"),
        ("\x1b[2J", "\\u001b[2J"),
        ("a\r\nb", "a\\u000d\\u000ab"),
        ("\u3164", "\\u3164"),  # a letter that is blank
        ("\U000e0041", "\\udb40\\udc41"),  # a tag character
        ("x\ufe0f", "x\\ufe0f"),
        ("a\\u202eb", "a\\\\u202eb"),
        ("naïve ☃ 漢字", "naïve ☃ 漢字"),
    ],
)
def test_characters_that_hide_are_spelt_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_numbers_are_printed_as_they_are_hashed() -> None:
    assert pretty([1.0, 1e21, 1e-7, -0.0]) == "[\n  1,\n  1e+21,\n  1e-7,\n  0\n]"
    assert pretty({}) + pretty([]) == "{}[]"


def test_markup_from_agents_is_text() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=200, markup=True, emoji=True, force_terminal=True)
    hostile = "[bold red]APPROVED[/] [link=http://evil.example]x[/link] :skull:"
    console.print(plain(hostile))
    console.print(facts([("tool", plain(hostile))]))
    console.print(listing(["TOOL"], [[plain(hostile)]]))
    assert stream.getvalue().count("[bold red]APPROVED[/]") == 3
    assert stream.getvalue().count(":skull:") == 3
    assert "\x1b]8" not in stream.getvalue()

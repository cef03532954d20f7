"""A tiny builder of inert HTML: what is not ``Markup`` is escaped, and only ours is ``Markup``."""

from collections.abc import Iterable
from typing import Literal

from domain.evidence.telling.inert import inert

Tag = Literal[
    "a",
    "article",
    "b",
    "body",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "span",
    "strong",
    "style",
    "summary",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
]

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Markup(str):
    """HTML that is safe as it stands."""

    __slots__ = ()


Child = Markup | str | None
"""What an element holds: markup, text that is made inert, or nothing."""


def text(content: str, *, lines: bool = False) -> Markup:
    """Write ``content`` as text that a browser shows and never obeys."""
    return Markup(inert(content, lines=lines).translate(_ESCAPES))


def element(tag: Tag, *children: Child, **attributes: str) -> Markup:
    """Write one element. ``class_`` becomes ``class`` and ``aria_label`` becomes ``aria-label``.

    Attributes are ours alone: nothing that came from outside belongs into one.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{written}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Write one after the other."""
    return Markup(
        "".join(
            each if isinstance(each, Markup) else text(each)
            for each in children
            if each is not None
        )
    )


def verbatim(content: str) -> Markup:
    """Write ``content`` as it is, line by line, in a box of its own."""
    # A browser drops the first line break of a box.
    return element("pre", Markup("\n"), text(content, lines=True))


def pairs(*rows: tuple[str, Child]) -> Markup:
    """List names with their values, leaving out those that have none."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value))
            for name, value in rows
            if value
        ),
    )


def folded(summary: Child, *children: Child, class_: str = "more") -> Markup:
    """Write what opens on demand."""
    return element("details", element("summary", summary), *children, class_=class_)


def table(caption_id: str, heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Markup:
    """Write a table that scrolls by itself; the first cell of each row is its header.

    ``caption_id`` is the ID of the heading that names it.
    """
    head = element("tr", *(element("th", name, scope="col") for name in heads))
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", each) for each in rest))
        for first, *rest in rows
    ]
    return element(
        "div",
        element("table", element("thead", head), element("tbody", *body)),
        class_="wide",
        role="region",
        tabindex="0",
        aria_labelledby=caption_id,
    )

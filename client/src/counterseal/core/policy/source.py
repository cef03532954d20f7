"""Reading YAML so strictly that two people cannot read it differently.

Every value keeps its place in the file. What YAML 1.1 guesses (``no`` is false, ``1:30`` is 90,
``2026-01-31`` is a date) is refused, and so is every construct a policy has no use for.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import yaml

from counterseal.core.policy.complaint import Complaint, Path, spell


class _Mark(Protocol):
    line: int
    column: int


MOST_BYTES = 1_000_000
DEEPEST = 24

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,15})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,20}\.[0-9]{1,20}([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the file, and the node that PyYAML made of it."""

    file: str
    text: str
    node: yaml.Node

    def at(self, offset: int = 0) -> tuple[int, int]:
        """Give line and column, ``offset`` characters into the value, counting from 1."""
        mark = self.node.start_mark
        if offset == 0 and not self._is_block:
            return mark.line + 1, mark.column + 1
        index = self._index(offset)
        line = self.text.count("\n", 0, index)
        return line + 1, index - (self.text.rfind("\n", 0, index) + 1) + 1

    @property
    def _is_block(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.style in ("|", ">")

    def _index(self, offset: int) -> int:
        # Folding, indentation and quotes move characters apart but never reorder them.
        value = str(self.node.value)
        index = self._start()
        found = index
        for character in value[: offset + 1]:
            if character.isspace():
                continue
            found = self.text.find(character, index)
            if found < 0:
                return self.node.start_mark.index
            index = found + 1
        return found

    def _start(self) -> int:
        start = self.node.start_mark.index
        if self._is_block:
            return self.text.find("\n", start) + 1
        return start + (getattr(self.node, "style", None) in ("'", '"'))


@dataclass(slots=True)
class Source:
    """The plain value of one file, and the place of everything in it."""

    file: str
    value: object = None
    places: dict[Path, Place] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)

    def complain(self, mark: _Mark | None, code: str, sentence: str, path: Path = ()) -> None:
        """Note a mistake where ``mark`` points."""
        self.complaints.append(
            Complaint(
                file=self.file,
                line=mark.line + 1 if mark else 1,
                column=mark.column + 1 if mark else 1,
                code=code,
                where=spell(path),
                sentence=sentence,
            )
        )


def read(file: str, text: str) -> Source:
    """Read one file. What is wrong with it is in ``complaints``; the rest is read all the same."""
    source = Source(file)
    start = yaml.Mark(file, 0, 0, 0, None, 0)
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        source.complain(
            start, "file-too-large", f"more than {MOST_BYTES} bytes; split the bundle into files."
        )
        return source
    try:
        if not _has_only_plain_events(source, text):
            return source
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        _complain_of_syntax(source, error, start)
        return source
    if node is not None:
        source.value = _Reading(source, text).value(node, ())
    return source


def _has_only_plain_events(source: Source, text: str) -> bool:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = event.start_mark
        match event:
            case yaml.AliasEvent():
                source.complain(mark, "yaml-alias", _ALIAS.format(event.anchor))
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() if event.anchor:
                source.complain(mark, "yaml-anchor", _ANCHOR.format(event.anchor))
            case _:
                pass
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > DEEPEST:
            source.complain(mark, "yaml-too-deep", f"nested deeper than {DEEPEST} levels.")
            return False
        if documents > 1:
            source.complain(
                mark, "yaml-documents", "a second document (`---`); put it in a file of its own."
            )
            return False
    return not source.complaints


_ALIAS = (
    '`*{}` is a YAML alias, which bundles do not have; if a pattern is meant, quote it: "*{}…".'
).replace("{}", "{0}")
_ANCHOR = "`&{}` is a YAML anchor, which bundles do not have; write the value out, or quote it."


def _complain_of_syntax(source: Source, error: yaml.YAMLError, start: yaml.Mark) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None) or start
    context = str(getattr(error, "context", None) or "")
    problem = str(getattr(error, "problem", None) or error)
    if "alias" in context or problem.startswith("found undefined alias"):
        source.complain(
            mark, "yaml-alias", 'a value that begins with `*` must be quoted: "*refund*".'
        )
        return
    said = " ".join(part for part in (context, problem) if part)
    source.complain(
        mark, "yaml-syntax", f"not YAML: {said}; check indentation and quotes just before this."
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    source: Source
    text: str

    def value(self, node: yaml.Node, path: Path) -> object:
        self.source.places[path] = Place(self.source.file, self.text, node)
        match node:
            case yaml.MappingNode():
                return dict(self._pairs(node, path))
            case yaml.SequenceNode():
                return [self.value(each, (*path, number)) for number, each in enumerate(node.value)]
            case _:
                return self._scalar(node, path)

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, object]]:
        seen: set[str] = set()
        for key, value in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name in seen:
                self.source.complain(
                    key.start_mark,
                    "duplicate-key",
                    f"`{name}` stands twice in one mapping; keep one of them.",
                    (*path, name),
                )
                continue
            seen.add(name)
            self.source.places[(*path, name, _KEY)] = Place(self.source.file, self.text, key)
            yield name, self.value(value, (*path, name))

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _STRING:
            return str(node.value)
        said = f"`{node.value}`" if isinstance(node, yaml.ScalarNode) else "this"
        self.source.complain(
            node.start_mark,
            "yaml-key",
            f"{said} is not read as a string where a name is wanted; quote it.",
            path,
        )
        return None

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str":
                return text
            case "null":
                return None
            case "bool" if text in ("true", "false"):
                return text == "true"
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "float" if _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
                return float(text)
            case kind:
                code, sentence = _surprise(kind, text)
                self.source.complain(node.start_mark, code, sentence, path)
                return text


_STRING = "tag:yaml.org,2002:str"
_KEY = "\0key"
"""The last step of the path to a key itself; no key of a file can be this."""


def _surprise(kind: str, text: str) -> tuple[str, str]:
    match kind:
        case "bool":
            return "yaml-boolean", (
                f"YAML reads {text} as true or false; write true or false if that is meant, "
                f'or quote it: "{text}".'
            )
        case "int" | "float":
            return "yaml-number", (
                f"{text} is a number that YAML readers do not agree on; "
                f'write it in plain decimal digits, or quote it: "{text}".'
            )
        case "timestamp":
            return "yaml-date", f'YAML reads {text} as a date; quote it: "{text}".'
        case _:
            return "yaml-tag", f"the tag !{kind} is not used in bundles; leave it out."


def place_of(places: Mapping[Path, Place], path: Path) -> Place | None:
    """Find the place of ``path``, or of the nearest thing around it."""
    for end in range(len(path), -1, -1):
        for candidate in _spellings(path[:end]):
            if candidate in places:
                return places[candidate]
    return None


def key_place(places: Mapping[Path, Place], path: Path) -> Place | None:
    """Find the place of the key at ``path`` rather than of its value."""
    return places.get((*path, _KEY))


def _spellings(path: Path) -> Iterator[Path]:
    # A short route has its only need beside the timeout; `escalate` is stored as `escalation`.
    written = tuple("escalate" if step == "escalation" else step for step in path)
    yield from chain([path, written], _without_the_only_need(written))


def _without_the_only_need(path: Path) -> Iterator[Path]:
    if "needs" in path:
        at = path.index("needs")
        if path[at + 1 : at + 2] in ((0,), ()):
            yield path[:at] + path[at + 2 :]

"""The files of a bundle, joined into one document that still knows where each part stands."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from counterseal.core.policy.complaint import Complaint, Path, spell
from counterseal.core.policy.duration import DURATION_KEYS, seconds
from counterseal.core.policy.route import LONGEST_HOLD
from counterseal.core.policy.source import Place, Source, key_place, place_of, read

ROOT = "bundle.yaml"
"""The file that says what the bundle is called and what holds by default."""

HEADER = (
    "bundle",
    "name",
    "version",
    "description",
    "timezone",
    "stage",
    "defaults",
    "unknown_tools",
    "include",
)
LISTS = ("classes", "rules")
NAMED = ("groups", "directories", "counters")


@dataclass(slots=True)
class Joined:
    """One document made of all files; it ``is_whole`` if all of them could be read."""

    value: dict[str, object] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    is_whole: bool = True
    names: frozenset[str] = frozenset()

    def complain(self, place: Place | None, path: Path, code: str, sentence: str) -> None:
        """Note a mistake at ``place``, or at the top of the chief file."""
        line, column = place.at() if place else (1, 1)
        self.complaints.append(
            Complaint(
                file=place.file if place else ROOT,
                line=line,
                column=column,
                code=code,
                where=spell(path),
                sentence=sentence,
            )
        )


def join(files: Mapping[str, str]) -> Joined:
    """Read all files, the chief one first, and put their parts together."""
    joined = Joined(names=frozenset(files))
    if ROOT not in files:
        joined.is_whole = False
        joined.complain(None, (), "no-bundle-file", f"there is no {ROOT}; a bundle begins there.")
    for name in sorted(files, key=lambda each: (each != ROOT, each)):
        source = read(name, files[name])
        joined.complaints += source.complaints
        joined.is_whole &= source.value is not None or not source.complaints
        if isinstance(source.value, dict):
            _add(joined, source, source.value)
        elif source.value is not None:
            joined.complain(
                source.places[()],
                (),
                "wrong-type",
                "a file of a bundle is a mapping; begin for example with `rules:`.",
            )
    return joined


def _add(joined: Joined, source: Source, value: dict[str, object]) -> None:
    _read_durations(joined, source, value, ())
    for section, content in value.items():
        if section in LISTS:
            _add_list(joined, source, section, content)
        elif section in NAMED:
            _add_named(joined, source, section, content)
        else:
            _add_header(joined, source, section, content)


def _add_list(joined: Joined, source: Source, section: str, content: object) -> None:
    so_far = joined.value.setdefault(section, [])
    if not isinstance(content, list) or not isinstance(so_far, list):
        joined.complain(
            place_of(source.places, (section,)),
            (section,),
            "wrong-type",
            f"`{section}` is a list; begin each entry with `- id:`.",
        )
        return
    base = len(so_far)
    so_far.extend(content)
    for path, place in source.places.items():
        match path:
            case (str(top), int(number), *rest) if top == section:
                joined.places[(section, base + number, *rest)] = place
            case _:
                pass
    joined.places.setdefault((section,), source.places[(section,)])


def _add_named(joined: Joined, source: Source, section: str, content: object) -> None:
    so_far = joined.value.setdefault(section, {})
    if not isinstance(content, dict) or not isinstance(so_far, dict):
        joined.complain(
            place_of(source.places, (section,)),
            (section,),
            "wrong-type",
            f"`{section}` is a mapping from names to what they mean.",
        )
        return
    for name, meaning in content.items():
        if name not in so_far:
            so_far[name] = meaning
            _add_places(joined, source, (section, name))
        elif section != "groups":  # Several bundles may well ask the same people.
            joined.complain(
                key_place(source.places, (section, name)),
                (section, name),
                "duplicate-id",
                f"{name} is declared twice under `{section}`; names are unique over all files.",
            )


def _add_header(joined: Joined, source: Source, section: str, content: object) -> None:
    if section not in HEADER:
        joined.value[section] = content  # The model complains and says what was meant.
        _add_places(joined, source, (section,))
    elif section == "include" and posixpath.basename(source.file) == ROOT:
        _check_included(joined, source, content)
    elif source.file == ROOT:
        joined.value[section] = content
        _add_places(joined, source, (section,))
    elif not source.file.endswith("/" + ROOT):
        joined.complain(
            key_place(source.places, (section,)),
            (section,),
            "header-elsewhere",
            f"`{section}` belongs into {ROOT}, so that there is one place to look for it.",
        )
    # The header of an included bundle holds only when that bundle is loaded by itself.


def _check_included(joined: Joined, source: Source, content: object) -> None:
    """Hold a bundle to what it says it includes: half a policy is none."""
    for number, wanted in enumerate(content if isinstance(content, list) else [content]):
        here = posixpath.dirname(source.file)
        beginning = posixpath.normpath(posixpath.join(here, str(wanted))) + "/"
        if not any(name.startswith(beginning) for name in joined.names):
            joined.complain(
                place_of(source.places, ("include", number)),
                ("include", number),
                "include-missing",
                f"no file of {str(wanted)[:200]} is here; send the included bundles' files too.",
            )


def _add_places(joined: Joined, source: Source, start: Path) -> None:
    for path, place in source.places.items():
        if path[: len(start)] == start:
            joined.places[path] = place


def _read_durations(joined: Joined, source: Source, value: object, path: Path) -> None:
    if isinstance(value, list):
        for number, each in enumerate(value):
            _read_durations(joined, source, each, (*path, number))
    if not isinstance(value, dict) or path[2:3] == ("params",):
        return
    for key, each in value.items():
        if key not in DURATION_KEYS or each is None or isinstance(each, dict | list):
            _read_durations(joined, source, each, (*path, key))
        elif isinstance(each, str) and (read_as := seconds(each)) is not None:
            value[key] = read_as
        else:
            value[key] = LONGEST_HOLD if key == "timeout" else 1  # So that nothing else complains.
            joined.complain(
                place_of(source.places, (*path, key)),
                (*path, key),
                "duration-malformed",
                f"{each!r} is not a duration; write for example 30m, 2h, 7d or 1h30m.",
            )

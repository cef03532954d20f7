"""What differs between two bundles, as lists of names. Pure, and free of the policy engine."""

import json
from collections.abc import Mapping

from counterseal.core.canonical import Json
from counterseal.core.model import Record

_NAMED = {"rules", "classes"}
_SAYS_OF_ITSELF = {"name", "version", "description"}


class Difference(Record):
    """Names that are new, gone, or stand for something else now."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class Changes(Record):
    """What a new bundle changes. ``parts`` names whatever else differs, but its own name."""

    rules: Difference
    classes: Difference
    parts: tuple[str, ...]


def changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> Changes:
    """Compare two bundles as they are recorded; ``old`` is empty before the first one.

    The order of rules and classes means nothing, so it is not compared.
    """
    parts = sorted({*old, *new} - _NAMED - _SAYS_OF_ITSELF)
    return Changes(
        rules=_difference(_by_id(old.get("rules")), _by_id(new.get("rules"))),
        classes=_difference(_by_id(old.get("classes")), _by_id(new.get("classes"))),
        parts=tuple(name for name in parts if old and _text(old.get(name)) != _text(new.get(name))),
    )


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    return Difference(
        added=tuple(sorted({*new} - {*old})),
        removed=tuple(sorted({*old} - {*new})),
        changed=tuple(sorted(name for name in {*old} & {*new} if old[name] != new[name])),
    )


def _by_id(listed: Json) -> dict[str, str]:
    each = listed if isinstance(listed, list) else []
    return {str(one.get("id")): _text(one) for one in each if isinstance(one, dict)}


def _text(value: Json) -> str:
    """Write JSON so that what is equal is the same text, and ``true`` is not 1."""
    return json.dumps(value, sort_keys=True)

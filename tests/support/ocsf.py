"""OCSF 1.8.0 as published, to hold records against: the schema comes with ``ocsf-json-schema``."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator
from ocsf_json_schema import (  # type: ignore[import-untyped] # it comes without types
    OcsfJsonSchemaEmbedded,
    get_ocsf_schema,
)

VERSION = "1.8.0"

Record = Mapping[str, Any]


def flaws(record: Record) -> list[str]:
    """Say what is wrong with a record; nothing if it is good.

    The JSON Schema knows required attributes, types, patterns, numbers of enumerations,
    ``at_least_one``, and refuses attributes that are not of the class or a profile named in it.
    What it does not know is added: captions that belong to their numbers, ``type_uid``, and that
    nothing deprecated or of an unclaimed profile is used.
    """
    name = _classes().get(record.get("class_uid", 0))
    if name is None:
        return [f"class_uid {record.get('class_uid')} is no class"]
    profiles = tuple(sorted(record.get("metadata", {}).get("profiles", ())))
    known = _schema()["classes"][name]
    return [
        *(
            f"{each.instance_path}: {each.message}"
            for each in _validator(name, profiles).iter_errors(record)
        ),
        *(f"profile {each} is not of {name}" for each in profiles if each not in known["profiles"]),
        *_captions(record, known["attributes"], name),
        *_type(record, known),
    ]


def _captions(value: Any, attributes: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, each in value.items():
        if (told := attributes.get(name)) is None:
            continue
        if "@deprecated" in told:
            yield f"{where}.{name} is deprecated"
        sibling, enum = told.get("sibling"), told.get("enum")
        if sibling and enum and sibling in value:
            caption = enum.get(str(each), {}).get("caption")
            if each != 99 and value[sibling] != caption:
                yield f"{where}.{sibling} is {value[sibling]!r}, not {caption!r}"
        yield from _below(each, told, f"{where}.{name}")


def _below(value: Any, told: Mapping[str, Any], where: str) -> Iterator[str]:
    below = _schema()["objects"].get(told.get("object_type", ""), {}).get("attributes", {})
    for each in value if isinstance(value, Sequence) and not isinstance(value, str) else (value,):
        if isinstance(each, Mapping):
            yield from _captions(each, below, where)


def _type(record: Record, known: Mapping[str, Any]) -> Iterator[str]:
    wanted = record["class_uid"] * 100 + record["activity_id"]
    if record["type_uid"] != wanted:
        yield f"type_uid is {record['type_uid']}, not {wanted}"
    if record["category_uid"] != known["category_uid"]:
        yield f"category_uid is {record['category_uid']}, not {known['category_uid']}"


@cache
def _schema() -> dict[str, Any]:
    return dict(get_ocsf_schema(version=VERSION))


@cache
def _classes() -> dict[int, str]:
    return {each["uid"]: name for name, each in _schema()["classes"].items()}


@cache
def _validator(name: str, profiles: tuple[str, ...]) -> Draft202012Validator:
    written = OcsfJsonSchemaEmbedded(_schema()).get_class_schema(name, profiles=list(profiles))
    return Draft202012Validator(written)

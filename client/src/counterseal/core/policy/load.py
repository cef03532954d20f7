"""From the text of files to a bundle, or to everything that is wrong with it."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from counterseal.core.policy.bundle import Bundle
from counterseal.core.policy.checks import problems
from counterseal.core.policy.compile import Compiler
from counterseal.core.policy.complaint import (
    BundleRefused,
    Complaint,
    Path,
    Problem,
    spell,
)
from counterseal.core.policy.expressions import CelEngine
from counterseal.core.policy.files import ROOT, Joined, join
from counterseal.core.policy.source import key_place, place_of
from counterseal.core.policy.structure import complaint_code, distinct, sentence_of


def parse_bundle(files: Mapping[str, str]) -> Bundle:
    """Read a bundle from its files: name to YAML text, the chief one called ``bundle.yaml``.

    Files of included bundles have a ``/`` in their name. Raises ``BundleRefused`` with every
    mistake that can be found, each with its place.
    """
    joined = join(files)
    if not joined.is_whole:  # What is missing then is not missing from the bundle.
        raise BundleRefused(_in_order(joined.complaints))
    bundle, kept = _validated(joined)
    if bundle is not None:
        for problem in (*problems(bundle), *_conditions(bundle)):
            joined.complaints.append(_placed(joined, _as_written(problem, kept)))
    if bundle is None or joined.complaints:
        raise BundleRefused(_in_order(joined.complaints))
    return _sorted(bundle)


def _validated(joined: Joined) -> tuple[Bundle | None, list[int]]:
    """Make a bundle of what is sound, so that one mistake does not hide the others."""
    rules = joined.value.get("rules")
    kept = list(range(len(rules))) if isinstance(rules, list) else []
    value: dict[str, object] = joined.value
    while True:
        try:
            return Bundle.model_validate(value), kept
        except ValidationError as error:
            found = distinct(error.errors(include_url=False))
        for each in found:
            path = _rule_as_written(tuple(each["loc"]), kept)
            place = key_place(joined.places, path) if each["type"] == "extra_forbidden" else None
            place = place or place_of(joined.places, path)
            joined.complain(place, path, complaint_code(each), sentence_of(each, place))
        bad = {each["loc"][1] for each in found if _is_in_a_rule(tuple(each["loc"]))}
        if not all(_is_in_a_rule(tuple(each["loc"])) for each in found):
            return None, kept
        sound = [rule for number, rule in enumerate(_list(value)) if number not in bad]
        kept = [number for place, number in enumerate(kept) if place not in bad]
        value = {**value, "rules": sound}


def _is_in_a_rule(path: Path) -> bool:
    return path[:1] == ("rules",) and len(path) > 1


def _list(value: Mapping[str, object]) -> list[object]:
    rules = value.get("rules")
    return rules if isinstance(rules, list) else []


def _rule_as_written(path: Path, kept: list[int]) -> Path:
    if _is_in_a_rule(path) and isinstance(number := path[1], int):
        return ("rules", kept[number], *path[2:])
    return path


def _as_written(problem: Problem, kept: list[int]) -> Problem:
    return problem._replace(path=_rule_as_written(problem.path, kept))


def _conditions(bundle: Bundle) -> Iterator[Problem]:
    compiler = Compiler(bundle, CelEngine())
    for number, rule in enumerate(bundle.rules):
        compiler.rule(rule, ("rules", number))
    yield from compiler.problems


def _placed(joined: Joined, problem: Problem) -> Complaint:
    place = place_of(joined.places, problem.path)
    if place is None:
        return Complaint(
            file=ROOT,
            line=1,
            column=1,
            code=problem.code,
            where=spell(problem.path),
            sentence=problem.sentence,
        )
    line, column = place.at(problem.offset)
    return Complaint(
        file=place.file,
        line=line,
        column=column,
        code=problem.code,
        where=spell(problem.path),
        sentence=problem.sentence,
    )


def _in_order(complaints: list[Complaint]) -> tuple[Complaint, ...]:
    guessed = {_spot(each) for each in complaints if each.code.startswith("yaml-")}
    unique = dict.fromkeys(
        each
        for each in complaints
        # A value that YAML guessed wrongly is of the wrong type, too: once is enough.
        if each.code.startswith("yaml-") or _spot(each) not in guessed
    )
    return tuple(sorted(unique, key=lambda each: (*_spot(each), each.code)))


def _spot(complaint: Complaint) -> tuple[str, int, int]:
    return complaint.file, complaint.line, complaint.column


def _sorted(bundle: Bundle) -> Bundle:
    """Order what has no order of its own, so that moving a rule to another file changes nothing."""
    return bundle.model_copy(
        update={
            "classes": tuple(sorted(bundle.classes, key=lambda each: each.id)),
            "rules": tuple(sorted(bundle.rules, key=lambda each: each.id)),
        }
    )

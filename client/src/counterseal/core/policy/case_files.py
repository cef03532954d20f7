"""Reading test cases from YAML."""

from collections.abc import Iterator, Mapping

from pydantic import TypeAdapter, ValidationError

from counterseal.core.policy.cases import (
    Case,
    CaseAction,
    CaseCount,
    CaseFacts,
    CasePast,
    Expected,
)
from counterseal.core.policy.complaint import BundleRefused, Complaint, spell
from counterseal.core.policy.source import Source, key_place, place_of, read
from counterseal.core.policy.structure import complaint_code, sentence_of

_FIELDS = sorted(
    {
        field.alias or name
        for model in (Case, CaseAction, CaseFacts, CasePast, CaseCount, Expected)
        for name, field in model.model_fields.items()
    }
)
_CASES = TypeAdapter(tuple[Case, ...])


def parse_cases(files: Mapping[str, str]) -> tuple[Case, ...]:
    """Read cases: file name to YAML text. Raises ``BundleRefused`` with every mistake."""
    cases: list[Case] = []
    complaints: list[Complaint] = []
    for name, text in sorted(files.items()):
        source = read(name, text)
        complaints += source.complaints
        if source.complaints or source.value is None:
            continue
        try:
            cases += _CASES.validate_python(source.value)
        except ValidationError as error:
            complaints += _complaints(source, error)
    if complaints:
        raise BundleRefused(tuple(complaints))
    return tuple(cases)


def _complaints(source: Source, error: ValidationError) -> Iterator[Complaint]:
    for each in error.errors(include_url=False):
        path = tuple(each["loc"])
        is_extra = each["type"] == "extra_forbidden"
        place = (key_place(source.places, path) if is_extra else None) or place_of(
            source.places, path
        )
        line, column = place.at() if place else (1, 1)
        yield Complaint(
            file=source.file,
            line=line,
            column=column,
            code=complaint_code(each),
            where=spell(path),
            sentence=sentence_of(each, place, _FIELDS),
        )

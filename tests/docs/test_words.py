"""Whatever has a permanent name is documented under it, and nothing else is."""

import re
from enum import StrEnum
from itertools import pairwise
from typing import get_args

import pytest
from pydantic_settings import BaseSettings

from counterseal.core.words import Disposition, Level, Outcome, Phase, Role, Stage, Verdict
from domain.administration import SystemEvent
from domain.checks import LedgerVerified
from domain.custody import CustodyEvent
from domain.events import Event, Fact
from domain.evidence.events import EvidenceExported, LedgerSealed
from entrypoints.check_metrics import CheckMetrics
from entrypoints.metrics import Metrics
from entrypoints.sealing.metrics import SealingMetrics
from entrypoints.settings import Settings, SignerSettings
from tests.docs.pages import PAGES, ROOT, read, rows, tracked

EVIDENCE = ROOT / "docs" / "evidence.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
OPERATE = ROOT / "docs" / "operate.md"
KINDS: dict[str, type[Fact]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        *get_args(get_args(Event)[0]),
        *get_args(SystemEvent),
        *get_args(CustodyEvent),
        *(EvidenceExported, LedgerSealed, LedgerVerified),
    )
}
TERMS = re.findall(r"^\| \*\*([^*]+)\*\*", read(GLOSSARY), re.MULTILINE)


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_event_kind_is_documented_with_every_field() -> None:
    documented = {
        code(row[0])[0]: set(code(row[2]))
        for heading in (
            "The events of an action",
            "The events of operators",
            "The events of sensitive values",
            "The events of the log itself",
        )
        for row in rows(EVIDENCE, heading)
        if len(row) == 3 and "." in row[0]
    }
    assert documented == {
        name: set(kind.model_fields) - {"kind", "at"} for name, kind in KINDS.items()
    }


def test_every_kind_in_the_documentation_exists() -> None:
    nouns = {kind.partition(".")[0] for kind in KINDS}
    pattern = re.compile(rf"`((?:{'|'.join(nouns)})\.[a-z]+)`")
    events = pattern.findall("\n".join(read(page) for page in PAGES if "policy" not in page.name))
    verbs = {"ask", "obey", "tool", "id", "class", "risk", "environment", "resource", "arguments"}
    told = {one for one in events if one.partition(".")[2] not in verbs}
    sql = "\n".join(map(read, (ROOT / "adapters" / "postgres" / "migrations").rglob("*.sql")))
    stored = set(re.findall(r"(?:TABLE|FUNCTION) (ledger\.\w+)", sql))
    assert told <= {*KINDS} | stored


def test_every_digest_domain_is_documented() -> None:
    source = "\n".join(
        path.read_text("utf-8")
        for path in tracked()
        if path.suffix == ".py" and path.is_relative_to(ROOT) and "tests" not in path.parts
    )
    domains = set(re.findall(r"\"(counterseal/[a-z-]+/v\d)\"", source))
    assert {code(row[0])[0] for row in rows(EVIDENCE, "Digests") if "/" in row[0]} == domains


@pytest.mark.parametrize("words", [Disposition, Level, Outcome, Phase, Role, Stage, Verdict])
def test_the_glossary_lists_every_closed_set(words: type[StrEnum]) -> None:
    listed = set(code(read(GLOSSARY)))
    assert {str(word) for word in words} <= listed


def test_the_glossary_explains_what_events_are_about() -> None:
    terms = {word for term in TERMS for word in re.split(r"[ ,]+", term.lower())}
    assert {kind.partition(".")[0] for kind in KINDS} <= terms


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    lower = [term.lower() for term in TERMS]
    assert [pair for pair in pairwise(lower) if pair[0] >= pair[1]] == []


@pytest.mark.parametrize(
    ("heading", "settings"),
    [("Settings", Settings), ("Running the signer and a witness", SignerSettings)],
)
def test_every_setting_is_documented_with_its_default(
    heading: str, settings: type[BaseSettings]
) -> None:
    documented = {
        code(row[0])[0]: row[2]
        for row in rows(OPERATE, heading)
        if len(row) == 3 and row[0].startswith("`COUNTERSEAL_")
    }
    assert set(documented) == {f"COUNTERSEAL_{name.upper()}" for name in settings.model_fields}
    for name, field in settings.model_fields.items():
        told = documented[f"COUNTERSEAL_{name.upper()}"]
        if field.is_required() or field.default in (None, ()):
            assert told.startswith("required"), name
        else:
            default = field.default
            spelled = f"{default:g}" if isinstance(default, float) else str(default)
            assert told == f"`{spelled.lower() if isinstance(default, bool) else spelled}`", name


def test_every_variable_that_is_named_is_read() -> None:
    client = "\n".join(path.read_text("utf-8") for path in (ROOT / "client" / "src").rglob("*.py"))
    read_by = set(re.findall(r"COUNTERSEAL_[A-Z_]+", client))
    fields = {*Settings.model_fields, *SignerSettings.model_fields}
    read_by |= {f"COUNTERSEAL_{name.upper()}" for name in fields}
    told = {found for page in PAGES for found in re.findall(r"COUNTERSEAL_[A-Z_]+", read(page))}
    assert told == read_by


def test_every_metric_is_documented() -> None:
    exist = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for process in (Metrics(), CheckMetrics(), SealingMetrics())
        for family in process.registry.collect()
    }
    told = re.findall(r"^\| `(counterseal_[a-z_]+)` \|", read(OPERATE), re.MULTILINE)
    assert sorted(told) == sorted(exist)


def test_every_search_attribute_is_documented() -> None:
    flags = (ROOT / "temporal" / "dev-server.flags").read_text("utf-8")
    exist = set(re.findall(r"--search-attribute=(\w+)=", flags))
    assert {
        code(row[0])[0] for row in rows(OPERATE, "Finding holds in Temporal") if code(row[0])
    } == exist

"""The policy reference tells the truth: its examples load, its tables are complete."""

import ast
import re
from pathlib import Path

import pytest

from counterseal.core.policy import checks, files, source, structure
from counterseal.core.policy import compile as compiling
from counterseal.core.policy.case_files import parse_cases
from counterseal.core.policy.inputs import FIXED
from counterseal.core.policy.judge import compile_bundle
from counterseal.core.policy.load import parse_bundle
from tests.unit.policy.support import POLICIES

REFERENCE = (POLICIES.parent / "docs" / "policy.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml bundle"))
def test_every_bundle_in_the_reference_loads(text: str) -> None:
    assert compile_bundle(parse_bundle({"bundle.yaml": text})).name.digest


def test_the_reference_shows_bundles_and_cases() -> None:
    assert len(blocks("yaml bundle")) >= 4
    (case,) = parse_cases({"case.yaml": blocks("yaml cases")[0]})
    assert case.expect.effective == "STEP_UP"


@pytest.mark.parametrize("name", sorted(FIXED))
def test_every_input_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def codes() -> set[str]:
    """Collect what looks like a code from the sources that complain."""
    found: set[str] = set()
    for module in (checks, compiling, files, source, structure):
        tree = ast.parse(Path(module.__file__ or "").read_text("utf-8"))
        strings = (
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        found |= {each for each in strings if re.fullmatch(r"[a-z]+(-[a-z]+)+", each)}
    return found - {"utf-8"}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_code_is_in_the_reference(code: str) -> None:
    assert f"`{code}`" in REFERENCE

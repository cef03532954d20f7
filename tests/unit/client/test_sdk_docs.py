"""The SDK's page speaks of names that exist."""

import ast
import re
from pathlib import Path

import pytest

import counterseal
from counterseal import Counterseal, errors

PAGE = (Path(__file__).parents[3] / "docs" / "sdk.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_snippets_are_python_and_use_names_that_exist(number: int) -> None:
    for node in ast.walk(ast.parse(SNIPPETS[number])):
        if isinstance(node, ast.ImportFrom) and node.module == "counterseal":
            assert {each.name for each in node.names} <= set(counterseal.__all__)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "seal":
            assert hasattr(Counterseal, node.attr)


def test_the_tree_of_errors_is_the_one_in_the_module() -> None:
    drawn = re.findall(r"[├└]── (\w+)", PAGE)
    assert drawn == re.findall(r"[├└]── (\w+)", str(errors.__doc__))
    assert set(drawn) <= set(counterseal.__all__)

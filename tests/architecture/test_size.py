"""One module, one noun: more than 400 lines are hard to justify, and nobody has so far."""

from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("domain", "workflows", "activities", "adapters", "entrypoints", "client/src", "tests")
LONGEST = 400
TESTS_ARE_LISTS = 600

MODULES = sorted(module for room in ROOMS for module in (HOUSE / room).rglob("*.py"))
GENERATED = ("_pb2.py", "_pb2.pyi")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(HOUSE)))
def test_a_module_is_short(module: Path) -> None:
    if module.name.endswith(GENERATED):
        return
    lines = len(module.read_text(encoding="utf-8").splitlines())
    longest = TESTS_ARE_LISTS if HOUSE / "tests" in module.parents else LONGEST
    assert lines <= longest, f"{lines} lines; find the second noun in it"

"""The contracts of ``pyproject.toml`` hold, and there are as many as we think."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

HOUSE = Path(__file__).parents[2]


def test_imports_point_inward() -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
        ],
        cwd=HOUSE,
        env={**os.environ, "PYTHONPATH": f"{HOUSE}:{HOUSE / 'client/src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " 0 broken" in ran.stdout


def test_the_contracts_that_matter_are_there() -> None:
    settings = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
    names = {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}
    assert {
        "Imports point inward",
        "The domain does no I/O",
        "Workflows reach the world only through activities",
        "The client never sees the server",
    } <= names

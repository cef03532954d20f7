"""What the package offers, and what it costs to import."""

import subprocess
import sys

import counterseal


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(counterseal.__all__) == list(counterseal.__all__)
    for name in counterseal.__all__:
        assert getattr(counterseal, name).__doc__
        assert name in dir(counterseal)


def test_there_is_no_way_to_fail_open() -> None:
    assert not [name for name in counterseal.__all__ if name.startswith("unsafe")]


def test_importing_the_core_brings_no_http_client() -> None:
    program = (
        "import sys, counterseal.core.wire\n"
        "print(sorted({'httpx', 'typer', 'rich', 'yaml', 'cel_expr_python'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

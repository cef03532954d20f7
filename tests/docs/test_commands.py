"""Every command in the documentation exists, with the options it is shown with."""

import ast
import contextlib
import importlib
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from counterseal.cli import app
from tests.docs.pages import PAGES, ROOT, Block, blocks, named, prose, read

STARTS = {"|", "&&", "||", ";", "(", "{", "do", "then"}
ENDS = {"|", ">", "<", "&&", "||", ";", ")", "#", "&"}
PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its way from the root, groups included."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
OTHERS = {
    "counterseal-witness": "counterseal.witness.cli",
    "counterseal-verify": "counterseal_verify",
    "counterseal_verify.py": "counterseal_verify",
    "python -m entrypoints.admin": "entrypoints.admin",
    "python -m entrypoints.ledger": "entrypoints.ledger",
}
"""Programs of ours besides the command, and the modules they are."""


def shown() -> Iterator[tuple[str, list[str]]]:
    """Yield every use of the command in the documentation, with where it is."""
    for page in PAGES:
        for block in blocks(page):
            if block.language in {"sh", "console"}:
                for line in re.split(r"(?<!\\)\n", block.text):
                    yield from ((block.where, words) for words in uses(line))
        for inline in re.findall(r"`(counterseal [^`]*)`", prose(page)):
            yield from ((named(page), words) for words in uses(inline))


def uses(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = [*lexer]
    except ValueError:  # a quote that another line closes
        words = line.split()
    for at, word in enumerate(words):
        before = words[at - 1] if at else "|"
        if word == "counterseal" and (before in STARTS or re.match(r"[A-Z_]+=", before)):
            rest = words[at + 1 :]
            yield rest[: next((end for end, each in enumerate(rest) if each in ENDS), len(rest))]


def flaw(words: list[str]) -> str | None:
    path: tuple[str, ...] = ()
    for word in words:
        if (*path, word) not in COMMANDS:
            break
        path = (*path, word)
    command = COMMANDS[path]
    rest = words[len(path) :]
    if getattr(command, "commands", None) and rest and not rest[0].startswith("-"):
        return f"there is no {' '.join([*path, rest[0]])}"
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    return f"{' '.join(path)} has no {given - options}" if given - options - {"--help"} else None


USES = [*shown()]


def test_every_command_exists_with_its_options() -> None:
    assert len(USES) > 50
    assert [(where, told) for where, words in USES if (told := flaw(words)) is not None] == []


def test_every_command_is_in_the_reference() -> None:
    told = {tuple(words) for where, words in USES if where.startswith("docs/cli.md")}
    leaves = [path for path, command in COMMANDS.items() if not getattr(command, "commands", None)]
    assert [path for path in leaves if not any(each[: len(path)] == path for each in told)] == []


def others(program: str) -> dict[str, set[str]]:
    """Gather how the documentation shows another program: subcommands, each with its options."""
    shown: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        lines = re.sub(r"\\\n\s*", "", read(page)).splitlines()
        for rest in (rest for line in lines for rest in line.split(f"{program} ")[1:]):
            told = re.split(r"[`|>#·]", rest)[0].split()
            is_command = bool(told) and re.fullmatch(r"[a-z]+(-[a-z]+)*", told[0]) is not None
            shown[told[0] if is_command else ""] |= {word for word in told if word.startswith("--")}
    return shown


@pytest.mark.parametrize("program", OTHERS)
def test_every_other_program_is_shown_as_it_is(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = others(program)
    assert shown
    for command, options in shown.items():
        monkeypatch.setattr(sys, "argv", [program, *command.split(), "--help"])
        with contextlib.suppress(SystemExit):
            importlib.import_module(OTHERS[program]).main()
        told = capsys.readouterr()
        assert "--help" in told.out, f"{program} {command}: {told.err}"
        assert {one for one in options if one not in told.out} == set(), command


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    told = {
        found
        for page in PAGES
        for text in (*(b.text for b in blocks(page)), *re.findall(r"`[^`]+`", prose(page)))
        for found in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
    }
    assert told - targets == set()


def test_every_path_named_in_code_exists() -> None:
    looks_like_one = re.compile(
        r"`((?:domain|workflows|activities|adapters|entrypoints|client|policies|temporal|tests|bench|"
        r"requirements|scripts|docs|verify)/[\w./-]*)`"
    )
    told = {(named(page), path) for page in PAGES for path in looks_like_one.findall(read(page))}
    assert [each for each in told if not (ROOT / each[1]).exists()] == []


def test_every_test_that_is_named_exists() -> None:
    exist = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    told = {name for page in PAGES for name in re.findall(r"\b(test_\w+\.py)`", read(page))}
    assert told - exist == set()


def test_the_threat_model_names_tests_of_abuse_by_their_name_alone() -> None:
    bare = set(re.findall(r"`(test_\w+\.py)`", read(ROOT / "docs" / "threat-model.md")))
    assert {name for name in bare if not (ROOT / "tests" / "abuse" / name).exists()} == set()


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.where)
def test_every_program_is_python_and_names_what_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("counterseal"):
            module = importlib.import_module(str(node.module))
            assert [one.name for one in node.names if not hasattr(module, one.name)] == []

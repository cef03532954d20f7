"""Codes are permanent, so all of them are known: they have a status, and stand in the docs."""

import ast
import re
from pathlib import Path

import pytest

from entrypoints.api import build
from entrypoints.problems import STATUS_OF
from entrypoints.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
VOTES, PROBLEMS = PAGE.split("## What becomes of a vote")[1].split("## Problems")
RAISING = [
    "domain/approvals.py",
    "domain/custody.py",
    "domain/grants.py",
    "domain/messages.py",
    "domain/refusals.py",
    "domain/roster.py",
    "entrypoints/gate.py",
    "entrypoints/api.py",
    "entrypoints/credentials.py",
    "entrypoints/secrecy.py",
    "entrypoints/http/actions.py",
    "entrypoints/http/body.py",
    "entrypoints/http/custody.py",
    "entrypoints/http/history.py",
    "entrypoints/http/operations.py",
    "adapters/postgres/cursor.py",
    "client/src/counterseal/core/errors.py",
]
NO_CODES = {
    *("action-id", "update-id", "long-id", "ask-otherwise", "gateway-message", "content-type"),
    *("rehearsal-operator", "rehearsal-auditor"),
}
NAMING = {"Declined", "Flaw", "_declined", "refuse_redemption", "refuse_receipt", "refuse_vote"}


def documented(table: str) -> dict[str, str]:
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", table, re.MULTILINE)
    return {code: said for names, said in rows for code in re.findall(r"`([a-z-]+)`", names)}


def codes(path: str) -> set[str]:
    """Find what a module hands out as a code: words with hyphens, and what is called ``code``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        match node:
            case ast.Constant(value=str(text)) if re.fullmatch(r"[a-z]+(-[a-z]+)+", text):
                found.add(text)
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if (
                name in NAMING
            ):
                found.add(text)
            case ast.keyword(arg="code", value=ast.Constant(value=str(text))):
                found.add(text)
            case _:
                pass
    return found - NO_CODES


@pytest.mark.parametrize("path", RAISING)
def test_every_code_has_a_status_or_answers_a_vote(path: str) -> None:
    unknown = codes(path) - {*STATUS_OF} - {*documented(VOTES)}
    assert unknown == set()


def test_every_problem_is_documented_with_its_status() -> None:
    written = {code: int(status) for code, status in documented(PROBLEMS).items()}
    assert written == {code: int(status) for code, status in STATUS_OF.items()}


def test_every_route_is_documented_and_no_other() -> None:
    served = {
        f"{method.upper()} {path}"
        for path, methods in build(Settings(database_url="")).openapi()["paths"].items()
        for method in methods
    }
    table = PAGE.split("## Routes")[1].split("## Headers")[0]
    assert {*re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)} == served

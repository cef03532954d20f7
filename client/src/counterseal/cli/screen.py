"""Where a command writes: results on stdout, everything else on stderr.

Strings from outside reach the terminal as ``rich.text.Text`` only, never as markup.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from counterseal.cli.inert import visible
from counterseal.core.canonical import Json
from counterseal.core.words import Verdict

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]

_WIDE = 200
_STYLES = {
    "ALLOW": "green",
    "ALLOWED": "green",
    "APPROVED": "green",
    "SUCCEEDED": "green",
    "STEP_UP": "yellow",
    "HELD": "yellow",
    "UNDECIDED": "yellow",
    "BLOCK": "red",
    "BLOCKED": "red",
    "DENIED": "red",
    "EXPIRED": "red",
    "FAILED": "red",
    "UNKNOWN": "red",
}


def out() -> Console:
    """Open stdout. Piped output is not wrapped."""
    return _console(stderr=False)


def err() -> Console:
    """Open stderr: progress, warnings, questions."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def is_interactive() -> bool:
    """Say whether a person can be asked something."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def print_json(value: BaseModel | Json) -> None:
    """Print a result for programs: one JSON document."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    sys.stdout.write(json.dumps(plain, indent=2) + "\n")


def print_line(value: Json) -> None:
    """Print one line of JSON Lines."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def word(value: str | None) -> Text:
    """Write one of our own words in its colour."""
    return Text(visible(value or "-"), style=_STYLES.get(value or "", ""))


def plain(value: object) -> Text:
    """Write anything from outside, inert."""
    return Text("-" if value is None or value == "" else visible(str(value)), overflow="fold")


def facts(pairs: Iterable[tuple[str, Text | str]]) -> Table:
    """Lay out names and values. Values that are ``str`` are ours; others' come as ``Text``."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(Text(name), value if isinstance(value, Text) else Text(value))
    return grid


def listing(columns: Sequence[str], rows: Iterable[Sequence[Text]]) -> Table:
    """Lay out a list. Nothing is cut off; long values are folded."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def local(at: datetime | None) -> str:
    """Write an instant in local time."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if at else "-"


def relative(at: datetime | None, now: datetime | None = None) -> str:
    """Write how far away an instant is: ``in 2 h 5 min``, ``12 s ago``."""
    if at is None:
        return "-"
    seconds = round((at - (now or datetime.now(UTC))).total_seconds())
    said = span(abs(seconds))
    return f"in {said}" if seconds >= 0 else f"{said} ago"


def span(seconds: int) -> str:
    """Write how long something took: ``2 h 5 min``."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or "0 s"


def verdicts(verdict: Verdict | None, effective: Verdict | None) -> Text:
    """Write what policy does, and what it would do if everything were enforced."""
    said = word(effective)
    if verdict != effective:
        said.append(f" (would be {verdict})", style="dim")
    return said

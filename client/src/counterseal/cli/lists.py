"""How a list is followed and written: as a table, JSON, JSON Lines or CSV."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypeVar

import typer
from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from counterseal.calls import Call
from counterseal.cli.options import Command, Options, taking
from counterseal.cli.screen import AsJson, err, listing, out
from counterseal.cli.server import server
from counterseal.core.sheet import csv_line, csv_row, json_line

LARGEST_PAGE = 500


class Form(StrEnum):
    """What a list is written as."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


AsForm = Annotated[Form, typer.Option("--format", help="csv is safe to open in a spreadsheet.")]

R = TypeVar("R", bound=BaseModel)
R_co = TypeVar("R_co", bound=BaseModel, covariant=True)


class Page(Protocol[R_co]):
    """Some rows of a list, and where it goes on."""

    @property
    def items(self) -> tuple[R_co, ...]:
        """The rows."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins."""
        ...


Ask = Callable[[Mapping[str, str]], Call[Any]]
"""Makes the call for a page out of filters."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen about a list: where it begins, how much of it, how it is written."""

    form: Form
    everything: bool
    limit: int
    cursor: str | None

    def pages(self, ask: Ask, filters: Mapping[str, str]) -> Iterator[Page[Any]]:
        """Fetch one page, or one after the other; no more than one is kept."""
        cursor = self.cursor
        with server() as line:
            while True:
                place = {"cursor": cursor} if cursor else {}
                page: Page[Any] = line.ask(ask({**filters, **place, "limit": str(self.limit)}))
                yield page
                cursor = page.next_cursor
                if cursor is None or not self.everything:
                    return

    def write(
        self, row: type[R], pages: Iterable[Page[R]], table: Callable[[Sequence[R]], Table]
    ) -> None:
        """Write each page as soon as it is there."""
        match self.form:
            case Form.TABLE:
                _each(pages, lambda items: out().print(table(items)))
            case Form.JSON:
                _write_json(pages)
            case Form.JSONL:
                _each(pages, lambda items: _print(json_line(_told(one)) for one in items))
            case Form.CSV:
                columns = [*row.model_fields]
                _print([csv_line(columns)])
                _each(pages, lambda items: _print(csv_row(columns, _told(one)) for one in items))


_PAGING: Options = {
    "limit": Annotated[
        int, typer.Option(min=1, max=LARGEST_PAGE, help="How many to list at most.")
    ],
    "cursor": Annotated[str | None, typer.Option(help="Where the last page ended.")],
    "everything": Annotated[
        bool, typer.Option("--all", help="Follow the list to its end, whatever --limit says.")
    ],
    "form": AsForm,
    "as_json": AsJson,
}


def paged(command: Command) -> Command:
    """Let a command take how a list is followed and written; it is handed that as ``chosen``."""
    defaults = {"limit": 50, "everything": False, "form": Form.TABLE, "as_json": False}
    return taking(_PAGING, "chosen", _chosen, defaults)(command)


def laid_out(columns: Mapping[str, Callable[[R], Text]], rows: Sequence[R]) -> Table:
    """Lay out rows by what each column shows of them; the first is there to be copied."""
    table = listing([*columns], [[show(row) for show in columns.values()] for row in rows])
    table.columns[0].no_wrap = True
    return table


def _chosen(given: Mapping[str, Any]) -> Chosen:
    return Chosen(
        form=Form.JSON if given["as_json"] else given["form"],
        everything=given["everything"],
        limit=LARGEST_PAGE if given["everything"] else given["limit"],
        cursor=given["cursor"],
    )


def _each(pages: Iterable[Page[R]], write: Callable[[Sequence[R]], None]) -> None:
    cursor = None
    for page in pages:
        write(page.items)
        cursor = page.next_cursor
    if cursor:
        err().print(Text(f"More: repeat with --cursor {cursor}, or with --all"), soft_wrap=True)


def _write_json(pages: Iterable[Page[R]]) -> None:
    """Write one document, however many pages it takes."""
    comma, cursor = "", None
    _print(['{"items": ['])
    for page in pages:
        for one in page.items:
            _print([comma, "\n", json.dumps(_told(one))])
            comma = ","
        cursor = page.next_cursor
    _print([f'\n], "next_cursor": {json.dumps(cursor)}}}\n'])


def _told(row: BaseModel) -> dict[str, object]:
    return row.model_dump(mode="json")


def _print(texts: Iterable[str]) -> None:
    sys.stdout.writelines(texts)

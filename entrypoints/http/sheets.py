"""Lists as answers: a page of JSON, or all of it as a stream of CSV or JSON Lines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from counterseal.core.sheet import csv_line, csv_row, json_line

Format = Literal["json", "jsonl", "csv"]

MEDIA: dict[Format, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
}
Accept = Annotated[str | None, Header(description="`text/csv` or `application/jsonl`: all of it")]

PAGE = 50
STRIDE = 500
"""Rows that are read at once for a stream: no more of it is ever in memory."""

R = TypeVar("R", bound=BaseModel)

Fetch = Callable[[str | None, int], Awaitable[tuple[Sequence[R], str | None]]]
"""Reads a page: from a cursor, so many rows."""


class Paging(BaseModel):
    """Which part of a list, and how it is written."""

    cursor: Annotated[str | None, Field(max_length=512)] = None
    limit: Annotated[int | None, Field(ge=1, le=500)] = None
    format: Format | None = None


async def listed(
    asked: Paging, accept: str | None, name: str, row: type[R], fetch: Fetch[R]
) -> Response:
    """Answer with one page, or stream everything from the cursor on: at most ``limit`` rows."""
    form = _chosen(asked.format, accept)
    if form == "json":
        items, following = await fetch(asked.cursor, asked.limit or PAGE)
        said = ",".join(each.model_dump_json() for each in items)
        after = "null" if following is None else f'"{following}"'
        return Response(f'{{"items":[{said}],"next_cursor":{after}}}', media_type=MEDIA["json"])
    # The first page is read before the answer begins, so that what is wrong can still be said.
    first = await fetch(asked.cursor, min(asked.limit or STRIDE, STRIDE))
    return StreamingResponse(
        _lines(form, [*row.model_fields], first, fetch, asked.limit),
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


def _chosen(asked: Format | None, accept: str | None) -> Format:
    """Choose what to write: as the query says, else what the ``Accept`` header names first."""
    if asked is not None:
        return asked
    named = [each.partition(";")[0].strip().lower() for each in (accept or "").split(",")]
    known = {media: form for form, media in MEDIA.items()}
    return next((known[media] for media in named if media in known), "json")


async def _lines(
    form: Format,
    columns: Sequence[str],
    page: tuple[Sequence[R], str | None],
    fetch: Fetch[R],
    limit: int | None,
) -> AsyncIterator[str]:
    if form == "csv":
        yield csv_line(columns)
    left = limit
    while True:
        rows, cursor = page
        told = (each.model_dump(mode="json") for each in rows)
        yield "".join(csv_row(columns, one) if form == "csv" else json_line(one) for one in told)
        left = None if left is None else left - len(rows)
        if cursor is None or left == 0:
            return
        page = await fetch(cursor, min(left or STRIDE, STRIDE))

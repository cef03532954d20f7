"""``counterseal review``: what was decided, by whom, and what was refused, counted and listed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from counterseal import oversight
from counterseal.calls import Call
from counterseal.cli.filters import ACTIONS, REFUSALS, VOTES, filtered
from counterseal.cli.lists import AsForm, Ask, Chosen, Form, laid_out, paged
from counterseal.cli.screen import AsJson, err, listing, local, out, plain, print_json, span, word
from counterseal.cli.server import server
from counterseal.core.review import RefusalLine, Summary, VoteLine
from counterseal.core.sheet import csv_line, csv_row, json_line

app = typer.Typer(
    help="Answer the questions of an incident review.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_MINUTE = 60
_MEDIUM, _WIDE, _WIDEST = 100, 140, 200
"""Characters per line from which on a column is shown."""

Show = Callable[[Any], Text]

_SPELLED = {"class": "action_class"}
"""Words for which the API has another."""

By = Annotated[str, typer.Option(help="Words to count by, with commas between.")]
MaybeBy = Annotated[
    str | None, typer.Option(help="Count instead of listing: by these words, with commas between.")
]


@app.command()
@filtered(ACTIONS)
def summary(
    *,
    filters: dict[str, str],
    by: By = "effective,disposition,outcome",
    form: AsForm = Form.TABLE,
    as_json: AsJson = False,
) -> None:
    """Count actions: what was allowed, escalated or blocked, and by which rules.

    Example: counterseal review summary --by effective,rule --since 7d
    """
    _print_counts(oversight.count_actions, filters, by, Form.JSON if as_json else form)


@app.command()
@filtered(VOTES)
@paged
def votes(*, filters: dict[str, str], chosen: Chosen, by: MaybeBy = None) -> None:
    """List votes that counted: who, what they were shown, why, after how long.

    AFTER is how long after they were asked: an approval within 3 s is marked hasty. A wide
    terminal, and every other format, has the digest of exactly what they were shown.

    Example: counterseal review votes --approver grace --since 7d
    """
    if by is not None:
        _print_counts(oversight.count_votes, filters, by, chosen.form)
    else:
        chosen.write(VoteLine, chosen.pages(oversight.votes, filters), _votes)


@app.command()
@filtered(REFUSALS)
@paged
def refusals(*, filters: dict[str, str], chosen: Chosen, by: MaybeBy = None) -> None:
    """List what was refused, and why: votes, redemptions, receipts, keys that were used again.

    Example: counterseal review refusals --code self-approval --since 7d
    """
    if by is not None:
        _print_counts(oversight.count_refusals, filters, by, chosen.form)
    else:
        chosen.write(RefusalLine, chosen.pages(oversight.refusals, filters), _refusals)


def _print_counts(ask: Ask, filters: dict[str, str], by: str, form: Form) -> None:
    words = ",".join(_SPELLED.get(word, word) for word in by.replace(" ", "").split(","))
    call: Call[Summary] = ask({**filters, "by": words})
    with server() as line:
        found = line.ask(call)
    columns = [*found.by, "count"]
    match form:
        case Form.JSON:
            print_json(found)
        case Form.JSONL:
            sys.stdout.writelines(json_line(group) for group in found.groups)
        case Form.CSV:
            sys.stdout.write(csv_line(columns))
            sys.stdout.writelines(csv_row(columns, group) for group in found.groups)
        case Form.TABLE:
            out().print(_counts(found))
    if not found.complete:
        err().print(Text("There are more groups than are told; narrow the filters."))


def _counts(found: Summary) -> Table:
    rows = [
        [plain(group.get("count")), *(_value(group.get(name)) for name in found.by)]
        for group in found.groups
    ]
    heads = [name.upper().replace("_", " ") for name in found.by]
    table = listing(("COUNT", *heads), rows)
    table.columns[0].justify = "right"
    table.show_footer = True
    table.columns[0].footer = str(found.total)
    return table


def _value(value: object) -> Text:
    match value:
        case bool():
            return plain("yes" if value else "no")
        case str():
            return word(value)
        case _:
            return plain(value)


def _votes(lines: Sequence[VoteLine]) -> Table:
    columns: dict[str, tuple[int, Callable[[VoteLine], Text]]] = {
        "ACTION": (0, lambda line: plain(line.action_id)),
        "AT": (_MEDIUM, lambda line: plain(local(line.at))),
        "WHO": (0, lambda line: plain(line.person)),
        "VOTE": (0, lambda line: word("APPROVED" if line.approve else "DENIED")),
        "AFTER": (0, _after),
        "CHANNEL": (_WIDE, lambda line: plain(f"{line.channel}, {line.assurance}")),
        "DIGEST": (_WIDEST, lambda line: plain(line.digest)),
        "REASON": (0, lambda line: plain(line.reason)),
    }
    return laid_out(_fitting(columns), lines)


def _after(line: VoteLine) -> Text:
    if line.after_asked is None:
        return plain(None)
    said = (
        f"{line.after_asked:.1f} s" if line.after_asked < _MINUTE else span(round(line.after_asked))
    )
    return Text(f"{said} hasty", style="red") if line.hasty else Text(said)


def _refusals(lines: Sequence[RefusalLine]) -> Table:
    columns: dict[str, tuple[int, Callable[[RefusalLine], Text]]] = {
        "ACTION": (0, lambda line: plain(line.action_id)),
        "AT": (_MEDIUM, lambda line: plain(local(line.at))),
        "WHO": (0, lambda line: plain(line.sender)),
        "WHAT": (_WIDE, lambda line: plain(line.kind.removesuffix(".refused"))),
        "CODE": (0, lambda line: plain(line.code)),
        "WHY": (_WIDE, lambda line: plain(line.sentence)),
    }
    return laid_out(_fitting(columns), lines)


def _fitting(columns: Mapping[str, tuple[int, Show]]) -> dict[str, Show]:
    """Leave out what a terminal is too narrow for; other formats have all of it."""
    width = out().width
    return {name: show for name, (least, show) in columns.items() if width >= least}

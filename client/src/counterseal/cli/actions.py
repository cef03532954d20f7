"""``counterseal actions``: list, show, watch."""

import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from counterseal import oversight
from counterseal.cli.exits import Exit
from counterseal.cli.filters import ACTIONS, filtered
from counterseal.cli.lists import Chosen, laid_out, paged
from counterseal.cli.screen import (
    AsJson,
    local,
    out,
    plain,
    print_json,
    print_line,
    relative,
    verdicts,
    word,
)
from counterseal.cli.server import server
from counterseal.cli.shown import checked, print_answer, print_view
from counterseal.client import Counterseal
from counterseal.core.wire import ActionRow, ActionView, Answer
from counterseal.core.words import Phase

app = typer.Typer(help="See what agents asked for.", no_args_is_help=True, rich_markup_mode=None)

Limit = Annotated[int, typer.Option(min=1, max=500, help="How many to list at most.")]


@app.command()
@filtered(ACTIONS)
@paged
def ls(*, filters: dict[str, str], chosen: Chosen) -> None:
    """List actions, newest first.

    Example: counterseal actions ls --min-risk high --since 7d --all --format csv
    """
    pages = chosen.pages(oversight.page, filters)
    chosen.write(ActionRow, pages, lambda rows: _table(rows, out().width))


@app.command()
def show(
    action: Annotated[str, typer.Argument(help="The action's ID, as `actions ls` shows it.")],
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show what is sensitive.")] = False,
    why: Annotated[str | None, typer.Option(help="Why you look, kept as evidence.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show everything that would run, exactly, and why it is held.

    Characters that cannot be seen, or that reorder text, are written as JSON escapes. Sensitive
    values are shown as commitments, unless you --reveal them.

    Example: counterseal actions show act_0123456789abcdef0123456789abcdef
    """
    with server() as line:
        found: ActionView | Answer = (
            line.ask(oversight.reveal(action, why)) if reveal else line.ask(oversight.look(action))
        )
    if as_json:
        print_json(found)
    elif isinstance(found, ActionView):
        checked(found)
        print_view(out(), found)
    else:
        print_answer(out(), found)


@app.command()
def watch(
    *,
    state: Annotated[Phase, typer.Option(help="Which actions to watch.")] = Phase.HELD,
    asked: Annotated[str | None, typer.Option(help="A group that is asked.")] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    lasting: Annotated[float | None, typer.Option("--for", help="Stop after this long.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Watch actions come and go. Ctrl-C ends it; without a terminal, news are printed as lines.

    Example: counterseal actions watch --asked treasury
    """
    filters = {"state": state.value, "limit": str(limit)} | ({"asked": asked} if asked else {})
    end = None if lasting is None else time.monotonic() + lasting
    console = out()
    with server() as line:
        try:
            if console.is_terminal and not as_json:
                _watch_live(line, filters, every, end)
            else:
                _watch_lines(line, filters, every, end, as_json=as_json)
        except KeyboardInterrupt:
            raise typer.Exit(Exit.OK) from None  # The usual way to stop watching.


def _watch_live(
    line: Counterseal, filters: dict[str, str], every: float, end: float | None
) -> None:
    console = out()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            page = line.ask(oversight.page(filters))
            live.update(_table(page.items, console.width), refresh=True)
            if not _slept(every, end):
                return


def _watch_lines(
    line: Counterseal, filters: dict[str, str], every: float, end: float | None, *, as_json: bool
) -> None:
    seen: dict[str, int] = {}
    while True:
        rows = line.ask(oversight.page(filters)).items
        for row in reversed(rows):
            if seen.get(row.action_id) != row.version:
                _print_news(row, as_json=as_json)
        seen = {row.action_id: row.version for row in rows}
        if not _slept(every, end):
            return


def _print_news(row: ActionRow, *, as_json: bool) -> None:
    if as_json:
        print_line(row.model_dump(mode="json"))
        return
    said = [row.action_id, str(row.phase), row.tool, row.agent, ",".join(row.asked)]
    out().print(Text("  ").join(plain(each) for each in said), soft_wrap=True)


def _slept(every: float, end: float | None) -> bool:
    if end is not None and time.monotonic() + every > end:
        return False
    time.sleep(every)
    return True


def _table(rows: Sequence[ActionRow], width: int) -> Table:
    shown = {name: show for name, show in _COLUMNS.items() if width >= _WIDE or name in _ALWAYS}
    return laid_out(shown, rows)


def _state(row: ActionRow) -> Text:
    ended = word(row.disposition or row.phase)
    return ended.append(" ").append_text(word(row.outcome)) if row.outcome else ended


_WIDE = 150
_ALWAYS = ("ACTION", "STATE", "TOOL", "ASKED", "UNTIL")
_COLUMNS: dict[str, Callable[[ActionRow], Text]] = {
    "ACTION": lambda row: plain(row.action_id),
    "STATE": _state,
    "VERDICT": lambda row: verdicts(row.verdict, row.effective),
    "TOOL": lambda row: plain(row.tool),
    "RISK": lambda row: word(row.risk),
    "AGENT": lambda row: plain(row.agent),
    "ASKED": lambda row: plain(", ".join(row.asked)),
    "VOTES": lambda row: plain(f"{row.approvals}/{row.quorum}" if row.quorum else "-"),
    "REQUESTED": lambda row: plain(local(row.requested_at)),
    "UNTIL": lambda row: plain(relative(row.held_until)),
    "EVIDENCE": lambda row: word(row.level),
}

"""``counterseal replay``: recorded tool calls through the real API."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from counterseal import oversight
from counterseal.aio import AsyncCounterseal
from counterseal.calls import made
from counterseal.cli import judging
from counterseal.cli.exits import Exit, exit_of
from counterseal.cli.screen import AsJson, err, out, plain, print_json
from counterseal.cli.server import PATIENCE, server
from counterseal.cli.summary import print_summary, progress
from counterseal.core.wire import NewRehearsal, Rehearsal
from counterseal.errors import CountersealError, Unreachable, Unsendable
from counterseal.replay.lines import BadLine, ToolCall, read_lines
from counterseal.replay.run import Pace, Replay, look_up
from counterseal.replay.sessions import limited, sessions
from counterseal.replay.tally import MOST_TOLD, Tally


@dataclass(frozen=True, slots=True)
class _Order:
    url: str | None
    concurrency: int
    speed: float
    rehearsal: Rehearsal | None
    since: str


def replay(  # noqa: PLR0913 - one parameter per option
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON Lines.")],
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Rehearse this bundle in a fresh tenant; needs an operator's key.",
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Instead of COUNTERSEAL_URL.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay so many calls.")] = None,
    session_limit: Annotated[
        int | None, typer.Option(min=1, help="Replay so many sessions.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Sessions at a time.")] = 8,
    speed: Annotated[float, typer.Option(min=0, help="Calls a second at most; 0: no limit.")] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if any line or call failed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay recorded tool calls through the real API and sum up what policy did.

    FILE is JSON Lines: one call per line ({"session", "tool", "args", "prompt"?, "output"?}) or
    one session per line with a list of "calls". What is allowed is redeemed and reported, so that
    sessions build up as they did; what is held stays held. Nothing is run.

    Example: counterseal replay calls.jsonl --bundle policies/starter
    """
    calls, tally = _read(file)
    grouped = limited(sessions(calls), limit, session_limit)
    tally.sessions, tally.calls = len(grouped), sum(map(len, grouped))
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    order = _Order(url, concurrency, speed, _rehearsal(bundle, url), since)
    code = _play(grouped, tally, order)
    if as_json:
        print_json(tally.report())
    else:
        print_summary(out(), tally)
    if code is Exit.OK and strict and not tally.is_clean:
        code = Exit.REFUSED
    raise typer.Exit(code)


def _read(file: Path) -> tuple[list[ToolCall], Tally]:
    tally, calls = Tally(), []
    try:
        with file.open("rb") as lines:
            for each in read_lines(lines):
                if isinstance(each, BadLine):
                    tally.bad_lines.append(each)
                else:
                    calls.append(each)
    except OSError as error:
        raise Unsendable(f"{file} cannot be read: {error.strerror}.") from error
    for bad in tally.bad_lines[:MOST_TOLD]:
        err().print(plain(f"line {bad.line}: {bad.why}"), soft_wrap=True)
    return calls, tally


def _rehearsal(bundle: Path | None, url: str | None) -> Rehearsal | None:
    if bundle is None:
        return None
    new = made(NewRehearsal, {"files": judging.files(bundle)})
    with server(url) as line:
        rehearsal = line.ask(oversight.rehearse(new))
    err().print(plain(f"Rehearsing {rehearsal.bundle.name} in tenant {rehearsal.tenant}"))
    return rehearsal


def _play(grouped: list[list[ToolCall]], tally: Tally, order: _Order) -> Exit:
    """Play, and say how it ended; whatever happens, ``tally`` holds what was counted."""
    code = Exit.OK
    for part in (_sessions(grouped, tally, order), _recorded(tally, order)):
        try:
            asyncio.run(part)
        except KeyboardInterrupt:
            part.close()
            err().print("Interrupted; this is what came of it so far.")
            code = Exit.INTERRUPTED
        except CountersealError as error:
            err().print(plain(error), soft_wrap=True)
            code = code or exit_of(error)
    if not tally.asked and any(each.code == Unreachable.code for each in tally.mishaps):
        return code or Exit.UNREACHABLE
    return code


async def _sessions(grouped: list[list[ToolCall]], tally: Tally, order: _Order) -> None:
    key = order.rehearsal.agent_key if order.rehearsal else None
    async with AsyncCounterseal(order.url, key, patience=PATIENCE) as seal:
        run = f"replay-{secrets.token_hex(4)}"
        with _live(tally) as tell:
            playing = Replay(seal, run, tally, Pace(order.speed), tell)
            await playing.play(grouped, order.concurrency)


async def _recorded(tally: Tally, order: _Order) -> None:
    # Agents may list their own actions; the rules that fired without effect are for auditors.
    key = order.rehearsal.auditor_key if order.rehearsal else None
    async with AsyncCounterseal(order.url, key, patience=PATIENCE) as seal:
        await look_up(seal, tally, order.since, fired=key is not None)


@contextlib.contextmanager
def _live(tally: Tally) -> Iterator["_Tell"]:
    console = err()
    if not console.is_terminal:
        yield _Tell(None, tally)
        return
    with Live(progress(tally), console=console, refresh_per_second=4) as live:
        yield _Tell(live, tally)
        live.update(progress(tally))


@dataclass(frozen=True, slots=True)
class _Tell:
    live: Live | None
    tally: Tally

    def __call__(self) -> None:
        if self.live is not None:
            self.live.update(progress(self.tally))

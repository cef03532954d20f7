"""The filters that lists and summaries share, as options of a command."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from counterseal.cli.options import Options, taking
from counterseal.cli.server import instant
from counterseal.core.words import Disposition, Level, Outcome, Phase, Risk, Verdict

TIMES: Options = {
    "since": Annotated[str | None, typer.Option(help="2h, 7d, or an RFC 3339 instant.")],
    "until": Annotated[str | None, typer.Option(help="2h, 7d, or an RFC 3339 instant.")],
}
ACTIONS: Options = {
    "state": Annotated[Phase | None, typer.Option(help="Where it stands.")],
    "verdict": Annotated[Verdict | None, typer.Option(help="What policy says.")],
    "effective": Annotated[Verdict | None, typer.Option(help="What it does, by stage.")],
    "disposition": Annotated[Disposition | None, typer.Option(help="How the question ended.")],
    "outcome": Annotated[Outcome | None, typer.Option(help="What became of the action.")],
    "action_class": Annotated[str | None, typer.Option("--class", help="Action class.")],
    "risk": Annotated[Risk | None, typer.Option(help="How much harm its class can do.")],
    "min_risk": Annotated[Risk | None, typer.Option(help="The same, or more.")],
    "environment": Annotated[str | None, typer.Option(help="Where its agent works.")],
    "tool": Annotated[str | None, typer.Option(help="Tool name.")],
    "agent": Annotated[str | None, typer.Option(help="Who asked.")],
    "principal": Annotated[str | None, typer.Option(help="On whose behalf.")],
    "session": Annotated[str | None, typer.Option(help="In which session.")],
    "rule": Annotated[str | None, typer.Option(help="A determining rule.")],
    "approver": Annotated[str | None, typer.Option(help="Who voted.")],
    "asked": Annotated[str | None, typer.Option(help="A group that is asked.")],
    "level": Annotated[Level | None, typer.Option(help="How far its evidence has come.")],
    **TIMES,
}
VOTES: Options = {
    "action_id": Annotated[str | None, typer.Option("--action", help="On this action only.")],
    "approve": Annotated[
        bool | None, typer.Option("--approvals/--denials", help="Only one of the two.")
    ],
    "hasty": Annotated[
        bool | None,
        typer.Option("--hasty/--no-hasty", help="Approved within 3 s of being asked, or not so."),
    ],
    "channel": Annotated[str | None, typer.Option(help="The way the vote came in.")],
    "assurance": Annotated[str | None, typer.Option(help="How surely the person is known.")],
    **ACTIONS,
}
REFUSALS: Options = {
    "action_id": Annotated[str | None, typer.Option("--action", help="About this action only.")],
    "code": Annotated[str | None, typer.Option(help="Why, for example self-approval.")],
    "kind": Annotated[str | None, typer.Option(help="What, for example vote.refused.")],
    "sender": Annotated[str | None, typer.Option(help="Who was refused.")],
    "late": Annotated[
        bool | None,
        typer.Option("--late/--in-time", help="After the action had closed, or before."),
    ],
    **ACTIONS,
}
ACTIVATIONS: Options = {
    "by": Annotated[str | None, typer.Option(help="Who activated it.")],
    "incident": Annotated[str | None, typer.Option(help="The incident it answers.")],
    **TIMES,
}


def filtered(options: Options) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take filters; it is handed those that were given, as ``filters``."""
    return taking(options, "filters", _spelled)


def _spelled(filters: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in filters.items():
        match value:
            case None:
                continue
            case bool():
                found[name] = "true" if value else "false"
            case str() if name in TIMES:
                found[name] = instant(value) or ""
            case _:
                found[name] = str(value)
    return found

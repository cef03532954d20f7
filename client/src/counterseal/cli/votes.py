"""``counterseal approve``, ``deny`` and ``withdraw``."""

import secrets
from typing import Annotated

import typer
from rich.text import Text

from counterseal import oversight
from counterseal.calls import made
from counterseal.cli.exits import Exit
from counterseal.cli.screen import AsJson, err, is_interactive, out, plain, print_json
from counterseal.cli.server import server, whole_view
from counterseal.cli.shown import checked, print_view
from counterseal.client import Counterseal
from counterseal.core.wire import ActionView, Ballot, VoteAnswer
from counterseal.errors import Misunderstood

ActionArgument = Annotated[
    str, typer.Argument(metavar="ACTION", help="The action's ID, as `actions ls` shows it.")
]
Reason = Annotated[str, typer.Option(help="Kept as evidence; write for an auditor.")]
Digest = Annotated[str | None, typer.Option(help="Vote only if the action still has this digest.")]
VoteId = Annotated[str | None, typer.Option(help="Ask what became of a vote that was sent before.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, even on a terminal.")]


def approve(
    action: ActionArgument,
    *,
    reason: Reason,
    digest: Digest = None,
    vote_id: VoteId = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Approve ACTION, so that its agent may run exactly what is shown, once.

    Example: counterseal approve act_0123456789abcdef0123456789abcdef --reason "invoice 4411"
    """
    _vote(action, (True, reason, digest, vote_id), yes=yes, as_json=as_json)


def deny(
    action: ActionArgument,
    *,
    reason: Reason,
    digest: Digest = None,
    vote_id: VoteId = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Deny ACTION, so that it does not run.

    Example: counterseal deny act_0123456789abcdef0123456789abcdef --reason "unknown payee"
    """
    _vote(action, (False, reason, digest, vote_id), yes=yes, as_json=as_json)


def withdraw(action: ActionArgument, *, reason: Reason, as_json: AsJson = False) -> None:
    """Take your own question back, as the agent that asked it.

    Example: counterseal withdraw act_0123456789abcdef0123456789abcdef --reason "asked by mistake"
    """
    with server() as line:
        answer = line.withdraw(action, reason)
    if as_json:
        print_json(answer)
    else:
        ended = answer.disposition or answer.phase
        out().print(Text("  ").join([plain(answer.action_id), plain(ended)]))
    if answer.disposition is None:
        raise typer.Exit(Exit.PENDING)


def _vote(
    action: str,
    vote: tuple[bool, str, str | None, str | None],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    is_approval, reason, digest, vote_id = vote
    with server() as line:
        view = whole_view(line, action)
        # What is printed for programs must stay one JSON document.
        print_view(err() if as_json else out(), view)
        shown = _insisted(view, digest)
        if is_interactive() and not yes:
            typer.confirm(f"{'Approve' if is_approval else 'Deny'} this?", abort=True, err=True)
        ballot = made(
            Ballot,
            {
                "vote_id": vote_id or secrets.token_hex(16),
                "approve": is_approval,
                "reason": reason,
                "digest": shown,
            },
        )
        _tell(_cast(line, action, ballot), as_json=as_json)


def _insisted(view: ActionView, digest: str | None) -> str:
    shown = checked(view)
    if digest is not None and digest != shown:
        raise Misunderstood(f"{view.row.action_id} now has {shown}, not {digest}; nothing is sent.")
    return shown


def _cast(line: Counterseal, action: str, ballot: Ballot) -> VoteAnswer:
    answer = line.ask(oversight.vote(action, ballot))
    if answer.counted is None:  # Sending it again asks what became of it.
        answer = line.ask(oversight.vote(action, ballot))
    return answer


def _tell(answer: VoteAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        out().print(Text("\n").append_text(plain(answer.sentence)))
        stands = answer.disposition or answer.phase
        if stands:
            out().print(Text("The action is now ").append_text(plain(stands)).append("."))
    if answer.counted is None:
        again = f"Ask again with --vote-id {answer.vote_id}"
        err().print(Text(again))
        raise typer.Exit(Exit.PENDING)
    if not answer.counted:
        raise typer.Exit(Exit.REFUSED)

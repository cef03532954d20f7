"""``counterseal shred``: destroy the sensitive values of an action."""

from typing import Annotated

import typer

from counterseal import oversight
from counterseal.calls import made
from counterseal.cli.screen import AsJson, is_interactive, local, out, plain, print_json
from counterseal.cli.server import server
from counterseal.cli.votes import ActionArgument, Reason, Yes
from counterseal.core.wire import Shredding

Request = Annotated[
    str | None, typer.Option(help="What asked for it: an erasure request, a ticket.")
]


def shred(
    action: ActionArgument,
    *,
    reason: Reason,
    request: Request = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy the sensitive values of ACTION, which has closed. Nobody can bring them back.

    The log still verifies: what was committed to stays committed to.

    Example: counterseal shred act_0123456789abcdef0123456789abcdef --reason "asked to be forgotten"
    """
    asked = made(Shredding, {"reason": reason, "request": request})
    if is_interactive() and not yes:
        typer.confirm(f"Destroy the sensitive values of {action}?", abort=True, err=True)
    with server() as line:
        gone = line.ask(oversight.shred(action, asked))
    if as_json:
        print_json(gone)
        return
    places = ", ".join(gone.pointers)
    said = f"{gone.action_id}: {places} shredded at {local(gone.at)} by {gone.by}: {gone.because}"
    out().print(plain(said), soft_wrap=True)

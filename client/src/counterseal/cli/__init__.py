"""The command ``counterseal``: results on stdout, all else on stderr, never a stack trace."""

import io
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from counterseal.cli import (
    actions,
    custody,
    evidence,
    history,
    keys,
    ledger,
    policy,
    replay,
    review,
    votes,
)
from counterseal.cli.exits import Exit, exit_of, table
from counterseal.cli.inert import visible
from counterseal.errors import CountersealError

app = typer.Typer(
    name="counterseal",
    help="Ask before you act: see, answer, explain and check the actions of AI agents.\n\n"
    "COUNTERSEAL_URL and COUNTERSEAL_API_KEY say where the server is and who you are.\n\n"
    "Example: counterseal actions ls --state HELD\n\nExit codes:\n\n" + table(),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(actions.app, name="actions")
app.add_typer(review.app, name="review")
app.add_typer(policy.app, name="policy")
app.add_typer(ledger.ledger, name="ledger")
app.add_typer(evidence.app, name="evidence")
app.add_typer(keys.keys, name="keys")
app.add_typer(keys.roster, name="roster")
for _command in (
    votes.approve,
    votes.deny,
    votes.withdraw,
    custody.shred,
    history.history,
    replay.replay,
    keys.whoami,
):
    app.command()(_command)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a narrow terminal is no reason to fail
    try:
        app(args=args, prog_name="counterseal")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.OK
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except CountersealError as error:
        return _say(str(error), exit_of(error), error)
    except Exception as error:  # noqa: BLE001 - people never see a stack trace
        sentence = f"{type(error).__name__}: {error}. This is a mistake of ours"
        return _say(f"{sentence}; COUNTERSEAL_DEBUG=1 shows where.", Exit.BUG, error)
    return Exit.OK


def _say(sentence: str, code: Exit, error: BaseException) -> int:
    if os.environ.get("COUNTERSEAL_DEBUG") == "1":
        traceback.print_exception(error)
    lines = [visible(line) for line in sentence.splitlines()]
    sys.stderr.write("counterseal: " + "\n".join(lines) + "\n")
    return code

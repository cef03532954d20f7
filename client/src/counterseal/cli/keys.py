"""``counterseal keys``, ``roster`` and ``whoami``: who may do what."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from counterseal import oversight
from counterseal.calls import made
from counterseal.cli import judging
from counterseal.cli.screen import AsJson, err, facts, listing, local, out, plain, print_json
from counterseal.cli.server import server
from counterseal.cli.shown import print_exactly
from counterseal.core.canonical import Bounds, Json, parse
from counterseal.core.errors import Unreadable
from counterseal.core.wire import KeyView, NewKey, RosterView
from counterseal.core.words import Role
from counterseal.errors import Unsendable

keys = typer.Typer(
    help="Hand out and take back API keys.", no_args_is_help=True, rich_markup_mode=None
)
roster = typer.Typer(
    help="Say who is who: people, groups, agents.", no_args_is_help=True, rich_markup_mode=None
)

ROSTER = Bounds(size=4 * 1024 * 1024, depth=16, keys=200_000)


@keys.command("ls")
def list_keys(*, as_json: AsJson = False) -> None:
    """List API keys; never their secrets.

    Example: counterseal keys ls
    """
    with server() as line:
        found = line.ask(oversight.keys())
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    out().print(
        listing(("KEY", "ROLE", "SUBJECT", "ENVIRONMENT", "ISSUED", "REVOKED"), map(_row, found))
    )


@keys.command()
def issue(
    role: Annotated[Role, typer.Argument(help="What the key may do.")],
    subject: Annotated[str, typer.Argument(help="An agent's or a person's ID.")],
    *,
    environment: Annotated[str, typer.Option(help="Where it is used.")] = "production",
    as_json: AsJson = False,
) -> None:
    """Hand out a key. The secret is printed once, alone on stdout, and cannot be had again.

    Example: counterseal keys issue agent agent:paybot --environment staging
    """
    new = made(NewKey, {"role": role, "subject": subject, "environment": environment})
    with server() as line:
        key = line.ask(oversight.issue_key(new))
    if as_json:
        print_json(key)
        return
    err().print(Text("Key ").append_text(plain(key.key_id)).append(f" for {role} "), end="")
    err().print(plain(key.subject).append("; keep this secret, it is shown this once:"))
    sys.stdout.write(f"{key.secret or ''}\n")


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's ID, as `keys ls` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Stop a key from working, for good.

    Example: counterseal keys revoke 0123456789abcdef
    """
    with server() as line:
        line.ask(oversight.revoke_key(key))
    if as_json:
        print_json({"key_id": key, "revoked": True})
    else:
        out().print(plain(key).append(" is revoked."))


@roster.command("show")
def show_roster(*, as_json: AsJson = False) -> None:
    """Show people with their groups, and agents with their owners.

    Example: counterseal roster show --json > roster.json
    """
    with server() as line:
        found = line.ask(oversight.roster())
    if as_json:
        print_json(found)
        return
    out().print(Text(f"version {found.version}"))
    print_exactly(out(), {"people": [*found.people], "agents": [*found.agents]})


@roster.command("set")
def set_roster(
    file: Annotated[
        Path,
        typer.Argument(help="A .yaml file, or JSON as `roster show --json` prints; - is stdin."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Replace the roster. Open holds count later votes by the new one.

    Example: counterseal roster set roster.json
    """
    is_yaml = file.suffix in (".yaml", ".yml")
    content = judging.read_yaml(file) if is_yaml else read_json(file, ROSTER)
    if isinstance(content, dict):
        content.pop("version", None)
    new = made(RosterView, content if isinstance(content, dict) else {"people": content})
    with server() as line:
        found = line.ask(oversight.set_roster(new))
    if as_json:
        print_json(found)
    else:
        out().print(Text(f"The roster is now at version {found.version}."))


def whoami(*, as_json: AsJson = False) -> None:
    """Tell what the server takes you for.

    Example: counterseal whoami
    """
    with server() as line:
        me = line.ask(oversight.whoami())
    if as_json:
        print_json(me)
        return
    named = ("tenant", "role", "subject", "environment", "key_id")
    out().print(facts((name, plain(getattr(me, name))) for name in named))


def read_json(file: Path, bounds: Bounds) -> Json:
    """Read a JSON file strictly; ``-`` is stdin. Raises ``Unsendable``."""
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return parse(text, bounds)
    except OSError as error:
        raise Unsendable(f"{file} cannot be read: {error.strerror}.") from error
    except Unreadable as error:
        raise Unsendable(f"{file}: {error}") from error


def _row(key: KeyView) -> tuple[Text, ...]:
    return (
        plain(key.key_id),
        plain(key.role),
        plain(key.subject),
        plain(key.environment),
        plain(local(key.issued_at)),
        plain(local(key.revoked_at)),
    )

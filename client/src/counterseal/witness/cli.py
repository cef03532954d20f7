"""The command ``counterseal-witness``: make a key, and serve."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from counterseal.core.tlog.note import BadNote, VerifierKey
from counterseal.core.tlog.trust import parse_trust
from counterseal.witness.keys import BadKey, Logs, WitnessKey, make_key, read_key

app = typer.Typer(
    name="counterseal-witness",
    help="Cosign the checkpoints of transparency logs that only ever grow (C2SP tlog-witness).\n\n"
    "Example: counterseal-witness serve --name witness.example/w1 --key witness.pem "
    "--state state --logs trust.txt",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Option(help="Whom it cosigns as, for example witness.example/w1.")]


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="Where the private key is kept, mode 0600.")],
    *,
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a key if there is none, and print its public half for logs and trust files.

    Example: counterseal-witness key witness.pem --name witness.example/w1
    """
    verifier = str(WitnessKey(name, make_key(file)).verifier)
    told = json.dumps({"file": str(file), "name": name, "key": verifier}) if as_json else verifier
    sys.stdout.write(told + "\n")


@app.command()
def serve(  # noqa: PLR0913 - one parameter per option
    *,
    name: Name,
    key: Annotated[Path, typer.Option(help="Its private key (PKCS #8 PEM, Ed25519).")],
    state: Annotated[Path, typer.Option(help="Folder for what it cosigned last. Never lose it.")],
    log: Annotated[
        list[str] | None, typer.Option(help="The verifier key of a log; repeat it for more.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="A verifier key for every log whose origin begins with its name and /."),
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(help="A trust file (C2SP tlog-policy); its log lines count.")
    ] = None,
    publish: Annotated[
        Path | None,
        typer.Option(help="Folder that takes each cosigned checkpoint as a new file."),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="On which port.")] = 8430,
) -> None:
    """Serve add-checkpoint to the logs that are named, until told to stop.

    Example: counterseal-witness serve --name witness.example/w1 --key witness.pem --state state
    --log example.com/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
    """
    known = _known(log or [], family or [], logs)
    mine = WitnessKey(name, read_key(key))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("counterseal.witness").info("ready key=%s", mine.verifier)
    try:
        from counterseal.witness.program import run  # noqa: PLC0415 - only a witness has the extra
    except ImportError as error:
        raise BadKey(
            f"{error.name} is not installed; pip install 'counterseal[witness]'."
        ) from error
    run(mine, known, state, publish, (host, port))


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; people never see a stack trace."""
    try:
        app(args=args, prog_name="counterseal-witness")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except (BadKey, BadNote, OSError) as error:
        sys.stderr.write(f"counterseal-witness: {error}\n")
        return 1
    return 0


def _known(log: list[str], family: list[str], trust: Path | None) -> Logs:
    named = parse_trust(trust.read_text("utf-8")).logs if trust is not None else ()
    known = Logs(
        (*(VerifierKey.parse(each) for each in log), *named),
        tuple(VerifierKey.parse(each) for each in family),
    )
    if not known.keys and not known.families:
        raise typer.BadParameter("name at least one log with --log, --family or --logs")
    return known


if __name__ == "__main__":
    sys.exit(main())

"""``counterseal evidence``: take evidence along that can be checked without trusting us."""

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from counterseal import oversight
from counterseal.calls import made
from counterseal.cli.options import Options, taking
from counterseal.cli.screen import AsJson, err, facts, out, plain, print_json
from counterseal.cli.server import instant, server
from counterseal.cli.verification import verify
from counterseal.core.canonical import Json
from counterseal.core.packages import NewPackage, Profile
from counterseal.core.words import Risk, Verdict
from counterseal.errors import Unreachable, Unsendable

app = typer.Typer(
    help="Take evidence along that can be checked without trusting us.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SCOPE: Options = {
    "action": Annotated[
        list[str] | None, typer.Option(help="An action's ID; can be given several times.")
    ],
    "query": Annotated[
        list[str] | None,
        typer.Option(help="name=value: the actions that fit, by the filters of `actions ls`."),
    ],
    "since": Annotated[
        str | None, typer.Option(help="Everything recorded since: 7d, or an RFC 3339 instant.")
    ],
    "until": Annotated[str | None, typer.Option(help="And until; now if it is not given.")],
    "risk": Annotated[
        list[Risk] | None, typer.Option(help="Of a period, show actions of this risk only.")
    ],
    "action_class": Annotated[
        list[str] | None, typer.Option("--class", help="Of a period, show this class only.")
    ],
    "effective": Annotated[
        list[Verdict] | None, typer.Option(help="Of a period, show those answered so only.")
    ],
}
_TIMES = {"since", "until"}
_PERIOD_FILTERS = ("risk", "action_class", "effective")


def _scope(given: Mapping[str, Any]) -> dict[str, Json]:
    """Read what is to be taken along: single actions, those that fit, or a period."""
    filters = {name: given[name] for name in _PERIOD_FILTERS if given[name]}
    ways = [name for name in ("action", "query", "since") if given[name]]
    match ways, given["until"], filters:
        case ["action"], None, {} if not filters:
            return {"kind": "actions", "action_ids": tuple(given["action"])}
        case ["query"], None, {} if not filters:
            return {"kind": "query", "filters": dict(map(_filter, given["query"]))}
        case ["since"], until, _:
            times = {"since": instant(given["since"]), "until": instant(until)}
            named = {name: value for name, value in times.items() if value is not None}
            return {"kind": "period", **named, "filters": filters}
        case ["action"] | ["query"], _, _:
            raise Unsendable(
                "--until, --risk, --class and --effective belong to --since; with --query, write "
                "--query risk=high."
            )
        case _:
            raise Unsendable("say what to take along: either --action, or --query, or --since.")


@app.command()
@taking(SCOPE, "scope", _scope)
def export(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The ZIP file to write.")],
    purpose: Annotated[str, typer.Option(help="Kept as evidence; write for an auditor.")],
    scope: dict[str, Json],
    profile: Annotated[Profile, typer.Option(help="How much is shown.")] = Profile.FULL,
    disclose: Annotated[
        list[str] | None,
        typer.Option(help="/pointer of a sensitive value to take along in clear, on record."),
    ] = None,
    since_checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint you kept: prove that the log only grew.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take evidence along: of single actions, of those that fit, or of everything in a period.

    That it was taken, by whom and what for, is recorded before the file is there.

    Example: counterseal evidence export --since 7d --risk high --purpose "review 14" -o week.zip
    """
    terms: dict[str, Json] = {
        "scope": scope,
        "purpose": purpose,
        "profile": profile,
        "disclose": tuple(disclose or ()),
        "since": _read(since_checkpoint),
    }
    new = made(NewPackage, terms)
    _check_output(output)
    with server() as line, _progress():
        package = line.ask(oversight.evidence(new))
    told = _described(package)  # before it is kept: what is no package is not written
    try:
        output.write_bytes(package)
    except OSError as error:
        raise Unsendable(f"{output} cannot be written: {error.strerror}.") from error
    _tell(output, package, told, as_json=as_json)


@app.command()
def trust(*, as_json: AsJson = False) -> None:
    """Print the keys that the server says it uses, as a trust file.

    Whoever could show you a false log could show you false keys: compare them with what those in
    charge of signer and witnesses tell you themselves.

    Example: counterseal evidence trust > trust.txt
    """
    with server() as line:
        text = line.ask(oversight.trust()).decode()
    if as_json:
        print_json({"trust": text})
    else:
        sys.stdout.write(text)


app.command()(verify)


def _filter(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise Unsendable(f"--query {text!r} is not name=value, for example tool=refund_order.")
    return name, (instant(value) or "") if name in _TIMES else value


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unsendable(f"{path} cannot be read as a checkpoint: {error}") from error


def _check_output(path: Path) -> None:
    """Find out before anything is recorded that a file cannot be written."""
    if path.exists():
        raise Unsendable(f"{path} is there already; evidence is not overwritten, name another.")
    if not path.absolute().parent.is_dir():
        raise Unsendable(f"{path.absolute().parent} is no folder to write to.")


def _progress() -> Progress:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("Gathering evidence"),
        TimeElapsedColumn(),
        console=err(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    progress.add_task("export", total=None)
    return progress


def _described(package: bytes) -> dict[str, Json]:
    """Read what a package says of itself."""
    try:
        with zipfile.ZipFile(BytesIO(package)) as archive:
            events = archive.read("events.jsonl").count(b"\n")
            envelope = json.loads(archive.read("statement.dsse.json"))
        said = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        return {
            "log": str(said["log"]),
            "tree_size": int(said["tree"]["size"]),
            "events": events,
            "withheld": int(said["withheld"]),
            "profile": str(said["profile"]),
            "signed_by": str(envelope["signatures"][0]["keyid"]),
        }
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, IndexError) as error:
        raise Unreachable("the answer is no evidence package; check the URL.") from error


def _tell(output: Path, package: bytes, told: Mapping[str, Json], *, as_json: bool) -> None:
    digest = hashlib.sha256(package).hexdigest()
    if as_json:
        print_json({"file": str(output), "bytes": len(package), "sha256": digest, **told})
        return
    hidden = f", {told['withheld']} of them by their hash only" if told["withheld"] else ""
    out().print(
        facts(
            [
                ("file", plain(output)),
                ("size", f"{len(package):,} bytes"),
                ("sha256", digest),
                ("log", plain(told["log"])),
                ("as of", f"{told['tree_size']:,} events"),
                ("events", plain(f"{told['events']}{hidden}")),
                ("signed by", plain(told["signed_by"])),
                ("check it", plain(f"python counterseal_verify.py {output} --trust trust.txt")),
            ]
        )
    )

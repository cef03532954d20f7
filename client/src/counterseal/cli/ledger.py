"""``counterseal ledger``: follow the tamper-evident log, and check all of it."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from counterseal import oversight
from counterseal.cli.exits import Exit
from counterseal.cli.screen import AsJson, err, facts, out, plain, print_json
from counterseal.cli.server import server
from counterseal.client import Counterseal
from counterseal.core.canonical import Json
from counterseal.core.errors import Unreadable
from counterseal.core.links import leaf_hash, unseal
from counterseal.core.tlog.audit import LogAudit, Stored
from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import BadNote, Note
from counterseal.core.tlog.trust import Trust, parse_trust
from counterseal.errors import CountersealError, Unreachable, Unsendable
from counterseal.following import Shelf

ledger = typer.Typer(
    help="Follow the tamper-evident log, and check all of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Untrusted(CountersealError):  # noqa: N818 - it reads as what it is
    """A checkpoint that is not signed as the caller's own trust file demands."""

    code = "untrusted"


PAGE = 2000
"""Events per request."""


@dataclass(frozen=True, slots=True)
class Believed:
    """A checkpoint of the server's, and who vouches for it."""

    checkpoint: Checkpoint
    note: Note
    by: str


@ledger.command()
def verify(
    *,
    trust: Annotated[
        Path | None, typer.Option(help="Your trust file: the keys of log and witnesses.")
    ] = None,
    since: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint you kept; can be given several times."),
    ] = None,
    remember: Annotated[
        bool, typer.Option(help="Compare with the checkpoint of last time, and keep this one.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Read the whole log and compare it with the signed checkpoint and with what you kept.

    Exit code 1 means that something recorded was changed, dropped, moved or back-dated, or that
    the checkpoint is not signed as your trust file demands.

    Example: counterseal ledger verify --trust trust.txt
    """
    shelf = Shelf.of_user(os.environ) if remember else None
    with server() as line:
        tenant = line.ask(oversight.whoami()).tenant
        believed = _believed(line.ask(oversight.checkpoint()).decode(), trust)
        kept = _kept(believed.checkpoint.origin, since or [], shelf)
        audit = LogAudit(tenant, {believed.checkpoint: "that the server shows", **kept})
        _read(line, audit, believed.checkpoint.size)
    audit.finish()
    if shelf is not None and audit.is_sound:
        shelf.keep(believed.checkpoint.origin, str(believed.note))
    _tell(audit, believed, len(kept), as_json=as_json)
    if not audit.is_sound:
        raise typer.Exit(Exit.REFUSED)


@ledger.command()
def checkpoint(*, as_json: AsJson = False) -> None:
    """Print the log's newest signed checkpoint, with the witnesses' cosignatures; keep it.

    Example: counterseal ledger checkpoint > checkpoint.txt
    """
    with server() as line:
        text = line.ask(oversight.checkpoint()).decode()
    said, _ = parse_checkpoint(text)
    if as_json:
        size, root = said.size, said.root.hex()
        print_json({"log": said.origin, "size": size, "root": root, "checkpoint": text})
        return
    sys.stdout.write(text)


def _believed(text: str, trust: Path | None) -> Believed:
    """Read the server's checkpoint, and hold it to the trust file if there is one."""
    try:
        checkpoint, note = parse_checkpoint(text)
    except BadNote as error:
        raise Unreachable(f"the server's checkpoint cannot be read: {error}") from error
    if trust is None:
        return Believed(checkpoint, note, "nobody you named: give --trust")
    keys = _trusted(trust)
    try:
        sealed, witnessed = keys.is_sealed(checkpoint.origin, note), keys.is_witnessed(note)
    except BadNote as error:
        raise Untrusted(f"the checkpoint of {checkpoint.origin}: {error}") from error
    if not sealed:
        raise Untrusted(f"{trust} names no key that has signed for {checkpoint.origin}.")
    if not witnessed:
        raise Untrusted(f"{checkpoint.origin} lacks the witnesses that {trust} demands.")
    witnesses = note.signed_by(keys.witnesses.values())
    return Believed(checkpoint, note, ", ".join(["the log", *(each.name for each in witnesses)]))


def _trusted(path: Path) -> Trust:
    try:
        return parse_trust(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, BadNote) as error:
        raise Unsendable(f"{path} cannot be read as a trust file: {error}") from error


def _kept(origin: str, since: Sequence[Path], shelf: Shelf | None) -> dict[Checkpoint, str]:
    """Gather the checkpoints of this log that the caller kept, with how each is told of."""
    kept: dict[Checkpoint, str] = {}
    for path in since:
        try:
            checkpoint, _ = parse_checkpoint(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, BadNote) as error:
            raise Unsendable(f"{path} cannot be read as a checkpoint: {error}") from error
        if checkpoint.origin != origin:
            raise Unsendable(f"{path} is a checkpoint of {checkpoint.origin}, not of {origin}.")
        kept[checkpoint] = f"kept in {path.name}"
    last = shelf.find(origin) if shelf is not None else None
    return {last: "kept when you last verified it", **kept} if last is not None else kept


def _read(line: Counterseal, audit: LogAudit, size: int) -> None:
    """Read the log from its first event to ``size``, showing how far it is."""
    with Progress(
        TextColumn("Verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
    ) as progress:
        task = progress.add_task("verify", total=size)
        while audit.size < size:
            page = line.ask(oversight.entries(audit.size, min(PAGE, size - audit.size)))
            events = _events(page, audit.size)
            if not events:
                break
            audit.take(events)
            progress.update(task, completed=audit.size)


def _events(page: bytes, start: int) -> list[Stored]:
    """Read a page of events, one text per line."""
    return [_event(seq, written) for seq, written in enumerate(page.splitlines(), start)]


def _event(seq: int, written: bytes) -> Stored:
    """Read an event; where it stands follows from its own text, and is compared with its place."""
    leaf = leaf_hash(written)
    try:
        envelope = unseal(written)
        match envelope["event"]:
            case {"kind": str(kind)}:
                stream, version = str(envelope["stream"]), int(str(envelope["version"]))
                return Stored(seq, stream, version, kind, written, leaf)
            case _:
                pass
    except (Unreadable, KeyError, ValueError):
        pass
    return Stored(seq, "unreadable", 0, "unreadable", written, leaf)  # which the audit will say


def _tell(audit: LogAudit, believed: Believed, kept: int, *, as_json: bool) -> None:
    if as_json:
        print_json(_told(audit, believed, kept))
        return
    out().print(
        facts(
            [
                ("log", plain(believed.checkpoint.origin)),
                ("events", f"{audit.size:,}"),
                ("root", believed.checkpoint.root.hex()),
                ("signed by", plain(believed.by)),
                ("checkpoints kept", f"{kept} compared with" if kept else "none yet"),
            ]
        )
    )
    for each in audit.findings:
        out().print(
            Text(f"{each.code:<13} ", style="bold red").append_text(plain(each.sentence)),
            soft_wrap=True,
        )
    verdict = (
        Text("Nothing was changed, dropped, moved or back-dated.", style="green")
        if audit.is_sound
        else Text("This is not the log that was signed.", style="bold red")
    )
    out().print(verdict)


def _told(audit: LogAudit, believed: Believed, kept: int) -> Json:
    return {
        "log": believed.checkpoint.origin,
        "size": audit.size,
        "root": believed.checkpoint.root.hex(),
        "signed_by": believed.by,
        "kept": kept,
        "sound": audit.is_sound,
        "findings": [
            {"code": each.code, "seq": each.seq, "sentence": each.sentence}
            for each in audit.findings
        ],
    }

"""Checks of the log on the server's side, straight from the database.

Example: python -m entrypoints.ledger verify DSN --tenant main --trust trust.txt --kept checkpoints/
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from activities.auditing import audit_log
from adapters.postgres.audited_log import PostgresAuditedLog
from adapters.postgres.pool import open_pool
from counterseal.core.tlog.audit import LogAudit
from counterseal.core.tlog.checkpoint import Checkpoint, origin_of, parse_checkpoint
from counterseal.core.tlog.note import BadNote, Note, cosigned_at
from counterseal.core.tlog.trust import Trust, parse_trust
from domain.ports import Unavailable


def main() -> int:
    """Do what was asked: 0 if the log is sound, 1 if it is not, 2 if it could not be checked."""
    options = _options()
    try:
        audit = asyncio.run(_verify(options))
    except (Unavailable, BadNote, OSError, UnicodeDecodeError) as error:
        print(f"ledger {options.command}: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 2
    if options.json:
        print(json.dumps(_told(audit)))  # noqa: T201 - it is a command
    else:
        _tell(audit)
    return 0 if audit.is_sound else 1


async def _verify(options: argparse.Namespace) -> LogAudit:
    origin = origin_of(options.origin, options.tenant)
    kept = read_kept(options.kept or (), origin, options.trust)
    async with open_pool(options.dsn, size=2, patience=30) as pool:
        with Progress(
            TextColumn("Verifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            task = progress.add_task("verify", total=None)
            return await audit_log(
                PostgresAuditedLog(pool),
                options.tenant,
                kept,
                lambda done, total: progress.update(task, completed=done, total=total),
            )


def read_kept(paths: Sequence[Path], origin: str, trust: Path | None) -> dict[Checkpoint, str]:
    """Read checkpoints of one log that were kept outside, each with how it is told of.

    Folders are searched through. With a trust file, only what it vouches for is taken. Raises
    ``BadNote`` or ``OSError``.
    """
    believed = parse_trust(trust.read_text("utf-8")) if trust is not None else None
    kept: dict[Checkpoint, str] = {}
    for path in _files(paths):
        checkpoint, note = parse_checkpoint(path.read_text("utf-8"))
        if checkpoint.origin != origin:
            continue
        if believed is not None and not (
            believed.is_sealed(checkpoint.origin, note) and believed.is_witnessed(note)
        ):
            raise BadNote(f"{path.name} is not signed as {trust} demands.")
        kept[checkpoint] = _said(note, believed)
    return kept


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (
            sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        )


def _said(note: Note, trust: Trust | None) -> str:
    """Say when somebody outside saw this checkpoint."""
    if trust is None:
        return "that was kept"
    names = {(key.name, key.id): name for name, key in trust.witnesses.items()}
    seen = [
        f"{names[each.name, each.key_id]} saw it at {datetime.fromtimestamp(at, UTC):%F %T}Z"
        for each in note.signatures
        if (each.name, each.key_id) in names and (at := cosigned_at(each.value)) is not None
    ]
    return f"when {seen[0]}" if seen else "that the log signed"


def _tell(audit: LogAudit) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for each in audit.findings:
        console.print(Text(f"{each.code:<13} ", style="bold red").append(each.sentence, style=""))
    verdict = (
        Text(f"All {audit.size:,} events are as they were recorded", style="green")
        if audit.is_sound
        else Text("This is not the log that was recorded", style="bold red")
    )
    console.print(verdict.append(f"; compared with {len(audit.kept)} kept checkpoints."))


def _told(audit: LogAudit) -> dict[str, object]:
    return {
        "tenant": audit.tenant,
        "size": audit.size,
        "root": audit.root.hex(),
        "kept": len(audit.kept),
        "sound": audit.is_sound,
        "findings": [
            {"code": each.code, "seq": each.seq, "sentence": each.sentence}
            for each in audit.findings
        ],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m entrypoints.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("verify", help="read a tenant's whole log and compare it")
    one.add_argument("dsn", help="a Postgres URL; a role that may read will do")
    one.add_argument("--tenant", default="main")
    one.add_argument("--origin", default="counterseal.local", help="as COUNTERSEAL_LOG_ORIGIN")
    one.add_argument("--trust", type=Path, help="trust file that kept checkpoints are held to")
    one.add_argument(
        "--kept", type=Path, nargs="*", help="checkpoints that were kept: files, or folders of them"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

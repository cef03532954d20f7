"""The demo's last chapter: its actions as evidence, checked by a program that does not know us."""

import asyncio
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from counterseal import AsyncCounterseal, oversight
from counterseal.core.packages import ActionsScope, NewPackage
from entrypoints.packager import VERIFIER
from entrypoints.stack import ROOT

FOLDER = ROOT / ".counterseal-demo"
LAST_LINES = 12


async def take_along(
    console: Console, auditor: AsyncCounterseal, trust_file: Path, actions: Iterable[str]
) -> bool:
    """Export the evidence of ``actions`` and have it checked; say whether it is good."""
    new = NewPackage(
        scope=ActionsScope(action_ids=tuple(actions)),
        purpose="To be checked on a machine that has only Python",
    )
    package = await auditor.ask(oversight.evidence(new))
    FOLDER.mkdir(exist_ok=True)
    kept, trust = FOLDER / "evidence.zip", FOLDER / "trust.txt"
    await asyncio.to_thread(kept.write_bytes, package)
    await asyncio.to_thread(shutil.copyfile, trust_file, trust)
    # An interpreter that finds no package at all, as on a machine that has only Python.
    command = ["-I", "-S", str(VERIFIER), str(kept), "--trust", str(trust)]
    checking = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await checking.communicate()
    shown = "python " + " ".join(_from_here(each) for each in command[2:])
    console.print(Text(f"{len(package):,} bytes of evidence, checked offline:\n\n   $ {shown}"))
    for line in said.decode().splitlines()[-LAST_LINES:]:
        console.print(Text(f"   {line}"), soft_wrap=True)
    return checking.returncode == 0


def _from_here(word: str) -> str:
    return word.removeprefix(f"{ROOT}/")

"""Where a page is played: its blocks are run as a reader would, in order, in one shell."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterseal.core.action import action_id
from entrypoints.bootstrap import Keys
from tests.docs.pages import Block
from tests.support.stack import Caller

AGENT = "support-agent"
URL = "http://127.0.0.1:8420"
LONGEST = 240
ORDERS = ("order-4411", "order-5001", "order-7001")
"""The idempotency keys of the actions that guides name by their ID."""

_ENDS_WITH = re.compile(r"^(?P<command>.*?)  # exit code (?P<code>\d+)$", re.DOTALL)
_MARK = "@@ "


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder, a tenant in it, and the keys of everybody."""

    url: str
    tenant: str
    folder: Path
    keys: Keys

    def play(self, blocks: Sequence[Block]) -> dict[str, list[str]]:
        """Run a page's blocks; return the lines each one printed, by where it stands."""
        for block in blocks:
            if block.file is not None:
                (self.folder / block.file).write_text(self.here(block.text), "utf-8")
        runnable = [block for block in blocks if block.language == "sh" and block.runs]
        script = "".join(
            f"printf '\\n{_MARK}%s\\n' {each.where}\n{self.here(_checked(each.text))}"
            for each in runnable
        )
        done = self._run(["bash", "-euc", script])
        printed: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            if line.startswith(_MARK):
                printed[line.removeprefix(_MARK)] = []
            elif printed:
                printed[[*printed][-1]].append(line)
        last = [*printed][-1] if printed else "the first block"
        assert done.returncode == 0, f"{last} ended with {done.returncode}:\n{done.stdout[-3000:]}"
        return printed

    def run_python(self, block: Block) -> None:
        """Run a program as the agent, while somebody approves whatever it asks for."""
        with self._somebody_who_agrees():
            done = self._run(
                [sys.executable, "-W", "error", "-c", self.here(block.text)],
                COUNTERSEAL_URL=self.url,
                COUNTERSEAL_API_KEY=self.keys.agent,
            )
        assert done.returncode == 0, f"{block.where}:\n{done.stdout[-3000:]}"

    def here(self, text: str) -> str:
        """Put our address, and the IDs that actions have in our tenant, in place of the page's."""
        for key in ORDERS:
            text = text.replace(action_id("main", AGENT, key), action_id(self.tenant, AGENT, key))
        return text.replace(URL, self.url)

    def _run(self, command: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSEAL_")}
        return subprocess.run(  # noqa: S603 - what our own pages say
            command,
            cwd=self.folder,
            env={**clean, "NO_COLOR": "1", **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    @contextmanager
    def _somebody_who_agrees(self) -> Iterator[None]:
        alan = Caller(self.url, self.keys.approvers["alan"])
        enough = threading.Event()

        def agree() -> None:
            while not enough.wait(0.1):
                for held in alan.http.get("/v1/actions?state=HELD").json()["items"]:
                    alan.vote(held)

        agreeing = threading.Thread(target=agree)
        agreeing.start()
        try:
            yield
        finally:
            enough.set()
            agreeing.join()
            alan.http.close()


@dataclass(frozen=True, slots=True)
class Played:
    """A page that was played to its end, and the lines each of its blocks printed."""

    scene: Scene
    printed: dict[str, list[str]]


def _checked(text: str) -> str:
    """Make a command that must fail with a code fail the page if it does not."""
    written: list[str] = []
    for command in re.split(r"(?<!\\)\n", text):
        if (ends := _ENDS_WITH.match(command)) is not None:
            code = ends["code"]
            written.append(f"code=0; {ends['command']} || code=$?")
            written.append(f'[ "$code" = {code} ] || {{ echo "not {code} but $code"; exit 99; }}')
        else:
            written.append(command)
    return "\n".join(written)


def unmet(expected: str, printed: Sequence[str]) -> list[str]:
    """Find the lines of ``expected`` that were not printed, in order; ``…`` stands for anything."""
    missing = []
    left = iter([" ".join(line.split()) for line in printed])
    for line in expected.splitlines():
        wanted = re.escape(" ".join(line.split())).replace("…", ".*")
        if wanted and not any(re.fullmatch(wanted, each) for each in left):
            missing.append(line)
            break  # whatever follows has nothing left to be found in
    return missing

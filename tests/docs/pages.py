"""The documentation as data: its pages, and the blocks in them that can be run."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "client" / "README.md",
        ROOT / "temporal" / "README.md",
        ROOT / "verify" / "README.md",
    ]
)

GUIDES = [
    *("docs/tutorial.md", "README.md", "docs/operate.md", "docs/evidence.md"),
    "docs/review.md",
]
"""Pages that readers follow from top to bottom, the longest first."""

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``info`` is what stands behind the fence: its language, and our marks.

    ``sh run`` and ``python run`` are run, ``save=NAME`` is kept as a file for those that follow.
    Markdown shows none of this to readers.
    """

    page: Path
    line: int
    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def runs(self) -> bool:
        return "run" in self.info

    @property
    def file(self) -> str | None:
        return next((word[5:] for word in self.info if word.startswith("save=")), None)

    @property
    def where(self) -> str:
        return f"{named(self.page)}:{self.line}"


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def read(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path) -> list[Block]:
    text = read(page)
    return [
        Block(page, text.count("\n", 0, each.start()) + 1, tuple(each[1].split()), each[2])
        for each in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    return _FENCE.sub("", read(page))


def rows(page: Path, heading: str) -> Iterator[list[str]]:
    """Yield the cells of every table row below ``heading``."""
    section = re.split(r"^## ", read(page), flags=re.MULTILINE)
    for part in section:
        if part.partition("\n")[0].strip() == heading:
            for line in part.splitlines():
                if line.startswith("| "):
                    yield [cell.strip() for cell in line.strip("|").split("|")]


def tracked() -> list[Path]:
    """List what git keeps, or is about to."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in found if path.is_file()]

"""Time and identity are arguments of the domain: ruff refuses what would fetch them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
BANNED = {
    "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n": "Take the time",
    "from datetime import datetime\n\nNOW = datetime.today()\n": "Take the time",
    "import datetime as clock\n\nNOW = clock.datetime.now(clock.UTC)\n": "Take the time",
    "from datetime import date\n\nDAY = date.today()\n": "Take the day",
    "import time\n\nNOW = time.time()\n": "Take the time",
    "from time import monotonic\n\nNOW = monotonic()\n": "Take the time",
    "import uuid\n\nID = uuid.uuid4()\n": "Take the ID",
    "from uuid import uuid4\n\nID = uuid4()\n": "Take the ID",
    "import random\n\nDRAWN = random.random()\n": "Take what was drawn",
    "import secrets\n\nDRAWN = secrets.token_hex()\n": "Take what was drawn",
    "import os\n\nHOME = os.environ\n": "Take what the environment says",
}


def test_the_domain_keeps_the_rules_of_the_house() -> None:
    settings = tomllib.loads((HOUSE / "domain/ruff.toml").read_text(encoding="utf-8"))
    assert settings["extend"] == "../pyproject.toml"


@pytest.mark.parametrize("source", BANNED)
def test_ruff_refuses_what_would_fetch_the_time(source: str) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff is not None
    ran = subprocess.run(  # noqa: S603 - a command of ours with arguments of ours
        [ruff, "check", "--no-cache", "--select", "TID251", "--stdin-filename", "domain/x.py", "-"],
        cwd=HOUSE,
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert BANNED[source] in ran.stdout

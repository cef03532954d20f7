"""How a migration runs the SQL files beside it."""

from pathlib import Path

from alembic import op

_FILES = Path(__file__).parent / "sql"


def run(*names: str) -> None:
    """Run SQL files as they are written: no placeholders, no escapes."""
    for name in names:
        op.get_context().impl.static_output((_FILES / name).read_text("utf-8"))

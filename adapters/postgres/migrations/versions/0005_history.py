"""What reviews ask: votes, tallies, refusals, policy changes."""

from adapters.postgres.migrations.script import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add it."""
    run("0005_history.sql")

"""The Merkle tree over each tenant's log, kept by the append function; events by tenant and time."""

from adapters.postgres.migrations.script import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add it."""
    run("0002_events.sql", "0002_tree.sql")

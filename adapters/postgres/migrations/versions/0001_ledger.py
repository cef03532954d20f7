"""The ledger: events, the read model, the counters and the one function that writes them."""

from adapters.postgres.migrations.script import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    run("0001_tables.sql", "0001_append.sql", "0001_reads.sql", "0001_rights.sql")

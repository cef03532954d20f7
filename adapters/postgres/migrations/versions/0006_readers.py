"""A role per tenant that can read that tenant and nothing else."""

from adapters.postgres.migrations.script import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add it."""
    run("0006_readers.sql")

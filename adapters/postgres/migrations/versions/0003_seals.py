"""Signed checkpoints, and the role that may publish them."""

from adapters.postgres.migrations.script import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add it."""
    run("0003_seals.sql")

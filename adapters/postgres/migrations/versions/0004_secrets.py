"""Sensitive arguments, encrypted, and their end."""

from adapters.postgres.migrations.script import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add it."""
    run("0004_secrets.sql")

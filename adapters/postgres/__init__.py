"""Speaks to Postgres, where the facts are kept."""
